"""The short run of the chaos harness: real processes, eight kills, three-second leases."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest

from tests.chaos.run import run
from tests.chaos.system import Timing


@pytest.mark.acceptance
@pytest.mark.timeout(300)
def test_whatever_dies_every_accepted_job_ends_once() -> None:
    said: list[str] = []
    # Not tmp_path: the sockets' paths must be short.
    with tempfile.TemporaryDirectory(prefix="nst-chaos-") as folder:
        report = asyncio.run(run(Path(folder), kills=8, seed=11, timing=Timing.quick(), say=said.append))
    assert report.violations == [], (report, said)
