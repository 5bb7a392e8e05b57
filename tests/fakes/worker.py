"""A worker process with the fake engine: `python -m tests.fakes.worker`; everything else is real.

With NST_FAKE_GPU the engine is real, too, and only the GPU is not: see tests/fakes/gpu.py.
"""

from __future__ import annotations

import os
from pathlib import Path

from jobs.settings import JobSettings
from nst_engine.machine.devices import Device
from tests.fakes.engine import FakeEngine, Journal
from tests.fakes.gpu import engines_on
from worker.engine import EngineFactory
from worker.main import run
from worker.settings import WorkerSettings


def fake_engines(settings: WorkerSettings) -> EngineFactory:
    """Make fake engines as slow as the environment says, with its journal and on its devices."""
    journal = os.environ.get("NST_FAKE_JOURNAL")
    names = os.environ.get("NST_FAKE_DEVICES", "").split()
    devices = (*(Device(name=name, uuid=f"serial-{name}") for name in names), Device(name="cpu"))
    broken = os.environ.get("NST_FAKE_BROKEN_DEVICE")
    engine = FakeEngine(
        step_seconds=float(os.environ.get("NST_FAKE_STEP_SECONDS", "0.02")),
        journal=Journal(Path(journal) if journal else None),
        broken=Path(broken) if broken else None,
    )

    def make(device: str) -> FakeEngine:
        engine.check_device()
        return engine

    return EngineFactory(
        models=settings.models or ("lite",),
        devices=devices,
        make=make,
    )


if __name__ == "__main__":
    gpu = os.environ.get("NST_FAKE_GPU")
    run(JobSettings(), WorkerSettings(), engines_on(gpu) if gpu else fake_engines)
