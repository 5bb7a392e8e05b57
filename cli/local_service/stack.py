"""The whole service on one machine: Redis if none is given, the API and a worker, as child processes."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from cli.errors import CommandError, InputError
from cli.local_service.redis_server import NoRedisError, RedisFiles, answers, find_redis, prepare, redis_command
from cli.local_service.supervisor import Backoff, Child, Role, Say

START_SECONDS = 60.0
LOOK_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class StackSettings:
    """Where the stack listens and keeps its data; without `redis_url` it brings its own Redis.

    A child that fails `restart_limit` times in a row ends the stack; 0 for no limit.
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
        """Return the address of the API as seen from this machine."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


class Stack:
    """The children of one stack."""

    def __init__(self, settings: StackSettings, say: Say) -> None:
        self.settings = settings
        self._say, self._backoff = say, Backoff(limit=settings.restart_limit)
        self._front: list[Child] = []
        self._redis: Child | None = None
        self._kept: list[asyncio.Task[None]] = []
        self._stopped = asyncio.Event()

    @property
    def pids(self) -> dict[str, int | None]:
        """Return each child's process id by its name."""
        children = [*self._front, *([self._redis] if self._redis else [])]
        return {child.role.name: child.pid for child in children}

    async def start(self, stopped: asyncio.Event) -> None:
        """Start everything and wait until it is ready or stopped; raises CommandError if it becomes neither."""
        self._stopped = stopped
        redis_url = self.settings.redis_url or await self._start_redis()
        if stopped.is_set():
            return
        self._front = [Child(role, self._say, backoff=self._backoff) for role in roles(self.settings, redis_url)]
        self._kept += [asyncio.create_task(child.keep()) for child in self._front]
        await self._until(self._ready, "the service did not become ready")

    async def watch(self) -> None:
        """Wait until stopped; raises CommandError if a child cannot run."""
        stop = asyncio.create_task(self._stopped.wait())
        done, _ = await asyncio.wait([stop, *self._kept], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        for task in done:
            task.result()

    async def stop(self, *, grace_seconds: float | None = None) -> None:
        """End API and worker, then Redis, and leave no process behind."""
        await asyncio.gather(*(child.end(grace_seconds=grace_seconds) for child in self._front))
        if self._redis:
            await self._redis.end()
        await asyncio.gather(*self._kept, return_exceptions=True)

    async def _start_redis(self) -> str:
        try:
            files = prepare(self.settings.data_dir / "redis")
            fsync = self.settings.environment.get("NST_REDIS_APPENDFSYNC", "everysec")
            command = redis_command(find_redis(), files, appendfsync=fsync)
        except NoRedisError as error:
            raise CommandError(str(error)) from None
        files.socket.unlink(missing_ok=True)
        role = Role(name="redis", command=tuple(command), environment=self.settings.environment)
        self._redis = Child(role, self._say, backoff=self._backoff)
        self._kept.append(asyncio.create_task(self._redis.keep()))
        await self._until(lambda: _answers(files), "Redis did not start")
        return files.url

    async def _ready(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
                return (await client.get(f"{self.settings.url}/readyz")).status_code == httpx.codes.OK
        return False

    async def _until(self, is_so: Callable[[], Awaitable[bool]], otherwise: str) -> None:
        """Wait for something, but not for ever, and not if a child gave up."""
        try:
            async with asyncio.timeout(START_SECONDS):
                while not (self._stopped.is_set() or await is_so()):
                    for task in self._kept:
                        if task.done():
                            task.result()
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            raise CommandError(f"{otherwise} within {START_SECONDS:g} s") from None


def roles(settings: StackSettings, redis_url: str) -> list[Role]:
    """Say how the API and the worker are started: as `nst api` and `nst worker`, told everything by NST_ variables."""
    told = {
        "NST_REDIS_URL": redis_url,
        "NST_DATA_DIR": str(settings.data_dir.absolute()),
        "NST_HOST": settings.host,
        "NST_PORT": str(settings.port),
        "PYTHONUNBUFFERED": "1",
    }
    environment = {**settings.environment, **told}
    # -P: a folder called api or cli in the current folder is not ours.
    return [
        Role(
            name=name,
            command=(sys.executable, "-P", "-m", "cli", name),
            environment=environment,
            grace_seconds=settings.grace_seconds,
        )
        for name in ("api", "worker")
    ]


@asynccontextmanager
async def running(stack: Stack, stopped: asyncio.Event) -> AsyncIterator[Stack]:
    """Run a stack for as long as the block lasts; its data folder belongs to it alone meanwhile."""
    with owned(stack.settings.data_dir):
        try:
            await stack.start(stopped)
            yield stack
        finally:
            await stack.stop()


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Keep a data folder to this process: two Redis servers would spoil each other's files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "up.lock").open("a")
    except OSError as error:
        raise InputError(f"--data-dir: {folder}: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"--data-dir: {folder} is in use by another `nst up`") from None
        yield


def check_free(host: str, port: int) -> None:
    """Raise InputError if something listens on that address already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InputError(f"--port: cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}") from None


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _answers(files: RedisFiles) -> bool:
    return await asyncio.to_thread(answers, files)
