"""A rolling restart under load: `python -m tests.chaos.rolling --rounds 5`; exit 0 if nothing was lost."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.chaos.invariants import Account, broken, settle
from tests.chaos.run import Scene, keep_sending, scene
from tests.chaos.system import Child, Pace

PATIENCE = 90.0


@dataclass(kw_only=True)
class Rolling:
    """What was restarted, and what it did to the jobs."""

    rounds: int = 0
    restarts: dict[str, int] = field(default_factory=dict)
    seconds_down: dict[str, float] = field(default_factory=dict)  # the longest, from SIGTERM to ready again
    account: Account = field(default_factory=Account)
    refusals: dict[int, int] = field(default_factory=dict)
    second_attempts: int = 0
    leases_lost: float = 0.0
    handed_back: float = 0.0

    def problems(self) -> list[str]:
        """Say what was lost."""
        account = self.account
        checks = account.promises() | {
            "jobs were handed back and taken up again": self.handed_back > 0,
            "every accepted job succeeded": account.succeeded == account.accepted,
            "no lease ran out": self.leases_lost == 0,
            "no attempt was wasted": self.second_attempts == 0,
            "clients were refused only while the service said so": set(self.refusals) <= {409, 503},
        }
        return broken(checks)


async def run(folder: Path, *, rounds: int, pace: Pace, seed: int = 7) -> Rolling:
    """Restart each worker, the API and Redis, one after another, so many times, while jobs keep coming."""
    rolling = Rolling(rounds=rounds)
    async with scene(folder, pace, seed) as on:
        sending = asyncio.create_task(keep_sending(on))
        await _until(lambda: len(on.watch.lives) >= 4, "no jobs came")
        for _ in range(rounds):
            for worker in on.system.workers:
                await _timed(rolling, "worker", _restart_worker(on, worker))
            await _timed(rolling, "api", _restart_api(on))
            await _timed(rolling, "redis", _restart_redis(on))
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        await _until(lambda: set(on.customer.accepted) <= set(on.watch.lives), "a job was not seen")
        await on.watch.until_all_ended(patience=PATIENCE)
        await settle(rolling.account, on.system, on.client, on.customer, on.watch)
        await _count(rolling, on)
    return rolling


async def _count(rolling: Rolling, on: Scene) -> None:
    rolling.refusals = dict(on.customer.refusals)
    totals = (await on.client.stats()).totals
    rolling.leases_lost = totals.get("leases_lost", 0.0)
    rolling.handed_back = totals.get("requeued:drained", 0.0)
    jobs = [await on.client.get(job_id, None) for job_id in on.customer.accepted]
    rolling.second_attempts = sum(job.attempt > 1 for job in jobs)


async def _timed(rolling: Rolling, name: str, restart: Awaitable[None]) -> None:
    began = time.monotonic()
    await restart
    took = round(time.monotonic() - began, 1)
    rolling.restarts[name] = rolling.restarts.get(name, 0) + 1
    rolling.seconds_down[name] = max(rolling.seconds_down.get(name, 0.0), took)


async def _restart_worker(on: Scene, worker: Child) -> None:
    """Restart a worker that is at work, and wait until it says that it is back."""
    code = await asyncio.to_thread(worker.stop)
    if code != 0:
        raise RuntimeError(f"{worker.name} ended with {code}")
    worker.start()
    await _until(lambda: any(f"-{worker.pid}-" in name for name in on.watch.ready), f"{worker.name} did not come back")


async def _restart_api(on: Scene) -> None:
    code = await asyncio.to_thread(on.system.api.stop)
    if code not in (0, -signal.SIGTERM):  # uvicorn ends in order, then by the signal that it was given
        raise RuntimeError(f"the API ended with {code}")
    on.system.api.start()
    await on.system.until_ready()


async def _restart_redis(on: Scene) -> None:
    await asyncio.to_thread(on.system.stop_redis)
    await asyncio.to_thread(on.system.start_redis)
    await on.system.until_ready()


async def _until(is_so: Callable[[], bool], otherwise: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            while not is_so():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise RuntimeError(otherwise) from None


def main() -> int:
    """Run and print what was counted."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.rolling", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is restarted")
    parser.add_argument("--seed", type=int, default=random.randrange(1000), help="decides how long the jobs are")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nst-rolling-") as folder:
        rolling = asyncio.run(run(Path(folder), rounds=chosen.rounds, pace=Pace(), seed=chosen.seed))
    problems = rolling.problems()
    sys.stdout.write(json.dumps(asdict(rolling) | {"problems": problems}, indent=2) + "\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
