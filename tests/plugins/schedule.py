"""Decides in which order the tests run, and which of them share a process.

What mostly waits for real processes begins first, so that the rest fills the waits and no long test is left for the
end. Files that share a running service stay in one process, because each process has to start its own.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from xdist.scheduler import LoadScopeScheduling

WAITING = ("acceptance", "browser")  # markers
TOGETHER = ("tests/acceptance/", "tests/browser/")
LONG = ("tests/acceptance/test_demo.py", "tests/acceptance/test_documents.py")


class Scheduling(LoadScopeScheduling):
    """Keeps the tests of a file together, and those of a folder that shares a service."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folders = (folder for folder in TOGETHER if file.startswith(folder) and file not in LONG)
        return next(folders, file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    return Scheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect the tests without looking for garbage: modules and tests stay, and every process has millions of them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not any(map(item.get_closest_marker, WAITING)))
