"""A worker process with the fake engine: `python -m tests.fakes.worker`; all else is the real thing."""

from __future__ import annotations

import os
from pathlib import Path

from jobs.settings import JobSettings
from tests.fakes.engine import FakeEngine, Journal
from worker.main import Plan, run
from worker.settings import WorkerSettings


def fake_plan(settings: WorkerSettings) -> Plan:
    """Plan for the fake engine, told by the environment how slow it is and where it keeps its journal."""
    journal = os.environ.get("NST_FAKE_JOURNAL")
    engine = FakeEngine(
        step_seconds=float(os.environ.get("NST_FAKE_STEP_SECONDS", "0.02")),
        journal=Journal(Path(journal) if journal else None),
        networks=settings.models or ("lite",),
    )
    return Plan(models=engine.networks, make_engine=lambda: engine)


if __name__ == "__main__":
    run(JobSettings(), WorkerSettings(), fake_plan)
