"""A rolling restart under load: `python -m tests.chaos.rolling --rounds 5`; exit 0 if nothing was lost."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.invariants import Counts, count, violated
from tests.chaos.run import Harness, background, create_jobs, running_harness
from tests.chaos.system import Timing
from tests.stack.process import Process

WAIT_SECONDS = 90.0
REFUSALS = {409, 503}  # what a client may be answered while a process is restarted


@dataclass(kw_only=True)
class RollingRestart:
    """What was restarted, and what it did to the jobs."""

    rounds: int = 0
    restarts: Counter[str] = field(default_factory=Counter)
    seconds_down: dict[str, float] = field(default_factory=dict)  # the longest, from SIGTERM to ready again
    counts: Counts = field(default_factory=Counts)
    refusals: Counter[int] = field(default_factory=Counter)
    second_attempts: int = 0
    leases_lost: float = 0.0
    handed_back: float = 0.0

    def violations(self) -> list[str]:
        """Name what was lost."""
        return violated(
            self.counts.invariants()
            | {
                "jobs were handed back and claimed again": self.handed_back > 0,
                "every accepted job succeeded": self.counts.succeeded == self.counts.accepted,
                "no lease expired": self.leases_lost == 0,
                "no attempt was wasted": self.second_attempts == 0,
                "clients were refused only while the service said so": set(self.refusals) <= REFUSALS,
            }
        )


async def run(folder: Path, *, rounds: int, timing: Timing, seed: int = 7) -> RollingRestart:
    """Restart each worker, the API and Redis, one after another, so many times, while jobs are created."""
    rolling = RollingRestart(rounds=rounds)
    async with running_harness(folder, timing, seed) as harness:
        recorder, client = harness.recorder, harness.client
        async with background(create_jobs(harness)):
            await _until(lambda: len(client.accepted) >= 4, "no jobs were accepted")
            for _ in range(rounds):
                for worker in harness.system.workers:
                    await _timed(rolling, "worker", _restart_worker(harness, worker))
                await _timed(rolling, "api", _restart_api(harness))
                await _timed(rolling, "redis", _restart_redis(harness))
        await recorder.wait_until_all_ended(WAIT_SECONDS)
        await count(rolling.counts, harness.system, harness.store, client, recorder)
        await _count_more(rolling, harness)
    return rolling


async def _count_more(rolling: RollingRestart, harness: Harness) -> None:
    rolling.refusals = harness.client.refusals
    totals = (await harness.store.stats()).totals
    rolling.leases_lost = totals.get("leases_lost", 0.0)
    rolling.handed_back = totals.get("requeued:drained", 0.0)
    jobs = [await harness.store.get(job_id, None) for job_id in harness.client.accepted]
    rolling.second_attempts = sum(job.attempt > 1 for job in jobs)


async def _timed(rolling: RollingRestart, name: str, restart: Awaitable[None]) -> None:
    began = time.monotonic()
    await restart
    rolling.restarts[name] += 1
    rolling.seconds_down[name] = max(rolling.seconds_down.get(name, 0.0), round(time.monotonic() - began, 1))


async def _restart(process: Process, *, codes: tuple[int, ...]) -> None:
    code = await asyncio.to_thread(process.stop)
    if code not in codes:
        raise RuntimeError(f"{process.name} ended with {code}")
    process.start()


async def _restart_worker(harness: Harness, worker: Process) -> None:
    await _restart(worker, codes=(0,))
    seen = harness.recorder.workers_seen_at
    await _until(lambda: any(f"-{worker.pid}-" in name for name in seen), f"{worker.name} did not come back")


async def _restart_api(harness: Harness) -> None:
    await _restart(harness.system.api, codes=(0, -signal.SIGTERM))  # uvicorn ends by the signal that it was sent
    await asyncio.to_thread(harness.system.api.wait_until_ready)


async def _restart_redis(harness: Harness) -> None:
    await _restart(harness.system.redis, codes=(0,))
    await asyncio.to_thread(harness.system.api.wait_until_ready)


async def _until(condition: Callable[[], bool], message: str) -> None:
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while not condition():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise RuntimeError(message) from None


def main() -> int:
    """Run and print what was counted."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.rolling", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is restarted")
    parser.add_argument("--seed", type=int, default=random.randrange(1000), help="decides how long the jobs are")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nst-rolling-") as folder:
        rolling = asyncio.run(run(Path(folder), rounds=options.rounds, timing=Timing(), seed=options.seed))
    violations = rolling.violations()
    sys.stdout.write(json.dumps(vars(rolling) | {"violations": violations}, default=vars, indent=2) + "\n")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
