"""A worker process with the fake engine: `python -m tests.fakes.worker`; all else is the real thing."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from jobs.settings import JobSettings
from tests.fakes.engine import FakeEngine, Journal
from worker.devices.discovery import Device, fitting
from worker.main import Plan, run
from worker.settings import WorkerSettings


def fake_plan(settings: WorkerSettings) -> Plan:
    """Plan for the fake engine, told by the environment how slow it is, where its journal is, and which devices."""
    journal = os.environ.get("NST_FAKE_JOURNAL")
    names = os.environ.get("NST_FAKE_DEVICES", "").split()
    present = (*(Device(name=name, slot=f"serial-{name}") for name in names), Device(name="cpu"))
    engine = FakeEngine(
        step_seconds=float(os.environ.get("NST_FAKE_STEP_SECONDS", "0.02")),
        journal=Journal(Path(journal) if journal else None),
        networks=settings.models or ("lite",),
    )
    devices = fitting(settings.device, present)
    return Plan(models=engine.networks, devices=devices, make_engine=lambda device: replace(engine, device=device))


if __name__ == "__main__":
    run(JobSettings(), WorkerSettings(), fake_plan)
