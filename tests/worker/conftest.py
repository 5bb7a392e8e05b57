"""A runner over a real Redis and a real disk, with the fake engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from jobs.connections import connect, connect_async
from jobs.model import Inputs, Job, NewJob, Options, WorkerInfo, new_job_id
from jobs.settings import JobSettings
from jobs.status import Priority
from jobs.storage.blobs import Blobs
from jobs.storage.disk import DiskBlobs
from jobs.store.job_store import JobStore
from jobs.store.lease import WorkerStore
from jobs.worker_registry import WorkerRegistry
from tests.fakes.engine import FakeEngine, picture_bytes
from tests.jobs.conftest import FakeQueue
from worker.attempt import Outcome, WorkerContext
from worker.engine import Engine
from worker.registration import Registration
from worker.runner import Runner
from worker.settings import WorkerSettings

INFO = WorkerInfo(id="w1", host="here", device="fake", models=("lite",), priorities=tuple(Priority))


@dataclass
class Bench:
    """Everything around a runner, to be changed by a test."""

    client: JobStore
    store: WorkerStore
    blobs: Blobs
    jobs: JobSettings
    registration: Registration
    queue: FakeQueue
    engine: Engine = field(default_factory=FakeEngine)
    settings: WorkerSettings = field(default_factory=lambda: WorkerSettings(preview_seconds=0.01, worker_nice=0))
    checkpoint_share: float = 0.05
    draining: bool = False
    aborted: bool = False
    waits: list[float] = field(default_factory=list)

    async def create(self, *, steps: int = 5, seed: int = 0, model: str = "lite", **options: Any) -> Job:
        job_id = new_job_id()
        content = self.blobs.put(f"{job_id}/content", picture_bytes(size=(40, 30)), "image/png")
        style = self.blobs.put(f"{job_id}/style-0", picture_bytes((0, 0, 250)), "image/png")
        new = NewJob(
            id=job_id,
            owner="ann",
            model=model,
            params={"steps": steps, "seed": seed},
            inputs=Inputs(content=content, styles=(style,)),
            options=Options(**options),
            request_id="req-7",
        )
        return await self.client.create(new)

    def runner(self) -> Runner:
        def abort() -> None:
            self.aborted = True

        return Runner(
            WorkerContext(
                store=self.store,
                blobs=self.blobs,
                queue=self.queue,
                engine=self.engine,
                registration=self.registration,
                draining=lambda: self.draining,
                abort=abort,
                jobs=self.jobs,
                settings=self.settings,
                checkpoint_share=self.checkpoint_share,
                wait=self.waits.append,
            )
        )

    def run(self) -> Outcome:
        return self.runner().run_next("lite")

    async def look(self, job: Job) -> Job:
        return await self.client.get(job.id, "ann")

    def files(self, job: Job) -> set[str]:
        """Name the stored parts of a job, without tokens."""
        parts = (info.name.partition("/")[2] for info in self.blobs.list() if info.name.startswith(job.id))
        return {part.partition("-")[0] for part in parts}


@pytest.fixture
async def bench(job_settings: JobSettings) -> AsyncIterator[Bench]:
    queue, redis = FakeQueue(), connect(job_settings)
    client = JobStore(connect_async(job_settings), queue, job_settings)
    yield Bench(
        client=client,
        store=WorkerStore(redis, job_settings),
        blobs=DiskBlobs(job_settings.data_dir / "blobs"),
        jobs=job_settings.model_copy(update={"heartbeat_seconds": 0.01}),
        registration=Registration(WorkerRegistry(redis, job_settings), INFO, seconds=60),
        queue=queue,
    )
    await client.aclose()
