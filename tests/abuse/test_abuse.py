"""The short run: every attack works and ends. Its times say nothing on a machine that does something else."""

from __future__ import annotations

import pytest

from tests.abuse.attacks import ATTACKS
from tests.abuse.run import MAX_MEMORY_BYTES, run


@pytest.mark.acceptance
def test_attacks_cost_little_memory() -> None:
    found = {figures.attack: figures for figures in run(quick=True)}
    assert list(found) == list(ATTACKS)
    assert [figures for figures in found.values() if figures.memory_bytes > MAX_MEMORY_BYTES] == []
    assert found["trailers"].answers == {"cut off": 1}
    assert found["conversions"].answers == {"200": 10}
    assert found["streams"].answers == {"200": 10}
