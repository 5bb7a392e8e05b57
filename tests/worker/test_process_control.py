"""The drain flag."""

from __future__ import annotations

import os

from worker.process_control import DrainFlag


def test_a_flag_set_by_the_parent_is_seen_by_the_child_and_back() -> None:
    flag = DrainFlag()
    child = os.fork()
    if child == 0:
        flag.set()
        os._exit(0)
    os.waitpid(child, 0)
    assert flag()


def test_a_new_flag_is_not_set() -> None:
    assert not DrainFlag()()
