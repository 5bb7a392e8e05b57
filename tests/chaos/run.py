"""One run of the chaos harness: start a system, send jobs, do mischief, let it settle, count."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from jobs.connections import connect_async
from jobs.queue import CeleryQueue, make_celery
from jobs.store.job_store import JobStore
from jobs.worker_registry import AsyncWorkerRegistry
from tests.chaos.client import Customer
from tests.chaos.faults import Mischief
from tests.chaos.invariants import Account, settle
from tests.chaos.recovery import recoveries
from tests.chaos.system import Pace, System
from tests.chaos.watch import Watch, seconds

Say = Callable[[str], None]
PATIENCE = 120.0
KILLS_PER_DISTURBANCE = 12


@dataclass(kw_only=True)
class Report:
    """What a run did and what was counted."""

    seed: int
    kills: dict[str, int]
    disturbances: dict[str, int]
    account: Account
    problems: list[str]
    seconds: float = 0.0
    pace: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"holds": not self.problems}


@dataclass
class Scene:
    """Everything that a run works with."""

    system: System
    client: JobStore
    customer: Customer
    watch: Watch
    mischief: Mischief


@asynccontextmanager
async def scene(folder: Path, pace: Pace, seed: int) -> AsyncIterator[Scene]:
    """Run a system with its customer and its watcher."""
    system = System(folder, pace)
    settings = system.settings
    await system.start()
    redis = connect_async(settings)
    client = JobStore(redis, CeleryQueue(make_celery(settings)), settings)
    customer = Customer(system, random.Random(seed + 1))
    watch = Watch(client, AsyncWorkerRegistry(redis, settings))
    watching = asyncio.create_task(_watch(customer, watch))
    try:
        yield Scene(system, client, customer, watch, Mischief(system, customer, random.Random(seed)))
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        await customer.close()
        await client.aclose()
        await system.stop()


async def run(folder: Path, *, kills: int, seed: int, pace: Pace, say: Say) -> Report:
    """Do the whole thing."""
    began = time.monotonic()
    async with scene(folder, pace, seed) as on:
        account = Account()
        done, disturbed = await _havoc(on, kills, say)
        say("letting the jobs end")
        await on.watch.until_all_ended(patience=20 * pace.lease + 120)
        say("canceling")
        await _cancel_some(on, account)
        await on.watch.until_all_ended(patience=10 * pace.lease)
        say("counting")
        await settle(account, on.system, on.client, on.customer, on.watch)
        took = recoveries(list(on.watch.lives.values()), on.mischief.deeds, on.watch.ready, pace.lease)
        _keep_trace(folder, on)
        account.recoveries = len(took)
        account.longest_recovery_seconds = took[0].seconds if took else 0.0
        account.slowest_recoveries = took[:3]
        return Report(
            seed=seed,
            kills=done,
            disturbances=disturbed,
            account=account,
            problems=account.problems(on.system, kills=kills, killed=sum(done.values())),
            seconds=time.monotonic() - began,
            pace=asdict(pace),
        )


def _keep_trace(folder: Path, on: Scene) -> None:
    """Write down what the account was made of, for whoever looks into a run."""
    lives = {job_id: [[e.id, e.type, dict(e.data)] for e in life.events] for job_id, life in on.watch.lives.items()}
    deeds = [asdict(deed) for deed in on.mischief.deeds]
    (folder / "trace.json").write_text(json.dumps({"lives": lives, "deeds": deeds, "ready": on.watch.ready}))


async def _havoc(on: Scene, kills: int, say: Say) -> tuple[dict[str, int], dict[str, int]]:
    """Kill so many times, with a disturbance now and then, while jobs keep coming."""
    chance = on.mischief.random
    plan = _plan(list(on.mischief.kills()), kills, chance)
    extra = _plan(list(on.mischief.disturbances()), max(3, kills // KILLS_PER_DISTURBANCE), chance)
    order = [(name, True) for name in plan]
    for name in extra:
        order.insert(chance.randrange(len(order) + 1), (name, False))
    deeds: dict[str, Callable[[], Awaitable[None]]] = on.mischief.kills() | on.mischief.disturbances()
    custom = asyncio.create_task(keep_sending(on))
    try:
        for number, (name, _) in enumerate(order, 1):
            say(f"{number}/{len(order)} {name}")
            await deeds[name]()
            await asyncio.sleep(chance.uniform(0, min(2.0, on.system.pace.lease / 3)))
    finally:
        custom.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await custom
    return dict(Counter(plan)), dict(Counter(extra))


def _plan(names: list[str], count: int, chance: random.Random) -> list[str]:
    """Return so many names, each about as often, in any order."""
    plan = list(itertools.islice(itertools.cycle(names), count))
    chance.shuffle(plan)
    return plan


async def keep_sending(on: Scene) -> None:
    """Send jobs so that there are always a few."""
    sending: set[asyncio.Task[Any]] = set()
    try:
        while True:
            waiting = sum(not life.ended for life in on.watch.lives.values())
            if waiting + len(sending) < 4:
                task = asyncio.create_task(on.customer.send())
                sending.add(task)
                task.add_done_callback(sending.discard)
            await asyncio.sleep(0.2)
    finally:
        await asyncio.gather(*sending)


async def _watch(customer: Customer, watch: Watch) -> None:
    """Let the watcher know of every accepted job."""

    async def tell() -> None:
        while True:
            for job_id in list(customer.accepted):
                watch.add(job_id)
            await asyncio.sleep(0.05)

    await asyncio.gather(tell(), watch.run(), watch.run_roster())


async def _cancel_some(on: Scene, account: Account) -> None:
    """Cancel running and waiting jobs of a system at rest, and measure how long it takes."""
    for _ in range(on.system.pace.cancels):
        running = [await on.customer.send(steps=10_000) for _ in on.system.workers]
        waiting = await on.customer.send(steps=10)
        on.watch.add(waiting.job_id)
        for job in running:
            await _until_running(on, job.job_id)
        for job, times in (
            (waiting, account.queued_cancel_seconds),
            *((r, account.running_cancel_seconds) for r in running),
        ):
            asked = time.time()
            await on.customer.cancel(job.job_id)
            while not on.watch.lives[job.job_id].ended:
                await asyncio.sleep(0.05)
            times.append(max(0.0, seconds(on.watch.lives[job.job_id].events[-1]) - asked))


async def _until_running(on: Scene, job_id: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while not (job_id in on.watch.lives and any("iteration" in e.data for e in on.watch.lives[job_id].events)):
            await asyncio.sleep(0.05)
