"""Measure drafts of a large photo, as the page asks for them while a visitor chooses: `python -m bench.service.drafts`.

It prints the seconds from creation to success, and the CPU seconds of a draft: those of the API with its decoder, those
of the worker, those of its engine, and what the worker spends around the engine (reading, resizing, previews, writing
and storing). Redis is left out. The engine is timed within the worker: another process takes up to a fifth more or less
time for the same run.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from bench.quality.pictures import example_pair
from bench.service.timed_worker import FILE
from bench.tables import machine
from tests.stack.process import ONE_THREAD
from tests.stack.stack import Stack

PHOTO = (4032, 3024)


def drafts(stack: Stack, count: int) -> dict[str, float]:
    """Measure drafts on the service's first worker, one after the other; one before them loads the network."""
    files, fields = {"content": phone_photo()}, {"style_name": "waves", "preset": "draft"}
    seconds, runs, api, worker = [], [], [], []
    for _ in range(count + 1):
        before = _cpu_seconds(stack)
        job = stack.wait_for(stack.create(files, **fields)["id"])
        assert job["status"] == "succeeded", job
        after = _cpu_seconds(stack)
        api.append(after[0] - before[0])
        worker.append(after[1] - before[1])
        runs.append(job["run_seconds"])
        seconds.append(job["queue_seconds"] + runs[-1])
    return {
        "median": statistics.median(seconds[1:]),
        "p95": float(np.percentile(seconds[1:], 95)),
        "running": statistics.median(runs[1:]),
        "api_cpu_seconds": statistics.median(api[1:]),
        "worker_cpu_seconds": statistics.median(worker[1:]),
    }


@contextmanager
def timed_stack(threads: int) -> Iterator[tuple[Stack, Path]]:
    """Run a service whose only worker computes on so many threads and writes down the CPU seconds of its engine."""
    with tempfile.TemporaryDirectory(prefix="nst-") as name:
        file = Path(name) / "engine"
        environment = {**ONE_THREAD, "OMP_NUM_THREADS": str(threads), "NST_WORKER_THREADS": str(threads)}
        environment |= {"NST_LOG_LEVEL": "error", FILE: str(file)}
        with closing(Stack(Path(name), workers=1, **environment)) as stack:
            stack.workers[0].command = (sys.executable, "-m", "bench.service.timed_worker")
            stack.start()
            yield stack, file


def phone_photo() -> bytes:
    """Return a JPEG of 12 megapixels."""
    file = io.BytesIO()
    example_pair().content.resize(PHOTO).save(file, "JPEG", quality=90)
    return file.getvalue()


def _cpu_seconds(stack: Stack) -> tuple[float, float]:
    return stack.api.cpu_seconds(), sum(worker.cpu_seconds() for worker in stack.workers)


def main() -> None:
    """Measure on a service with one worker, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.service.drafts", description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="drafts that are measured")
    parser.add_argument("--threads", type=int, default=1, help="of the worker; with one, its engine is timed")
    options = parser.parse_args()
    with timed_stack(options.threads) as (stack, file):
        found = drafts(stack, options.count)
        engine = statistics.median(float(line) for line in file.read_text().split()[-options.count :])
    worker = found["worker_cpu_seconds"]
    if options.threads == 1:
        found |= {"engine_cpu_seconds": engine, "host_cpu_seconds": worker - engine, "engine_share": engine / worker}
    print(json.dumps({"machine": machine()} | found, indent=2))


if __name__ == "__main__":
    main()
