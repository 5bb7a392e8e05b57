"""One run of the chaos harness: start a system, create jobs, inject faults, wait until all jobs have ended, count."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jobs.connections import connect_async
from jobs.queue import CeleryQueue, make_celery
from jobs.store.job_store import JobStore
from jobs.worker_registry import AsyncWorkerRegistry
from tests.chaos.client import RetryingClient
from tests.chaos.faults import FaultInjector, Injection
from tests.chaos.invariants import HARNESS_SECONDS, Counts, count
from tests.chaos.journal import read
from tests.chaos.recorder import Recorder, seconds
from tests.chaos.recovery import recoveries, repeated_frames
from tests.chaos.system import System, Timing

RUNNING_SECONDS = 120.0  # longest wait for a job to run
JOBS_AT_ONCE = 4
FILMS_AT_ONCE = 5
KILLS_PER_DISTURBANCE = 12


@dataclass(kw_only=True)
class Report:
    """What a run did, and what was counted."""

    seed: int
    kills: dict[str, int]
    disturbances: dict[str, int]
    counts: Counts
    violations: list[str]
    seconds: float
    timing: dict[str, Any]


@dataclass
class Harness:
    """A system with its client, its recorder and its fault injector."""

    system: System
    store: JobStore
    client: RetryingClient
    recorder: Recorder
    injector: FaultInjector


@asynccontextmanager
async def running_harness(folder: Path, timing: Timing, seed: int, *, films: bool = False) -> AsyncIterator[Harness]:
    """Run a system until the block ends."""
    system = System(folder, timing)
    settings = system.settings
    redis = connect_async(settings)
    store = JobStore(redis, CeleryQueue(make_celery(settings)), settings)
    client = RetryingClient(system, random.Random(seed + 1), films)
    recorder = Recorder(store, AsyncWorkerRegistry(redis, settings), client.accepted)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(system.end)
        await system.run()
        stack.push_async_callback(store.aclose)
        stack.push_async_callback(client.close)
        await stack.enter_async_context(background(recorder.run()))
        yield Harness(system, store, client, recorder, FaultInjector(system, client, random.Random(seed)))


@asynccontextmanager
async def background(work: Any) -> AsyncIterator[None]:
    """Run a coroutine until the block ends, then cancel it; its own failure fails the block."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def run(
    folder: Path, *, kills: int, seed: int, timing: Timing, say: Callable[[str], None], films: bool = False
) -> Report:
    """Run the harness once, with jobs of pictures or films."""
    began, counts = time.monotonic(), Counts()
    async with running_harness(folder, timing, seed, films=films) as harness:
        killed, disturbed = await _inject(harness, kills, say)
        say("waiting until all jobs have ended")
        await harness.recorder.wait_until_all_ended(20 * timing.lease + 120)
        say("canceling")
        await _measure_cancels(harness, counts)
        await harness.recorder.wait_until_all_ended(10 * timing.lease)
        say("counting")
        await count(counts, harness.system, harness.store, harness.client, harness.recorder)
        _measure_recoveries(harness, counts)
        if films:
            _measure_repeated_frames(harness, counts)
        _write_trace(folder, harness)
    return Report(
        seed=seed,
        kills=killed,
        disturbances=disturbed,
        counts=counts,
        violations=counts.violations(timing, kills=kills, killed=sum(killed.values())),
        seconds=time.monotonic() - began,
        timing=asdict(timing),
    )


async def _inject(harness: Harness, kills: int, say: Callable[[str], None]) -> tuple[dict[str, int], dict[str, int]]:
    """Kill so many times, with a disturbance now and then, while jobs are created; return how often each was done."""
    injector, chance = harness.injector, harness.injector.random
    killing = _plan(injector.kills(), kills, chance)
    disturbing = _plan(injector.disturbances(), max(3, kills // KILLS_PER_DISTURBANCE), chance)
    order = list(killing)
    for name in disturbing:
        order.insert(chance.randrange(len(order) + 1), name)
    injections = injector.kills() | injector.disturbances()
    async with background(create_jobs(harness)):
        for number, name in enumerate(order, 1):
            say(f"{number}/{len(order)} {name}")
            await injections[name]()
            await asyncio.sleep(chance.uniform(0, min(2.0, harness.system.timing.lease / 3)))
    return dict(Counter(killing)), dict(Counter(disturbing))


def _plan(injections: dict[str, Injection], count: int, chance: random.Random) -> list[str]:
    """Return so many names, each about as often, in random order."""
    plan = list(itertools.islice(itertools.cycle(injections), count))
    chance.shuffle(plan)
    return plan


async def create_jobs(harness: Harness) -> None:
    """Create jobs so that there are always a few."""
    creating: set[asyncio.Task[Any]] = set()
    at_once = FILMS_AT_ONCE if harness.client.films else JOBS_AT_ONCE
    try:
        while True:
            if len(harness.recorder.unfinished()) + len(creating) < at_once:
                task = asyncio.create_task(harness.client.create())
                creating.add(task)
                task.add_done_callback(creating.discard)
            await asyncio.sleep(0.2)
    finally:
        await asyncio.gather(*creating)


async def _measure_cancels(harness: Harness, counts: Counts) -> None:
    """Cancel running and queued jobs of a system without faults, and measure how long it takes."""
    histories = harness.recorder.histories
    for _ in range(harness.system.timing.cancels):
        running = [await harness.client.create(steps=10_000) for _ in harness.system.workers]
        queued = await harness.client.create(steps=10)
        for job_id in running:
            await _until(lambda: any("iteration" in event.data for event in histories[job_id].events))  # noqa: B023
        for job_id in (queued, *running):
            sent_at = await harness.client.cancel(job_id)
            await _until(lambda: histories[job_id].has_ended)  # noqa: B023
            times = counts.queued_cancel_seconds if job_id == queued else counts.running_cancel_seconds
            times.append(max(0.0, seconds(histories[job_id].events[-1]) - sent_at))


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(RUNNING_SECONDS):
        while not condition():
            await asyncio.sleep(0.05)


def _measure_recoveries(harness: Harness, counts: Counts) -> None:
    recorder, lease = harness.recorder, harness.system.timing.lease
    found = recoveries(list(recorder.histories.values()), harness.injector.faults, recorder.workers_seen_at, lease)
    counts.recoveries = len(found)
    counts.longest_recovery_seconds = found[0].seconds if found else 0.0
    counts.slowest_recoveries = found[:3]


def _measure_repeated_frames(harness: Harness, counts: Counts) -> None:
    timing, lines = harness.system.timing, read(harness.system.journal)
    due = timing.checkpoint + timing.step + HARNESS_SECONDS
    found = repeated_frames(lines, harness.client.steps, harness.injector.faults, due)
    counts.films_that_repeated_frames = len(found)
    counts.most_repeated_frames = max((each.frames for each in found), default=0)
    counts.repeated_frames_beyond_segment = sum(each.beyond_segment for each in found)


def _write_trace(folder: Path, harness: Harness) -> None:
    """Write what the counts were made of to trace.json, for whoever examines a run."""
    recorder = harness.recorder
    histories = {job_id: [[e.id, e.type, dict(e.data)] for e in h.events] for job_id, h in recorder.histories.items()}
    faults = [asdict(fault) for fault in harness.injector.faults]
    trace = {"histories": histories, "faults": faults, "workers_seen_at": recorder.workers_seen_at}
    (folder / "trace.json").write_text(json.dumps(trace))
