"""One failover of Redis under load."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest

from tests.failover.__main__ import run


@pytest.mark.acceptance
@pytest.mark.timeout(300)
def test_no_accepted_job_is_lost_when_a_replica_is_promoted() -> None:
    # Not tmp_path: the sockets' paths must be short.
    with tempfile.TemporaryDirectory(prefix="nst-failover-") as folder:
        report = asyncio.run(run(Path(folder), rounds=1))
    assert report.violations() == [], vars(report)
