"""Lose the primary of Redis under load: `python -m tests.failover --rounds 3`; exit 0 if no accepted job was lost."""

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
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.client import RetryingClient
from tests.failover.system import ReplicatedStack
from tests.waiting import until

CREATORS = 2
PAUSE_SECONDS = 0.4  # between the jobs of a creator
ALONE_SECONDS = 0.5  # for which the primary takes writes that no replica gets


@dataclass(kw_only=True)
class Failover:
    """What was done, and what became of the jobs."""

    rounds: int
    wait_replicas: int
    accepted: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    failures: dict[str, Any] = field(default_factory=dict)  # what the failed jobs say, by id
    lost: int = 0
    refusals: Counter[int] = field(default_factory=Counter)
    longest_without_primary_seconds: float = 0.0

    def violations(self) -> list[str]:
        """Name what does not hold."""
        checks = {
            "jobs were accepted": self.accepted > 0,
            "no accepted job was lost": self.lost == 0,
            "every accepted job succeeded": self.ended["succeeded"] == self.accepted - self.lost,
        }
        return [name for name, holds in checks.items() if not holds]


async def run(folder: Path, *, rounds: int, seed: int = 7, wait_replicas: int = 1) -> Failover:
    """Kill the primary so many times while jobs are created, and count them at the end."""
    report, chance = Failover(rounds=rounds, wait_replicas=wait_replicas), random.Random(seed)
    stack = ReplicatedStack(folder, wait_replicas=wait_replicas)
    client = RetryingClient(stack, random.Random(seed + 1))  # type: ignore[arg-type]
    try:
        await asyncio.to_thread(stack.start)
        async with _creating(client):
            for _ in range(rounds):
                await asyncio.sleep(chance.uniform(1, 3))
                seconds = await asyncio.to_thread(_lose_primary, stack)
                report.longest_without_primary_seconds = max(report.longest_without_primary_seconds, seconds)
        await _count(report, stack, client)
    finally:
        await client.close()
        await asyncio.to_thread(stack.close)
    return report


def _lose_primary(stack: ReplicatedStack) -> float:
    """Let the primary take some writes alone, kill it, and return after how many seconds there is another one.

    The server that was killed comes back as a replica.
    """
    stack.wait_until_replicated()
    primary = stack.primary()
    (replica,) = (port for port in stack.nodes if port != primary)
    stack.nodes[replica].send(signal.SIGSTOP)
    stack.cut_replica()
    time.sleep(ALONE_SECONDS)
    stack.nodes[primary].kill()
    stack.nodes[replica].send(signal.SIGCONT)
    began = time.monotonic()
    until(lambda: stack.primary() == replica, "the replica was not promoted")
    seconds = time.monotonic() - began
    stack.restart_as_replica(primary)
    return round(seconds, 1)


@asynccontextmanager
async def _creating(client: RetryingClient) -> AsyncIterator[None]:
    """Create jobs until the block ends; those that are being created then are still awaited."""
    ending = asyncio.Event()

    async def create() -> None:
        while not ending.is_set():
            await client.create(steps=client.random.randint(5, 40))
            await asyncio.sleep(PAUSE_SECONDS)

    creators = [asyncio.create_task(create()) for _ in range(CREATORS)]
    try:
        yield
    finally:
        ending.set()
        await asyncio.gather(*creators)


async def _count(report: Failover, stack: ReplicatedStack, client: RetryingClient) -> None:
    """Wait until each accepted job has ended or is unknown."""
    report.accepted, report.refusals = len(client.accepted), client.refusals
    for job_id in client.accepted:
        job = await asyncio.to_thread(until, lambda: _ended(stack, job_id), f"{job_id} does not end")  # noqa: B023
        report.lost += job["status"] == "lost"
        report.ended[str(job["status"])] += 1
        if job["status"] == "failed":
            report.failures[job_id] = job["error"]


def _ended(stack: ReplicatedStack, job_id: str) -> dict[str, Any] | None:
    answer = stack.http.get(f"/v1/jobs/{job_id}")
    if answer.status_code == httpx.codes.NOT_FOUND:
        return {"status": "lost"}
    job = dict(answer.json()) if answer.is_success else {}
    return job if job.get("status") in ("succeeded", "failed", "canceled") else None


def main() -> int:
    """Run and print what was counted."""
    parser = argparse.ArgumentParser(prog="python -m tests.failover", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often the primary is killed")
    parser.add_argument("--seed", type=int, default=7, help="decides when, and how long the jobs are")
    parser.add_argument("--wait-replicas", type=int, default=1, help="NST_REDIS_WAIT_REPLICAS; with 0 jobs get lost")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nst-failover-") as folder:
        work = run(Path(folder), rounds=options.rounds, seed=options.seed, wait_replicas=options.wait_replicas)
        report = asyncio.run(work)
    violations = report.violations()
    sys.stdout.write(json.dumps(vars(report) | {"violations": violations}, indent=2) + "\n")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
