"""A client that sends each request under one Idempotency-Key until it has an answer."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx

from tests.chaos.films import FRAMES, film_bytes
from tests.chaos.system import System
from tests.fakes.engine import picture_bytes

RETRY_SECONDS = 0.3
RETRIED = frozenset({409, 429, 500, 502, 503, 507})  # 409: the key is still held by a request that died


@dataclass
class RetryingClient:
    """Creates jobs, of pictures or films, and remembers those that were accepted, by id."""

    system: System
    random: random.Random
    films: bool = False
    accepted: set[str] = field(default_factory=set)
    refusals: Counter[int] = field(default_factory=Counter)
    next_seed: int = 1
    steps: dict[int, int] = field(default_factory=dict)  # of a picture or of each frame, by the seed of the job

    def __post_init__(self) -> None:
        self._http = httpx.AsyncClient(base_url=self.system.url, trust_env=False, timeout=20)

    async def create(self, *, steps: int | None = None, upload_seconds: float = 0.0) -> str:
        """Create a job and return its id; the body of the first request takes `upload_seconds`."""
        seed, self.next_seed = self.next_seed, self.next_seed + 1
        steps = steps or self.random.randint(20, self.system.timing.longest_steps) // (FRAMES if self.films else 1)
        self.steps[seed] = steps
        while (response := await self._post(seed, steps, upload_seconds)) is None or not response.is_success:
            if response is not None:
                self.refusals[response.status_code] += 1
                if response.status_code not in RETRIED:
                    raise RuntimeError(f"refused: {response.status_code} {response.text[:300]}")
            upload_seconds = 0.0
            await asyncio.sleep(RETRY_SECONDS)
        job_id = str(response.json()["id"])
        self.accepted.add(job_id)
        return job_id

    async def cancel(self, job_id: str) -> float:
        """Cancel a job and return when the request was sent, in seconds since 1970."""
        sent_at = time.time()
        await self._http.post(f"/v1/jobs/{job_id}/cancel")
        return sent_at

    async def result(self, job_id: str) -> httpx.Response:
        """Fetch the result of a job."""
        return await self._http.get(f"/v1/jobs/{job_id}/result")

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _post(self, seed: int, steps: int, upload_seconds: float) -> httpx.Response | None:
        content = ("c.mp4", film_bytes()) if self.films else ("c.png", picture_bytes((seed % 256, 90, 30), (48, 32)))
        request = self._http.build_request(
            "POST",
            "/v1/jobs",
            data={"steps": str(steps), "seed": str(seed), "max_size": "64"},
            files={
                "content": content,
                "style": ("s.png", picture_bytes((20, 40, 200)), "image/png"),
            },
        )
        body = request.read()
        headers = {"Content-Type": request.headers["Content-Type"], "Idempotency-Key": f"chaos-{seed}"}
        sent = _dripped(body, upload_seconds) if upload_seconds else body
        try:
            return await self._http.post("/v1/jobs", content=sent, headers=headers)
        except httpx.HTTPError:
            return None


async def _dripped(body: bytes, seconds: float) -> AsyncIterator[bytes]:
    size = len(body) // 10 + 1
    for start in range(0, len(body), size):
        yield body[start : start + size]
        await asyncio.sleep(seconds / 10)
