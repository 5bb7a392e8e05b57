import asyncio
from typing import Any

import pytest

from cli.main import main


def test_port_0_chooses_a_free_port_that_the_stack_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr("cli.commands.up.serve", started.append)
    monkeypatch.setattr(asyncio, "run", lambda _: None)
    monkeypatch.setenv("NST_PORT", "0")
    assert main(["up"]) == 0
    (settings,) = started
    assert settings.port > 0
