"""The whole service on one machine: the API, a worker and, unless one is given, Redis, as child processes."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from cli.errors import CommandError, InputError, path_problem
from cli.local_service.redis_server import NoRedisError, find_redis, is_ready, prepare_folder, redis_command
from cli.local_service.supervisor import Backoff, Child, Log, ProcessSpec

START_TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class StackSettings:
    """Where the stack listens and keeps its data; without `redis_url` it starts its own Redis.

    A child that fails `restart_limit` times in a row stops the stack; 0 means no limit.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 8000
    redis_url: str | None = None
    environment: Mapping[str, str]
    grace_seconds: float = 30.0
    restart_limit: int = 0

    @property
    def url(self) -> str:
        """Return the URL of the API on this machine."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


class Stack:
    """The child processes of one service."""

    def __init__(self, settings: StackSettings, log: Log) -> None:
        self.settings = settings
        self._log, self._backoff = log, Backoff(limit=settings.restart_limit)
        self._services: list[Child] = []
        self._redis: Child | None = None
        self._supervision: list[asyncio.Task[None]] = []
        self._stopped = asyncio.Event()

    async def start(self, stopped: asyncio.Event) -> None:
        """Start everything and wait until it is ready or `stopped` is set; raises CommandError if it cannot start."""
        self._stopped = stopped
        redis_url = self.settings.redis_url or await self._start_redis()
        if stopped.is_set():
            return
        self._services = [self._supervise(spec) for spec in service_specs(self.settings, redis_url)]
        await self._wait_until(self._is_ready, "the service did not become ready")

    async def watch(self) -> None:
        """Wait until stopped; raises CommandError if a child cannot run."""
        stop = asyncio.create_task(self._stopped.wait())
        done, _ = await asyncio.wait([stop, *self._supervision], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        for task in done:
            task.result()

    async def stop(self, *, grace_seconds: float | None = None) -> None:
        """Stop API and worker, then Redis, and leave no process behind."""
        await asyncio.gather(*(child.stop(grace_seconds=grace_seconds) for child in self._services))
        if self._redis:
            await self._redis.stop()
        await asyncio.gather(*self._supervision, return_exceptions=True)

    def _supervise(self, spec: ProcessSpec) -> Child:
        child = Child(spec, self._log, backoff=self._backoff)
        self._supervision.append(asyncio.create_task(child.supervise()))
        return child

    async def _start_redis(self) -> str:
        try:
            files = prepare_folder(self.settings.data_dir / "redis")
            fsync = self.settings.environment.get("NST_REDIS_APPENDFSYNC") or "everysec"
            command = redis_command(find_redis(), files, appendfsync=fsync)
        except NoRedisError as error:
            raise CommandError(str(error)) from None
        files.socket.unlink(missing_ok=True)
        spec = ProcessSpec(name="redis", command=tuple(command), environment=self.settings.environment)
        self._redis = self._supervise(spec)
        await self._wait_until(lambda: asyncio.to_thread(is_ready, files), "Redis did not start")
        return files.url

    async def _is_ready(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
                return (await client.get(f"{self.settings.url}/readyz")).status_code == httpx.codes.OK
        return False

    async def _wait_until(self, condition: Callable[[], Awaitable[bool]], failure: str) -> None:
        """Poll until the condition holds or the stack is stopped; raises CommandError on timeout or child failure."""
        try:
            async with asyncio.timeout(START_TIMEOUT_SECONDS):
                while not (self._stopped.is_set() or await condition()):
                    for task in self._supervision:
                        if task.done():
                            task.result()
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise CommandError(f"{failure} within {START_TIMEOUT_SECONDS:g} s") from None


def service_specs(settings: StackSettings, redis_url: str) -> list[ProcessSpec]:
    """Return how to start the API and the worker: as `nst api` and `nst worker`, configured by NST_ variables."""
    environment = {
        **settings.environment,
        "NST_REDIS_URL": redis_url,
        "NST_DATA_DIR": str(settings.data_dir.absolute()),
        "NST_HOST": settings.host,
        "NST_PORT": str(settings.port),
        "PYTHONUNBUFFERED": "1",
    }
    # -P: do not import a folder named api or cli from the current folder.
    return [
        ProcessSpec(
            name=name,
            command=(sys.executable, "-P", "-m", "cli", name),
            environment=environment,
            grace_seconds=settings.grace_seconds,
        )
        for name in ("api", "worker")
    ]


@asynccontextmanager
async def running(stack: Stack, stopped: asyncio.Event) -> AsyncIterator[Stack]:
    """Run a stack for the duration of the block, with its data folder locked."""
    with locked(stack.settings.data_dir):
        try:
            await stack.start(stopped)
            yield stack
        finally:
            await stack.stop()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a data folder for this process: two Redis servers would corrupt each other's files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "up.lock").open("a")
    except OSError as error:
        raise InputError(f"--data-dir: {path_problem(folder, error)}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"--data-dir: {folder} is in use by another `nst up`") from None
        yield


def check_port_free(host: str, port: int) -> None:
    """Raise InputError if another process listens on the address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except socket.gaierror as error:
            raise InputError(f"--host: {host} has no address of this kind: {error.strerror}") from None
        except OSError as error:
            advice = "; nst may already run there, or choose another port with --port N"
            raise InputError(
                f"--port: cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}"
                f"{advice if error.errno == errno.EADDRINUSE else ''}"
            ) from None


def free_port() -> int:
    """Return a port that no process listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
