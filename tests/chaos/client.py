"""A client that does not give up: it sends each request under one Idempotency-Key until it has an answer."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx

from tests.chaos.system import System
from tests.fakes.engine import picture_bytes

RETRY_SECONDS = 0.3
AGAIN = frozenset({409, 429, 500, 502, 503, 507})  # 409: the key is still held by a request that died


@dataclass
class Accepted:
    """A job that the API took, by its seed."""

    seed: int
    steps: int
    job_id: str
    at: float
    tries: int


@dataclass
class Customer:
    """Sends jobs and keeps the list of those that were taken."""

    system: System
    random: random.Random
    accepted: dict[str, Accepted] = field(default_factory=dict)
    refusals: dict[int, int] = field(default_factory=dict)
    next_seed: int = 1

    def __post_init__(self) -> None:
        self._http = httpx.AsyncClient(base_url=self.system.url, trust_env=False, timeout=20)

    async def send(self, *, steps: int | None = None, seed: int | None = None, slowly: float = 0.0) -> Accepted:
        """Send a job until it is accepted; `slowly` makes the body of the first try take that many seconds."""
        if seed is None:
            seed, self.next_seed = self.next_seed, self.next_seed + 1
        if steps is None:
            steps = self.random.randint(20, self.system.pace.longest_steps)
        tries = 0
        while True:
            tries += 1
            response = await self._try(seed, steps, slowly if tries == 1 else 0.0)
            if response is not None and response.status_code == httpx.codes.ACCEPTED:
                job = Accepted(seed, steps, response.json()["id"], time.time(), tries)
                self.accepted[job.job_id] = job
                return job
            if response is not None:
                self.refusals[response.status_code] = self.refusals.get(response.status_code, 0) + 1
                if response.status_code not in AGAIN:
                    raise RuntimeError(f"refused: {response.status_code} {response.text[:300]}")
            await asyncio.sleep(RETRY_SECONDS)

    async def cancel(self, job_id: str) -> int:
        """Cancel a job and return the status of the answer."""
        return (await self._http.post(f"/v1/jobs/{job_id}/cancel")).status_code

    async def download(self, job_id: str) -> httpx.Response:
        """Fetch the result of a job."""
        return await self._http.get(f"/v1/jobs/{job_id}/result")

    async def close(self) -> None:
        await self._http.aclose()

    async def _try(self, seed: int, steps: int, slowly: float) -> httpx.Response | None:
        request = self._http.build_request(
            "POST",
            "/v1/jobs",
            data={"steps": str(steps), "seed": str(seed), "max_size": "64"},
            files={
                "content": ("c.png", picture_bytes((seed % 256, 90, 30), (48, 32)), "image/png"),
                "style": ("s.png", picture_bytes((20, 40, 200)), "image/png"),
            },
        )
        body = request.read()
        headers = {"Content-Type": request.headers["Content-Type"], "Idempotency-Key": f"chaos-{seed}"}
        content = _in_pieces(body, slowly) if slowly else body
        try:
            return await self._http.post("/v1/jobs", content=content, headers=headers)
        except httpx.HTTPError:
            return None


async def _in_pieces(body: bytes, seconds: float) -> AsyncIterator[bytes]:
    for start in range(0, len(body), len(body) // 10 + 1):
        yield body[start : start + len(body) // 10 + 1]
        await asyncio.sleep(seconds / 10)
