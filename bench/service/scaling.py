"""How the service scales: `python -m bench.service.scaling` prints the figures of docs/run/scaling.md.

It measures jobs a minute with one to four workers, and what a job costs Redis, the API and the storage, as counted by
Redis itself, by the kernel and by the S3 server. From that it computes the load of 10, 100 and 1,000 devices.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.service.counted_s3 import CountedS3, counted_s3
from bench.service.instrumented_stack import InstrumentedStack, Usage
from bench.tables import machine, markdown

NAMES = ("commands", "redis_bytes", "redis_seconds", "api_seconds")
POLLS = 200
IDLE_WORKERS = 2
LONG_JOBS = 2
DEVICES = (1, 10, 100, 1000)
DAY = 24 * 3600
# Of Redis, for a finished job and for one whose pictures have expired: tests/jobs/store/test_scale.py
RECORD_BYTES, TOMBSTONE_BYTES = 4.3 * 1024, 0.75 * 1024
CHECKPOINT_SECONDS = 10  # the default of NST_CHECKPOINT_SECONDS


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What something costs: commands and bytes of Redis, CPU seconds of Redis and of the API."""

    commands: float
    redis_bytes: float
    redis_seconds: float
    api_seconds: float

    @classmethod
    def of(cls, usage: Usage, times: float) -> Cost:
        """Return what one of so many cost."""
        return cls(**{name: getattr(usage, name) / times for name in NAMES})

    def plus(self, other: Cost, times: float = 1.0) -> Cost:
        """Add another cost so many times."""
        return Cost(**{name: getattr(self, name) + times * getattr(other, name) for name in NAMES})

    def over(self, divisor: float) -> Cost:
        """Divide each part."""
        return Cost(**{name: getattr(self, name) / divisor for name in NAMES})


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Some jobs, and what was used while they ran."""

    usage: Usage
    jobs: list[dict[str, Any]]
    polls: int

    @property
    def run_seconds(self) -> float:
        """Return the mean seconds that a job ran."""
        return float(sum(job["run_seconds"] for job in self.jobs)) / len(self.jobs)

    def cost(self, rest: Cost, poll: Cost) -> Cost:
        """Return the cost of a job, without that of idling and polling meanwhile."""
        count = len(self.jobs)
        return Cost.of(self.usage, count).plus(rest, -self.usage.at / count).plus(poll, -self.polls / count)


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What was measured."""

    empty: Cost  # a second of Redis and an API without a worker
    idle: Cost  # a second of each worker, beyond that
    poll: Cost  # one poll of a job
    job: Cost  # created, claimed, ended, fetched
    second: Cost  # of running
    clients: float  # connections of a worker to Redis
    pictures: dict[str, tuple[float, float, float]]  # of each kind: requests, bytes written, bytes read a job
    run_seconds: float  # of the jobs that these pictures belong to


@contextmanager
def running(**environment: str) -> Iterator[InstrumentedStack]:
    """Run a stack until the block ends."""
    with (
        tempfile.TemporaryDirectory(prefix="nst-") as folder,  # short: a socket's path must be
        closing(InstrumentedStack(Path(folder), **environment)) as stack,
    ):
        stack.start()
        yield stack


def run_batch(stack: InstrumentedStack, *, count: int, size: int, steps: int) -> Batch:
    """Run some jobs, all created at once."""
    before, polls = stack.usage(), stack.polls
    jobs = stack.finish([stack.create_sized(size=size, steps=steps) for _ in range(count)])
    return Batch(usage=stack.usage().since(before), jobs=jobs, polls=stack.polls - polls)


def throughput(options: argparse.Namespace) -> list[list[str]]:
    """Return workers, jobs a minute, how many times that of one worker, and the CPU seconds of workers a job.

    The last hardly depends on what else the machine does: two free cores make 120 CPU seconds a minute.
    """
    rows, first = [], 0.0
    with running() as stack:
        for workers in range(1, options.workers + 1):
            stack.scale(workers)
            run_batch(stack, count=2 * workers, size=options.size, steps=2)  # loads the network
            count = options.jobs * min(workers, 2)
            batch = run_batch(stack, count=count, size=options.size, steps=options.steps)
            rate = 60 * count / batch.usage.at
            first = first or rate
            spent = batch.usage.worker_seconds / count
            rows.append([str(workers), f"{rate:.1f}", f"{rate / first:.2f}", f"{spent:.2f}", f"{60 / spent:.1f}"])
    return rows


def idling(stack: InstrumentedStack, seconds: float) -> Cost:
    """Return the cost of a second in which nobody asks for anything."""
    before = stack.usage()
    time.sleep(seconds)
    usage = stack.usage().since(before)
    return Cost.of(usage, usage.at)


def polling(stack: InstrumentedStack, job_id: str) -> Cost:
    """Return the cost of a poll."""
    before = stack.usage()
    for _ in range(POLLS):
        stack.poll(job_id)
    return Cost.of(stack.usage().since(before), POLLS)


def measure_costs(stack: InstrumentedStack, s3: CountedS3, options: argparse.Namespace) -> Costs:
    """Measure what jobs cost, by jobs that end at once and jobs that last."""
    empty, alone = idling(stack, options.idle), stack.redis_clients()
    stack.scale(IDLE_WORKERS)
    run_batch(stack, count=2 * IDLE_WORKERS, size=options.size, steps=2)
    idle = idling(stack, options.idle).plus(empty, -1).over(IDLE_WORKERS)
    clients = (stack.redis_clients() - alone) / IDLE_WORKERS
    stack.stop_worker()
    rest, job_id = empty.plus(idle), stack.create_sized(size=options.size, steps=2)
    stack.finish([job_id])
    poll = polling(stack, job_id)
    short = run_batch(stack, count=options.jobs, size=options.size, steps=2)
    s3.clear()
    long = run_batch(stack, count=LONG_JOBS, size=options.size, steps=options.long_steps)
    second = long.cost(rest, poll).plus(short.cost(rest, poll), -1).over(long.run_seconds - short.run_seconds)
    return Costs(
        empty=empty,
        idle=idle,
        poll=poll,
        job=short.cost(rest, poll).plus(second, -short.run_seconds),
        second=second,
        clients=clients,
        pictures={
            kind: (s3.requests[kind] / LONG_JOBS, s3.written[kind] / LONG_JOBS, s3.read[kind] / LONG_JOBS)
            for kind in sorted(s3.requests)
        },
        run_seconds=long.run_seconds,
    )


def model(costs: Costs, seconds: float) -> Iterator[list[str]]:
    """Yield the load of so many busy devices, with jobs of so many seconds, each polled once a second."""
    written = Counter({kind: numbers[1] for kind, numbers in costs.pictures.items()})
    checkpoints = written.pop("checkpoint", 0) / costs.run_seconds * (seconds > CHECKPOINT_SECONDS)
    previews = written.pop("preview", 0) / costs.run_seconds
    for devices in DEVICES:
        rate = devices / seconds
        busy = costs.idle.plus(costs.second).plus(costs.poll)
        whole = costs.empty.plus(busy, devices).plus(costs.job, rate)
        stored = rate * sum(written.values()) + devices * (checkpoints + previews)
        yield [
            f"{devices:,}",
            f"{rate:,.1f}",
            f"{whole.commands:,.0f}",
            f"{whole.redis_bytes / 1e6:,.2f}",
            f"{100 * whole.redis_seconds:,.0f} %",
            f"{devices * costs.clients + 8:,.0f}",
            f"{rate * DAY * (RECORD_BYTES + 7 * TOMBSTONE_BYTES) / 1e9:,.1f} GB",
            f"{whole.api_seconds:,.2f}",
            f"{stored / 1e6:,.1f}",
        ]


def report(costs: Costs, options: argparse.Namespace) -> Iterator[str]:
    """Yield the tables of what was measured, and of the model."""
    named = {
        "a second without workers": costs.empty,
        "a second of each worker": costs.idle,
        "a second of running, beyond that": costs.second,
        "a poll of a job": costs.poll,
        "a job: created, claimed, ended, fetched": costs.job,
    }
    rows = [
        [
            name,
            f"{cost.commands:.1f}",
            f"{cost.redis_bytes:,.0f}",
            f"{1e3 * cost.redis_seconds:.2f}",
            f"{1e3 * cost.api_seconds:.1f}",
        ]
        for name, cost in named.items()
    ]
    yield markdown(["", "Redis commands", "Redis bytes", "Redis CPU, ms", "API CPU, ms"], rows)
    yield f"connections of a worker to Redis: {costs.clients:g}"
    rows = [[kind, *(f"{number:,.1f}" for number in numbers)] for kind, numbers in costs.pictures.items()]
    head = ["", "requests", "bytes written", "bytes read"]
    yield f"S3, for a job that runs {costs.run_seconds:.0f} s:\n\n" + markdown(head, rows)
    head = ["devices", "jobs/s", "Redis commands/s", "MB/s", "Redis core", "connections", "records of 8 days"]
    for seconds in options.seconds:
        table = markdown([*head, "API cores", "storage MB/s"], list(model(costs, seconds)))
        yield f"Jobs of {seconds:g} s:\n\n{table}"


def main() -> None:
    """Measure, and print each part when it is known."""
    parser = argparse.ArgumentParser(prog="python -m bench.service.scaling", description=__doc__)
    parser.add_argument("--workers", type=int, default=4, help="most workers")
    parser.add_argument("--jobs", type=int, default=6, help="jobs a measurement, for each core in use")
    parser.add_argument("--size", type=int, default=256, help="pixels of the longer side")
    parser.add_argument("--steps", type=int, default=300, help="iterations a job")
    parser.add_argument("--long-steps", type=int, default=1000, help="iterations of the jobs that last")
    parser.add_argument("--idle", type=float, default=20, help="seconds for which an idle service is measured")
    parser.add_argument("--seconds", type=float, nargs="+", default=[5, 30], help="length of a job in the model")
    options = parser.parse_args()
    print(f"{machine()}; lite, {options.size} px, {options.steps} iterations\n")
    head = ["workers", "jobs a minute", "× one worker", "CPU seconds a job", "jobs a minute of CPU"]
    print(markdown(head, throughput(options)), "\n", flush=True)
    with counted_s3() as (s3, environment), running(**environment) as stack:
        for part in report(measure_costs(stack, s3, options), options):
            print(part, "\n", flush=True)


if __name__ == "__main__":
    main()
