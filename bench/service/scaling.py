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
from jobs.status import Status

NAMES = ("commands", "redis_bytes", "redis_seconds", "api_seconds")
LOOKS = 200
ENDLESS_STEPS = 20_000
SETTLE_SECONDS = 10
FAKE_STEP_SECONDS = 0.1
MORE_WORKERS = 2  # beyond the first, which does the rounds of the reaper
LONG_JOBS = 2
DEVICES = (1, 10, 100, 1000)
DAY = 24 * 3600
# Of Redis, for a finished job and for one whose pictures have expired: tests/jobs/store/test_scale.py
RECORD_BYTES, TOMBSTONE_BYTES = 5.0 * 1024, 0.75 * 1024
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
    looks: int

    @property
    def run_seconds(self) -> float:
        """Return the mean seconds that a job ran."""
        return float(sum(job["run_seconds"] for job in self.jobs)) / len(self.jobs)

    def cost(self, rest: Cost, look: Cost) -> Cost:
        """Return the cost of a job, without that of idling and looking meanwhile."""
        count = len(self.jobs)
        return Cost.of(self.usage, count).plus(rest, -self.usage.at / count).plus(look, -self.looks / count)


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What was measured."""

    empty: Cost  # a second of Redis, an API and the reaper, whose rounds one of the workers does
    idle: Cost  # a second of each worker, beyond that
    poll: Cost  # one status call to a running job
    job: Cost  # created, claimed, ended, fetched
    second: Cost  # of running
    clients: float  # connections of a worker to Redis
    pictures: dict[str, tuple[float, float, float]]  # of each kind: requests, bytes written, bytes read a job
    run_seconds: float  # of the jobs that these pictures belong to


@contextmanager
def running(*, fake_engine: bool = False, **environment: str) -> Iterator[InstrumentedStack]:
    """Run a stack until the block ends."""
    with (
        tempfile.TemporaryDirectory(prefix="nst-") as folder,  # short: a socket's path must be
        closing(InstrumentedStack(Path(folder), fake_engine=fake_engine, **environment)) as stack,
    ):
        stack.start()
        yield stack


def run_batch(stack: InstrumentedStack, *, count: int, size: int, steps: int) -> Batch:
    """Run some jobs, all created at once."""
    before, looks = stack.usage(), stack.looks
    jobs = stack.finish([stack.create_sized(size=size, steps=steps) for _ in range(count)])
    return Batch(usage=stack.usage().since(before), jobs=jobs, looks=stack.looks - looks)


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
    """Return the cost of a second in which nobody asks for anything; new workers settle first."""
    time.sleep(SETTLE_SECONDS)
    before = stack.usage()
    time.sleep(seconds)
    usage = stack.usage().since(before)
    return Cost.of(usage, usage.at)


def looking(stack: InstrumentedStack, job_id: str) -> Cost:
    """Return the cost of a look into a record."""
    before = stack.usage()
    for _ in range(LOOKS):
        stack.has_ended(job_id)
    return Cost.of(stack.usage().since(before), LOOKS)


def polling(stack: InstrumentedStack, rest: Cost, *, size: int, seconds: float) -> Cost:
    """Return the cost of a status call, once a second to a running job, which has changed since the one before."""
    job_id = stack.create_sized(size=size, steps=ENDLESS_STEPS)
    stack.wait_for(job_id, Status.RUNNING)
    before, polls = stack.usage(), round(seconds)
    for _ in range(polls):
        stack.job(job_id)
        time.sleep(1)
    usage = stack.usage().since(before)
    stack.cancel_all()
    return Cost.of(usage, polls).plus(rest, -usage.at / polls)


def measure_costs(stack: InstrumentedStack, s3: CountedS3, options: argparse.Namespace) -> Costs:
    """Measure what jobs cost, by jobs that end at once and jobs that last."""
    stack.scale(1)
    run_batch(stack, count=2, size=options.size, steps=2)
    rest, alone = idling(stack, options.idle), stack.redis_clients()
    stack.scale(1 + MORE_WORKERS)
    run_batch(stack, count=2 * (1 + MORE_WORKERS), size=options.size, steps=2)
    idle = idling(stack, options.idle).plus(rest, -1).over(MORE_WORKERS)
    clients = (stack.redis_clients() - alone) / MORE_WORKERS
    for _ in range(MORE_WORKERS):
        stack.stop_worker()
    job_id = stack.create_sized(size=options.size, steps=2)
    stack.finish([job_id])
    look = looking(stack, job_id)
    short = run_batch(stack, count=options.jobs, size=options.size, steps=2)
    s3.clear()
    long = run_batch(stack, count=LONG_JOBS, size=options.size, steps=options.long_steps)
    second = long.cost(rest, look).plus(short.cost(rest, look), -1).over(long.run_seconds - short.run_seconds)
    poll = polling(stack, rest.plus(second), size=options.size, seconds=options.idle)
    return Costs(
        empty=rest.plus(idle, -1),
        idle=idle,
        poll=poll,
        job=short.cost(rest, look).plus(second, -short.run_seconds),
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
        "a second of the service, with the reaper": costs.empty,
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
    parser.add_argument("--workers", type=int, default=4, help="most workers; 0 leaves out the first table")
    parser.add_argument("--fake-engine", action="store_true", help="steps that only wait: costs of Redis and the API")
    parser.add_argument("--jobs", type=int, default=6, help="jobs a measurement, for each core in use")
    parser.add_argument("--size", type=int, default=256, help="pixels of the longer side")
    parser.add_argument("--steps", type=int, default=300, help="iterations a job")
    parser.add_argument("--long-steps", type=int, default=1000, help="iterations of the jobs that last")
    parser.add_argument("--idle", type=float, default=20, help="seconds for which an idle service is measured")
    parser.add_argument("--seconds", type=float, nargs="+", default=[5, 30], help="length of a job in the model")
    options = parser.parse_args()
    print(f"{machine()}; lite, {options.size} px, {options.steps} iterations\n")
    if options.workers:
        head = ["workers", "jobs a minute", "× one worker", "CPU seconds a job", "jobs per 60 CPU seconds"]
        print(markdown(head, throughput(options)), "\n", flush=True)
    step = {"NST_FAKE_STEP_SECONDS": str(FAKE_STEP_SECONDS)} if options.fake_engine else {}
    with counted_s3() as (s3, environment), running(fake_engine=options.fake_engine, **environment, **step) as stack:
        for part in report(measure_costs(stack, s3, options), options):
            print(part, "\n", flush=True)


if __name__ == "__main__":
    main()
