"""The real service as separate processes, so that one of them can be taken away: Redis, API, worker."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

import httpx

from cli.local_service.redis_server import running_redis
from jobs.api_keys import ApiKeys
from jobs.connections import connect_async
from jobs.settings import JobSettings
from tests import waiting

PATIENCE_SECONDS = 120.0  # a loaded machine takes its time to import torch
until = partial(waiting.until, seconds=PATIENCE_SECONDS)
PORTS = range(20_000, 30_000)  # below those that outgoing connections get


class Stack:
    """A running service; the API can be stopped and started again on the same port."""

    def __init__(self, environment: dict[str, str], log: IO[bytes]) -> None:
        self._environment, self._log = environment, log
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self.url = f"http://127.0.0.1:{environment['NST_PORT']}"
        self.paintings = Path(environment["NST_DATA_DIR"]) / "paintings"
        self.http = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def start(self, *roles: str) -> None:
        """Start `api`, `worker` or both; return when they are ready."""
        for role in roles:
            self._children[role] = subprocess.Popen(
                [sys.executable, "-m", "cli", role],
                env=self._environment,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        looks = {"api": self._is_ready, "worker": self._has_worker}
        for role in sorted(roles):
            until(looks[role], f"the {role} did not become ready")

    def kill(self, role: str) -> None:
        """Take a process and its children away without warning."""
        child = self._children.pop(role)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()

    def close(self) -> None:
        """End everything at once: nothing of it is kept."""
        self.http.close()
        for role in list(self._children):
            self.kill(role)

    def make_key(self) -> str:
        """Make an API key and return its secret; from then on the service asks for one."""
        secrets: list[str] = []

        async def make() -> None:
            redis = connect_async(JobSettings(redis_url=self._environment["NST_REDIS_URL"]))
            try:
                secrets.append((await ApiKeys(redis).create("visitor", operator=False))[1])
            finally:
                await redis.aclose()

        # Playwright's event loop occupies this thread.
        thread = threading.Thread(target=lambda: asyncio.run(make()))
        thread.start()
        thread.join()
        return secrets[0]

    def job(self, **params: Any) -> str:
        """Create a job through the API and return its id."""
        fields = {name: str(value) for name, value in params.items()}
        files = {"content": ("photo.jpg", CAT.read_bytes(), "image/jpeg")}
        answer = self.http.post("/v1/jobs", data={"style_name": "waves", **fields}, files=files)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        return str(answer.json()["id"])

    def cancel_all(self) -> None:
        """Cancel what a test left running."""
        for status in ("queued", "running"):
            for job in self.http.get("/v1/jobs", params={"status": status}).json()["jobs"]:
                self.http.post(job["urls"]["cancel"])

    def finished(self, job_id: str) -> dict[str, Any]:
        """Return a job once it has ended."""
        ended: dict[str, Any] = until(lambda: self._ended(job_id), "the job did not end")
        return ended

    def _ended(self, job_id: str) -> dict[str, Any] | None:
        job = self.http.get(f"/v1/jobs/{job_id}").json()
        return job if job["status"] in ("succeeded", "failed", "canceled") else None

    def _is_ready(self) -> bool:
        return self.http.get("/readyz").status_code == httpx.codes.OK

    def _has_worker(self) -> bool:
        return any(model["available"] for model in self.http.get("/v1/models").json()["models"])


CAT = Path(__file__).parents[2] / "api" / "page" / "examples" / "cat.jpg"


def lasting_port() -> int:
    """Return a free port that the system gives to nobody else while the API is away."""
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")


@contextmanager
def running(*roles: str) -> Iterator[Stack]:
    """Run Redis and some roles of the service for as long as the block lasts."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("NST_")}
    # A socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="nst-") as folder, running_redis(Path(folder) / "redis") as redis:
        told = {
            "NST_REDIS_URL": redis.url,
            "NST_DATA_DIR": f"{folder}/data",
            "NST_PORT": str(lasting_port()),
            "NST_DEVICE": "cpu",
            "NST_MODELS": "lite",
            "NST_WORKER_NICE": "0",
            "NST_WORKER_THREADS": "1",
            "NST_PREVIEW_SECONDS": "0.1",
            "NST_STORAGE_MIN_FREE_BYTES": "0",
        }
        with (Path(folder) / "log").open("wb") as log:
            stack = Stack({**inherited, **told}, log)
            try:
                stack.start(*roles)
                yield stack
            finally:
                stack.close()
