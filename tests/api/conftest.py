"""The API over a real Redis, without a worker: the tests play that part."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
import structlog
from anyio import to_thread
from fastapi import FastAPI
from PIL import Image

from api.app import create_app
from api.decoding import process
from api.decoding.task import FilmFacts, FilmTask
from api.services import Services
from api.settings import ApiSettings
from jobs.model import OwnerLimits, Preview, Progress, ResultInfo, WorkerInfo
from jobs.settings import JobSettings
from jobs.status import Priority
from jobs.store.lease import Instruction, Lease, WorkerStore
from jobs.worker_registry import WorkerRegistry
from nst_engine.images.reading import PictureLimits
from tests.stack.stack import Stack, running_stack

pytestmark = pytest.mark.anyio


def picture(size: tuple[int, int] = (48, 32), color: tuple[int, int, int] = (200, 30, 30), name: str = "PNG") -> bytes:
    """Make a small picture file."""
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, name)
    return file.getvalue()


def clear_picture(opacity: int = 0, name: str = "PNG") -> bytes:
    """Make a picture with an alpha channel that has the same value everywhere."""
    file = io.BytesIO()
    Image.new("RGBA", (48, 32), (200, 30, 30, opacity)).save(file, name, lossless=True)
    return file.getvalue()


def form(**values: bytes | str) -> list[tuple[str, Any]]:
    """Make a job's form: `content` and `style` unless given, all else as fields."""
    given: dict[str, bytes | str] = {"content": picture(), "style": picture(color=(20, 90, 200))} | values
    return [
        (name, ("x.png", value) if name in ("content", "style", "mask", "style_mask") else (None, value))
        for name, value in given.items()
        if value != b""
    ]


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that other tasks or processes do."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


@dataclass
class Worker:
    """Does what a worker does to the store, one step at a time."""

    store: WorkerStore
    services: Services
    claims: int = 0

    def claim(self, model: str = "lite") -> Lease:
        self.claims += 1
        lease = self.store.claim(model, worker="w", token=f"token-{self.claims}")
        assert lease is not None
        return lease

    def preview(self, lease: Lease, sequence: int, iteration: int = 1) -> None:
        ref = self.services.blobs.put(f"{lease.job.id}/preview-{sequence}.png", picture(), "image/png")
        preview = Preview(blob=ref.name, sequence=sequence, iteration=iteration, media_type="image/png")
        lease.preview(preview)
        assert lease.heartbeat() is Instruction.CONTINUE

    def progress(self, lease: Lease, iteration: int, total: int = 10) -> None:
        lease.heartbeat(Progress(iteration=iteration, total=total, loss=1.0 / iteration))

    def finish(self, lease: Lease, data: bytes | None = None, media_type: str = "image/png") -> bytes:
        data = data or picture((64, 48))
        name = f"{lease.job.id}/result-{lease.token}.png"
        ref = self.services.blobs.put(name, data, media_type)
        result = ResultInfo(
            blob=ref.name, width=64, height=48, bytes=ref.bytes, sha256=ref.sha256, media_type=media_type, iterations=5
        )
        assert lease.complete(result).status is not None
        return data


@dataclass
class Api:
    """A running API and what tests need around it."""

    app: FastAPI
    http: httpx.AsyncClient
    worker: Worker
    redis: redis.Redis
    settings: JobSettings

    @property
    def services(self) -> Services:
        found = self.app.state.services
        assert isinstance(found, Services)
        return found

    async def create(self, headers: dict[str, str] | None = None, **values: bytes | str) -> dict[str, Any]:
        answer = await self.http.post("/v1/jobs", files=form(**values), headers=headers)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    async def key(self, name: str = "ann", **values: Any) -> dict[str, str]:
        """Make an API key and return the header that shows it."""
        limits = OwnerLimits(**values.pop("limits", {}))
        priority = values.pop("priority", Priority.INTERACTIVE)
        _, secret = await self.services.api_keys.create(name, limits=limits, priority=priority, **values)
        return {"Authorization": f"Bearer {secret}"}

    async def revoke(self, name: str) -> None:
        """Revoke the key with this name."""
        (key_id,) = [key.id for key in await self.services.api_keys.list() if key.name == name]
        await self.services.api_keys.revoke(key_id)

    def announce_worker(self, *models: str, **values: Any) -> None:
        """Register a live worker that has these networks."""
        given = {"id": "w1", "host": "h", "device": "cpu", "priorities": tuple(Priority), "started_at": 1.0} | values
        info = WorkerInfo(models=models, **given)
        WorkerRegistry(self.redis, self.settings).announce(info)

    def stored(self) -> list[str]:
        """Name every stored blob and temporary file."""
        temporary = [str(path) for path in self.services.temporary_files.path.rglob("*")]
        return [info.name for info in self.services.blobs.list()] + temporary


class InProcessDecoder:
    """A Decoder without processes, for tests in which no picture is hostile."""

    async def decode(self, source: Path, target: Path, *, part: str) -> bool:
        return await to_thread.run_sync(partial(process.decode, source, target, PictureLimits(), part=part))

    async def probe_film(self, source: Path, film: FilmTask) -> FilmFacts:
        return await to_thread.run_sync(process.probe_film, source, film)

    @asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator[None]:
        yield

    async def convert(self, source: Path, target: Path, format_name: str) -> None:
        await to_thread.run_sync(process.convert, source, target, format_name)

    async def close(self) -> None:
        pass


MakeApi = Callable[..., Any]


@pytest.fixture(autouse=True)
def quiet_logs() -> Iterator[None]:
    """Leave structlog's way for terminals aside: it takes seconds to paint a traceback."""
    structlog.configure(processors=[structlog.processors.JSONRenderer(default=repr)])
    yield
    structlog.reset_defaults()


@pytest.fixture
async def make_api(job_settings: JobSettings) -> AsyncIterator[MakeApi]:
    """Start APIs with settings of the test's choice."""
    async with AsyncExitStack() as stack:

        async def make(jobs: dict[str, Any] | None = None, **values: Any) -> Api:
            settings = job_settings.model_copy(update=jobs or {})
            app = create_app(ApiSettings(**values), settings, make_decoder=lambda _: InProcessDecoder())
            await stack.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app=app)
            http = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1"))
            client = redis.Redis.from_url(settings.redis_url, decode_responses=True)
            stack.callback(client.close)
            worker = Worker(WorkerStore(client, settings), app.state.services)
            return Api(app, http, worker, client, settings)

        yield make


@pytest.fixture
async def api(make_api: MakeApi) -> Api:
    """Start an API with the default settings."""
    found = await make_api()
    assert isinstance(found, Api)
    return found


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def service() -> Iterator[Stack]:
    """Run the whole service in separate processes, with a fake engine."""
    settings = {
        "NST_BAD_KEYS_PER_MINUTE": "1000000",
        "NST_FAKE_STEP_SECONDS": "0.0005",
        "NST_UPLOAD_IDLE_SECONDS": "8",  # a client of a busy machine may pause for seconds
        "NST_WEBHOOK_HOSTS": "127.0.0.1",
        "NST_WEBHOOK_DELAYS": "0.1,0.1,0.1",
        "NST_MODELS": "lite,vgg19,vgg16,squeezenet1_1,resnet50",
    }
    with running_stack(fake_engine=True, **settings) as stack:
        yield stack
