"""How the service scales: `python -m bench.service.scaling` prints the figures of docs/run/scaling.md.

Jobs a minute with one to four workers, and what a job costs Redis, the API and the storage: counted by Redis itself, by
the kernel and by the S3 server. From that, what 10, 100 and 1,000 devices would ask of each.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.service.counted_s3 import CountedS3, counted_s3
from bench.service.instrumented_stack import Fleet, Reading, fleet
from bench.tables import machine, markdown

NAMES = ("commands", "redis_bytes", "redis_seconds", "api_seconds")
POLLS = 200
IDLERS = 2
LONG_JOBS = 2
DEVICES = (1, 10, 100, 1000)
DAY = 24 * 3600
RECORD_BYTES = 4.3 * 1024  # of Redis, for a finished job: tests/jobs/store/test_scale.py
CHECKPOINT_SECONDS = 10  # the default of NST_CHECKPOINT_SECONDS


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What something costs: commands and bytes of Redis, CPU seconds of Redis and of the API."""

    commands: float
    redis_bytes: float
    redis_seconds: float
    api_seconds: float

    @classmethod
    def of(cls, done: Reading, times: float) -> Cost:
        """Divide what was done by how often."""
        return cls(**{name: getattr(done, name) for name in NAMES}).over(times)

    def plus(self, other: Cost, times: float = 1.0) -> Cost:
        """Add something else so many times."""
        return Cost(**{name: getattr(self, name) + times * getattr(other, name) for name in NAMES})

    def over(self, times: float) -> Cost:
        """Divide by how often."""
        return Cost(**{name: getattr(self, name) / times for name in NAMES})


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Some jobs, and what was done while they ran."""

    done: Reading
    jobs: list[dict[str, Any]]
    looks: int

    @property
    def running(self) -> float:
        """Return the seconds that a job ran."""
        return float(sum(job["run_seconds"] for job in self.jobs)) / len(self.jobs)

    def cost(self, rest: Cost, poll: Cost) -> Cost:
        """Return the cost of a job without what idling and looking cost in that time."""
        count = len(self.jobs)
        return Cost.of(self.done, count).plus(rest, -self.done.at / count).plus(poll, -self.looks / count)


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What was counted."""

    empty: Cost  # a second of Redis and an API without a worker
    idle: Cost  # a second of each worker, beyond that
    poll: Cost  # one look at a job
    job: Cost  # created, claimed, ended, fetched
    second: Cost  # of running
    clients: float  # connections of a worker to Redis
    pictures: dict[str, tuple[float, float, float]]  # of each kind: requests, bytes written, bytes read a job
    running: float  # seconds that these jobs ran


async def batch(on: Fleet, *, count: int, size: int, steps: int) -> Batch:
    """Run some jobs, all created at once."""
    before, looks = on.read(), on.looks
    jobs = await on.finish([await on.create(size=size, steps=steps) for _ in range(count)])
    return Batch(done=on.read().since(before), jobs=jobs, looks=on.looks - looks)


async def throughput(chosen: argparse.Namespace) -> list[list[str]]:
    """Return workers, jobs a minute, how many times that of one worker, and the CPU seconds of workers a job.

    The last hardly depends on what else the machine does: two free cores make 120 CPU seconds a minute.
    """
    rows, first = [], 0.0
    async with fleet() as on:
        for workers in range(1, chosen.workers + 1):
            await on.scale(workers)
            await batch(on, count=2 * workers, size=chosen.size, steps=2)  # loads the network
            count = chosen.jobs * min(workers, 2)
            measured = await batch(on, count=count, size=chosen.size, steps=chosen.steps)
            rate = 60 * count / measured.done.at
            first = first or rate
            spent = measured.done.worker_seconds / count
            rows.append([str(workers), f"{rate:.1f}", f"{rate / first:.2f}", f"{spent:.2f}", f"{60 / spent:.1f}"])
    return rows


async def idling(on: Fleet, seconds: float) -> Cost:
    """Return what a second costs in which nobody asks for anything."""
    before = on.read()
    await asyncio.sleep(seconds)
    done = on.read().since(before)
    return Cost.of(done, done.at)


async def count(on: Fleet, s3: CountedS3, chosen: argparse.Namespace) -> Counts:
    """Count what jobs cost, by jobs that end at once and jobs that last."""
    empty, alone = await idling(on, chosen.idle), on.clients()
    await on.scale(IDLERS)
    await batch(on, count=2 * IDLERS, size=chosen.size, steps=2)
    idle = (await idling(on, chosen.idle)).plus(empty, -1).over(IDLERS)
    clients = (on.clients() - alone) / IDLERS
    await on.end_worker()
    rest, place = empty.plus(idle), await on.create(size=chosen.size, steps=2)
    await on.finish([place])
    before = on.read()
    for _ in range(POLLS):
        await on.look(place)
    poll = Cost.of(on.read().since(before), POLLS)
    short = await batch(on, count=chosen.jobs, size=chosen.size, steps=2)
    s3.clear()
    long = await batch(on, count=LONG_JOBS, size=chosen.size, steps=chosen.long_steps)
    second = long.cost(rest, poll).plus(short.cost(rest, poll), -1).over(long.running - short.running)
    pictures = {
        kind: (s3.requests[kind] / LONG_JOBS, s3.written[kind] / LONG_JOBS, s3.fetched[kind] / LONG_JOBS)
        for kind in sorted(s3.requests)
    }
    return Counts(
        empty=empty,
        idle=idle,
        poll=poll,
        job=short.cost(rest, poll).plus(second, -short.running),
        second=second,
        clients=clients,
        pictures=pictures,
        running=long.running,
    )


def model(counts: Counts, seconds: float) -> Iterator[list[str]]:
    """Say what so many devices at work ask for, at jobs of so many seconds, each looked at once a second."""
    written = Counter({kind: one[1] for kind, one in counts.pictures.items()})
    saved = written.pop("checkpoint", 0) / counts.running * (seconds > CHECKPOINT_SECONDS)
    shown = written.pop("preview", 0) / counts.running
    for devices in DEVICES:
        rate = devices / seconds
        busy = counts.idle.plus(counts.second).plus(counts.poll)
        whole = counts.empty.plus(busy, devices).plus(counts.job, rate)
        stored = rate * sum(written.values()) + devices * (saved + shown)
        yield [
            f"{devices:,}",
            f"{rate:,.1f}",
            f"{whole.commands:,.0f}",
            f"{whole.redis_bytes / 1e6:,.2f}",
            f"{100 * whole.redis_seconds:,.0f} %",
            f"{devices * counts.clients + 8:,.0f}",
            f"{rate * DAY * 8 * RECORD_BYTES / 1e9:,.1f} GB",
            f"{whole.api_seconds:,.2f}",
            f"{stored / 1e6:,.1f}",
        ]


def report(counts: Counts, chosen: argparse.Namespace) -> Iterator[str]:
    """Write what was counted, and the model."""
    costs = {
        "a second without workers": counts.empty,
        "a second of each worker": counts.idle,
        "a second of running, beyond that": counts.second,
        "a look at a job": counts.poll,
        "a job: created, claimed, ended, fetched": counts.job,
    }
    rows = [
        [
            name,
            f"{cost.commands:.1f}",
            f"{cost.redis_bytes:,.0f}",
            f"{1e3 * cost.redis_seconds:.2f}",
            f"{1e3 * cost.api_seconds:.1f}",
        ]
        for name, cost in costs.items()
    ]
    yield markdown(["", "Redis commands", "Redis bytes", "Redis CPU, ms", "API CPU, ms"], rows)
    yield f"connections of a worker to Redis: {counts.clients:g}"
    rows = [[kind, *(f"{number:,.1f}" for number in one)] for kind, one in counts.pictures.items()]
    head = ["", "requests", "bytes written", "bytes read"]
    yield f"S3, for a job that runs {counts.running:.0f} s:\n\n" + markdown(head, rows)
    head = ["devices", "jobs/s", "Redis commands/s", "MB/s", "Redis core", "connections", "records of 8 days"]
    for seconds in chosen.seconds:
        rows = list(model(counts, seconds))
        yield f"Jobs of {seconds:g} s:\n\n" + markdown([*head, "API cores", "storage MB/s"], rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.service.scaling", description=__doc__)
    parser.add_argument("--workers", type=int, default=4, help="most workers")
    parser.add_argument("--jobs", type=int, default=6, help="jobs a measurement, for each core in use")
    parser.add_argument("--size", type=int, default=256, help="pixels of the longer side")
    parser.add_argument("--steps", type=int, default=300, help="iterations a job")
    parser.add_argument("--long-steps", type=int, default=1000, help="iterations of the jobs that last")
    parser.add_argument("--idle", type=float, default=20, help="seconds of looking at an idle service")
    parser.add_argument("--seconds", type=float, nargs="+", default=[5, 30], help="length of a job in the model")
    chosen = parser.parse_args()
    print(f"{machine()}; lite, {chosen.size} px, {chosen.steps} iterations\n")
    asyncio.run(measure(chosen))


async def measure(chosen: argparse.Namespace) -> None:
    """Measure, and print each part when it is there."""
    rows = await throughput(chosen)
    head = ["workers", "jobs a minute", "× one worker", "CPU seconds a job", "jobs a minute of CPU"]
    print(markdown(head, rows), "\n", flush=True)
    with counted_s3() as (s3, told):
        async with fleet(**told) as on:
            counts = await count(on, s3, chosen)
    for part in report(counts, chosen):
        print(part, "\n", flush=True)


if __name__ == "__main__":
    main()
