"""A worker that writes down the CPU seconds of its engine, a line a run: `python -m bench.service.timed_worker`.

They are those of the thread that computes, and are incomplete if the engine has more than one. Everything else is real.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jobs.settings import JobSettings
from nst_engine.machine.allocator import configure_cpu_runtime
from nst_engine.machine.devices import Device
from worker.engine import Engine, EngineFactory
from worker.main import run
from worker.settings import WorkerSettings

FILE = "ENGINE_SECONDS_FILE"  # the variable with the path of the file


def timed(stylize: Callable[..., Iterator[Any]], file: Path) -> Callable[..., Iterator[Any]]:
    """Return `stylize` so that each run appends its CPU seconds to a file."""

    def run_timed(*inputs: Any, **options: Any) -> Iterator[Any]:
        began = time.thread_time()
        steps = stylize(*inputs, **options)
        seconds = time.thread_time() - began
        while True:
            began = time.thread_time()
            step = next(steps, None)
            seconds += time.thread_time() - began
            if step is None:
                break
            yield step
        with file.open("a") as lines:
            lines.write(f"{seconds}\n")

    return run_timed


def timed_engines(settings: WorkerSettings) -> EngineFactory:
    """Return what makes an engine on the CPU."""
    configure_cpu_runtime()
    from nst_engine import stylize
    from worker.torch_engine import TorchEngine

    def make(device: str) -> Engine:
        in_file = timed(stylize, Path(os.environ[FILE]))
        engine = TorchEngine(device, weights_dir=None, threads=settings.worker_threads, stylize=in_file)
        engine.warm_up(settings.models[0])
        return engine

    return EngineFactory(models=settings.models, devices=(Device(name="cpu"),), make=make)


if __name__ == "__main__":
    run(JobSettings(), WorkerSettings(), timed_engines)
