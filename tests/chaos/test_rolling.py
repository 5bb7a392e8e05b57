"""One rolling restart of workers, API and Redis under load."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.chaos.rolling import run
from tests.chaos.system import Timing


@pytest.mark.acceptance
@pytest.mark.timeout(300)
def test_a_rolling_restart_of_everything_loses_nothing() -> None:
    # Not tmp_path: the sockets' paths must be short.
    with tempfile.TemporaryDirectory(prefix="nst-rolling-") as folder:
        rolling = asyncio.run(run(Path(folder), rounds=1, timing=Timing.quick()))
    assert rolling.violations() == [], asdict(rolling)
