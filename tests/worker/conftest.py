"""A runner over a real Redis and a real disk, with the fake engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from anyio import from_thread, to_thread

from jobs.connections import connect, connect_async
from jobs.model import Failure, Job, Options, OwnerLimits, ResultInfo, WorkerInfo
from jobs.settings import JobSettings
from jobs.status import Priority
from jobs.storage.disk import DiskBlobs
from jobs.store.job_store import NO_LIMITS, JobStore
from jobs.worker_registry import WorkerRegistry
from tests.fakes.engine import FakeEngine
from tests.fakes.jobs import new_job
from tests.fakes.lease import WatchedStore
from tests.fakes.storage import FaultyBlobs
from tests.jobs.conftest import FakeQueue
from worker.attempt import Outcome
from worker.context import WorkerContext
from worker.engine import Engine, FilmFrames, PictureStep, RunRequest, RunStep
from worker.registration import Registration
from worker.runner import Runner
from worker.settings import WorkerSettings

S = TypeVar("S", bound=RunStep)
INFO = WorkerInfo(id="w1", host="here", device="fake", models=("lite",), priorities=tuple(Priority))


@dataclass
class HookedEngine:
    """The fake engine, which calls a function after each step and records its requests and first iterations."""

    after_step: Callable[[int], object] = lambda iteration: None
    requests: list[RunRequest] = field(default_factory=list)
    started_at: list[int] = field(default_factory=list)
    films: list[FilmFrames] = field(default_factory=list)

    def memory_bytes(self) -> int | None:
        return 123

    def run(self, request: RunRequest) -> Iterator[PictureStep]:
        self.requests.append(request)
        yield from self._hooked(FakeEngine().run(request))

    def run_film(self, request: RunRequest, film: FilmFrames) -> Iterator[RunStep]:
        self.films.append(film)
        yield from self._hooked(FakeEngine().run_film(request, film))

    def _hooked(self, steps: Iterator[S]) -> Iterator[S]:
        for number, step in enumerate(steps):
            if number == 0:
                self.started_at.append(step.progress.iteration)
            self.after_step(step.progress.iteration)
            yield step


@dataclass
class Harness:
    """A runner and everything around it, for a test to change."""

    client: JobStore
    store: WatchedStore
    blobs: FaultyBlobs
    jobs: JobSettings
    registration: Registration
    queue: FakeQueue
    engine: Engine = field(default_factory=FakeEngine)
    settings: WorkerSettings = field(default_factory=lambda: WorkerSettings(preview_seconds=0.01, worker_nice=0))
    checkpoint_share: float = 0.05
    draining: bool = False
    waits: list[float] = field(default_factory=list)

    async def create(
        self,
        *,
        steps: int = 5,
        seed: int = 0,
        params: dict[str, Any] | None = None,
        masks: int = 0,
        size: tuple[int, int] = (40, 30),
        content: bytes | None = None,
        limits: OwnerLimits = NO_LIMITS,
        **options: Any,
    ) -> Job:
        new = new_job(
            self.blobs,
            size=size,
            masks=masks,
            film=content,
            params=params or {"steps": steps, "seed": seed},
            options=Options(**options),
            request_id="req-7",
        )
        return await self.client.create(new, limits=limits)

    def runner(self) -> Runner:
        return Runner(
            WorkerContext(
                store=self.store,
                blobs=self.blobs,
                queue=self.queue,
                engine=self.engine,
                registration=self.registration,
                draining=lambda: self.draining,
                abort=lambda: pytest.fail("the process was aborted"),
                jobs=self.jobs,
                settings=self.settings,
                checkpoint_share=self.checkpoint_share,
                wait=self.waits.append,
            )
        )

    async def run(self) -> Outcome:
        """Run the next job, in a thread: the event loop stays free for what a test does meanwhile."""
        return await to_thread.run_sync(self.runner().run_next, "lite")

    async def run_until(self, iteration: int, happens: Callable[[], Awaitable[object]]) -> Outcome:
        """Run the next job; after an iteration something happens, which the heartbeat learns before the next one."""

        def after_step(at: int) -> None:
            if at == iteration:
                from_thread.run(happens)
            if at >= iteration:
                self.store.beats.wait()

        self.engine = HookedEngine(after_step)
        return await self.run()

    async def run_until_drained(self, iteration: int) -> None:
        """Run the next job until the worker drains after an iteration, and let the worker take jobs again."""

        async def drain() -> None:
            self.draining = True

        assert await self.run_until(iteration, drain) is Outcome.RETURNED
        self.draining, self.engine = False, FakeEngine()

    async def read(self, job: Job) -> Job:
        return await self.client.get(job.id, "ann")

    async def result(self, job: Job) -> ResultInfo:
        result = (await self.read(job)).result
        assert result is not None
        return result

    async def failure(self, job: Job) -> Failure:
        failure = (await self.read(job)).failure
        assert failure is not None
        return failure

    def files(self, job: Job) -> set[str]:
        """Name the stored parts of a job, without tokens."""
        parts = (info.name.partition("/")[2] for info in self.blobs.list() if info.name.startswith(job.id))
        return {part.partition("-")[0] for part in parts}


@pytest.fixture
async def harness(job_settings: JobSettings) -> AsyncIterator[Harness]:
    queue, redis = FakeQueue(), connect(job_settings)
    client = JobStore(connect_async(job_settings), queue, job_settings)
    yield Harness(
        client=client,
        store=WatchedStore(redis, job_settings),
        blobs=FaultyBlobs(DiskBlobs(job_settings.data_dir / "blobs")),
        jobs=job_settings.model_copy(update={"heartbeat_seconds": 0.01}),
        registration=Registration(WorkerRegistry(redis, job_settings), INFO, seconds=60),
        queue=queue,
    )
    await client.aclose()
