"""The real service as separate processes: Redis, an API and workers, each of which can be ended and started again."""

from __future__ import annotations

import random
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from anyio.from_thread import start_blocking_portal

from cli.local_service.redis_server import prepare_folder
from jobs.api_keys import ApiKey, ApiKeys
from jobs.connections import connect, connect_async
from jobs.settings import JobSettings
from jobs.worker_registry import WorkerRegistry
from tests.stack.process import Process, clean_environment
from tests.stack.redis import redis_process
from tests.stack.service import Service

API = (sys.executable, "-m", "cli", "api")
WORKER = (sys.executable, "-m", "cli", "worker")
FAKE_WORKER = (sys.executable, "-m", "tests.fakes.worker")  # all but its engine is real
PORTS = range(20_000, 30_000)  # below those that outgoing connections get, so that the API can come back to its own


class Stack(Service):
    """A service in a folder whose path must be short, because that of a socket must be.

    `environment` holds variables for the API and the workers.
    """

    def __init__(self, folder: Path, *, workers: int = 1, fake_engine: bool = False, **environment: str) -> None:
        self.folder, self.port = folder, free_port()
        super().__init__(f"http://127.0.0.1:{self.port}", folder / "data")
        self.redis_files = prepare_folder(folder / "redis")
        self.redis = redis_process(self.redis_files)
        self.environment = {
            **clean_environment(),
            "NST_REDIS_URL": self.redis_files.url,
            "NST_DATA_DIR": str(self.data_dir),
            "NST_PORT": str(self.port),
            "NST_DEVICE": "cpu",
            "NST_MODELS": "lite,lite-small",
            "NST_STORAGE_MIN_FREE_BYTES": "0",
            "NST_CREATES_PER_MINUTE": "1000000",
            **environment,
        }
        self.api = Process("api", API, environment=self.environment, log=folder / "api.log", is_ready=self.is_ready)
        self.workers: list[Process] = []
        self._worker_command = FAKE_WORKER if fake_engine else WORKER
        for _ in range(workers):
            self.add_worker()

    @property
    def settings(self) -> JobSettings:
        """Return the settings of the store that the processes share."""
        names = {name: f"NST_{name.upper()}" for name in JobSettings.model_fields}
        given = {name: self.environment[variable] for name, variable in names.items() if variable in self.environment}
        return JobSettings.model_validate(given)

    def add_worker(self, **environment: str) -> Process:
        """Add a worker, not yet started, with more variables of its own."""
        name = f"worker-{len(self.workers) + 1}"
        worker = Process(
            name,
            self._worker_command,
            environment={**self.environment, **environment},
            log=self.folder / f"{name}.log",
            is_ready=lambda: self._is_registered(worker),
        )
        self.workers.append(worker)
        return worker

    def start(self) -> None:
        """Start everything and wait until it is ready."""
        self.redis.start()
        self.redis.wait_until_ready()
        for process in (self.api, *self.workers):
            process.start()
        for process in (self.api, *self.workers):
            process.wait_until_ready()

    def close(self) -> None:
        """End every process."""
        running = [process for process in (*self.workers, self.api) if process.is_running]
        for process in running:
            process.send(signal.SIGCONT)
            process.send(signal.SIGTERM)
        for process in running:
            process.stop(15)
        self.redis.stop()
        self.http.close()

    def create_key(self, name: str = "ann", *, operator: bool = False) -> tuple[ApiKey, str]:
        """Create an API key and return it with its secret; from now on the service asks for one."""

        async def create() -> tuple[ApiKey, str]:
            async with connect_async(self.settings) as redis:
                return await ApiKeys(redis).create(name, operator=operator)

        # In a thread, because this one may have an event loop that runs.
        with start_blocking_portal() as portal:
            return portal.call(create)

    def _is_registered(self, worker: Process) -> bool:
        with connect(self.settings) as redis:
            live = WorkerRegistry(redis, self.settings).live()
        return any(f"-{worker.pid}-" in info.id for info in live)


@contextmanager
def running_stack(*, workers: int = 1, fake_engine: bool = False, **environment: str) -> Iterator[Stack]:
    """Run a service in a temporary folder until the block ends."""
    with (
        tempfile.TemporaryDirectory(prefix="nst-") as folder,
        closing(Stack(Path(folder), workers=workers, fake_engine=fake_engine, **environment)) as stack,
    ):
        stack.start()
        yield stack


def free_port() -> int:
    """Return a port that nothing listens on."""
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")
