"""One run: attack a real API by one key, and measure its memory and what another key notices."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx
import numpy as np
import psutil

from api.settings import ApiSettings
from nst_engine.paintings import paint
from tests.abuse.attacks import ATTACKS, Answers, Attack, Target
from tests.stack.stack import Stack, running_stack

MIB = 1024 * 1024
MAX_MEMORY_BYTES, MAX_POLL_SECONDS, MAX_UPLOAD_SECONDS = 64 * MIB, 0.5, 3.0
POLLS = 100  # at least, during each attack
POLL_PAUSE, MEMORY_PAUSE = 0.02, 0.5
FORM = {"style_name": "waves", "max_size": "64", "steps": "1"}


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What an attack cost: memory of the API and of its decoder processes beyond that at rest, and another key's time.

    The decoders have a bound of their own, in number and in memory.
    """

    attack: str
    requests: int
    answers: Answers
    memory_bytes: int
    decoder_bytes: int
    poll_p99: float
    upload_seconds: float
    upload_seconds_at_rest: float  # shows what else the machine does

    def violations(self) -> list[str]:
        """Say which limits were exceeded."""
        found = {
            f"the memory grew by {self.memory_bytes / MIB:.0f} MiB": self.memory_bytes > MAX_MEMORY_BYTES,
            f"99 % of another key's polls took up to {self.poll_p99:.2f} s": self.poll_p99 > MAX_POLL_SECONDS,
            f"an upload took {self.upload_seconds:.1f} s": self.upload_seconds > MAX_UPLOAD_SECONDS,
            "a response was a 500": self.answers["500"] > 0,
        }
        return [f"{self.attack}: {sentence}" for sentence, exceeded in found.items() if exceeded]


@dataclass
class Victim:
    """Another key's client, which polls one of its jobs."""

    http: httpx.AsyncClient
    job_id: str
    times: list[float] = field(default_factory=list)

    async def poll(self) -> None:
        """Poll until this is canceled."""
        while True:
            began = time.perf_counter()
            (await self.http.get(f"/v1/jobs/{self.job_id}")).raise_for_status()
            self.times.append(time.perf_counter() - began)
            await asyncio.sleep(POLL_PAUSE)

    async def upload(self) -> float:
        """Create a job and return how long that took."""
        began = time.perf_counter()
        answer = await self.http.post("/v1/jobs", files={"content": photo()}, data=FORM)
        answer.raise_for_status()
        return time.perf_counter() - began


@cache
def photo() -> bytes:
    """Return a PNG of 512 x 512 pixels."""
    file = io.BytesIO()
    paint("waves", 512).save(file, "PNG")
    return file.getvalue()


def run(*, quick: bool = False) -> Iterator[Figures]:
    """Attack a real API with its default limits in each way, and yield the figures."""
    limits = {"NST_CREATES_PER_MINUTE": str(ApiSettings().creates_per_minute)}
    with running_stack(fake_engine=True, NST_LOG_LEVEL="error", NST_FAKE_STEP_SECONDS="0.05", **limits) as stack:
        for name, (attack, many, few) in ATTACKS.items():
            secrets = [stack.create_key(f"{role} of {name}")[1] for role in ("attacker", "victim")]
            yield asyncio.run(measure(stack, *secrets, name=name, attack=attack, count=few if quick else many))


async def measure(stack: Stack, attacker: str, victim: str, *, name: str, attack: Attack, count: int) -> Figures:
    """Attack once; the memory at rest is that after both keys have used the API."""
    async with _client(stack, attacker) as http, _client(stack, victim) as other:
        target = await _prepare(stack, http, attacker)
        seen = Victim(other, (await other.post("/v1/jobs", files={"content": photo()}, data=FORM)).json()["id"])
        at_rest, rest = await seen.upload(), await asyncio.to_thread(_memory, stack)
        with _running(seen.poll()), _memory_of(stack) as peak:
            async with attack(target, count) as answers:
                upload_seconds = await seen.upload()
                while len(seen.times) < POLLS:
                    await asyncio.sleep(POLL_PAUSE)
        (await http.post(f"/v1/jobs/{target.running}/cancel")).raise_for_status()
    return Figures(
        attack=name,
        requests=count,
        answers=answers,
        memory_bytes=max(own for own, _ in peak) - rest[0],
        decoder_bytes=max(decoders for _, decoders in peak) - rest[1],
        poll_p99=float(np.percentile(seen.times, 99)),
        upload_seconds=upload_seconds,
        upload_seconds_at_rest=at_rest,
    )


async def _prepare(stack: Stack, http: httpx.AsyncClient, secret: str) -> Target:
    """Let a job of the attacker end, convert its result once, and start another job."""
    finished = (await http.post("/v1/jobs", files={"content": photo()}, data=FORM)).json()["id"]
    async with asyncio.timeout(60):
        while (await http.get(f"/v1/jobs/{finished}")).json()["status"] != "succeeded":
            await asyncio.sleep(POLL_PAUSE)
    (await http.get(f"/v1/jobs/{finished}/result", params={"format": "webp"})).raise_for_status()
    running = (await http.post("/v1/jobs", files={"content": photo()}, data={**FORM, "steps": "2000"})).json()["id"]
    return Target(port=stack.port, secret=secret, finished=finished, running=running)


@asynccontextmanager
async def _client(stack: Stack, secret: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=120, trust_env=False) as http:
        yield http


def _memory(stack: Stack) -> tuple[int, int]:
    """Return the memory of the API itself and of its decoder processes."""
    own = int(psutil.Process(stack.api.pid).memory_full_info().pss)
    return own, stack.api.memory_bytes() - own


@contextmanager
def _memory_of(stack: Stack) -> Iterator[list[tuple[int, int]]]:
    """Measure the memory again and again during the block."""
    found = [_memory(stack)]

    async def watch() -> None:
        while True:
            found.append(await asyncio.to_thread(_memory, stack))
            await asyncio.sleep(MEMORY_PAUSE)

    with _running(watch()):
        yield found


@contextmanager
def _running(work: Coroutine[Any, Any, None]) -> Iterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
