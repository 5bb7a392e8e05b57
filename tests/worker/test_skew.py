"""API and worker of different releases."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.connections import connect
from jobs.model import Inputs, Job, NewJob, Options, new_job_id
from jobs.status import Status
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.presets import resolve
from tests.fakes.engine import picture_bytes
from tests.worker.conftest import Bench
from worker.attempt import Outcome
from worker.torch_engine import TorchEngine

pytestmark = pytest.mark.anyio
PARAMS = resolve(overrides={"model": "lite", "max_size": 32, "steps": 4}).model_dump(mode="json")


@pytest.fixture
def bench(bench: Bench) -> Bench:
    """A worker with the real engine."""
    bench.engine = TorchEngine("cpu", weights_dir=None, threads=1)
    return bench


async def create(bench: Bench, params: dict[str, Any], options: Options | None = None) -> Job:
    job_id = new_job_id()
    content = bench.blobs.put(f"{job_id}/content", picture_bytes(size=(32, 32)), "image/png")
    style = bench.blobs.put(f"{job_id}/style-0", picture_bytes((0, 0, 250), (32, 32)), "image/png")
    inputs = Inputs(content=content, styles=(style,))
    new = NewJob(id=job_id, owner="ann", model="lite", params=params, inputs=inputs, options=options or Options())
    return await bench.client.create(new)


async def test_a_record_of_a_newer_version_stays_in_the_queue_without_an_attempt(bench: Bench) -> None:
    job = await create(bench, PARAMS)
    redis = connect(bench.jobs)
    redis.hset(f"nst:job:{job.id}", "v", 2)
    assert bench.run() is Outcome.NOTHING
    redis.hset(f"nst:job:{job.id}", "v", 1)
    left = await bench.look(job)
    assert (left.status, left.attempt) == (Status.QUEUED, 0)


@pytest.mark.parametrize("params", [{"sparkle": 0.9}, {"optimizer": "levenberg"}])
async def test_parameters_that_the_engine_does_not_know_fail_the_job(bench: Bench, params: dict[str, Any]) -> None:
    job = await create(bench, PARAMS | params)
    assert bench.run() is Outcome.FAILED
    failure = (await bench.look(job)).failure
    assert failure is not None and failure.code == "invalid_input"


async def test_a_format_that_the_worker_cannot_write_fails_the_job(bench: Bench) -> None:
    job = await create(bench, PARAMS, Options(output_format="jpegxl"))
    assert bench.run() is Outcome.FAILED
    failure = (await bench.look(job)).failure
    assert failure is not None and failure.code == "invalid_input"


async def test_a_parameter_that_an_older_api_did_not_send_has_its_default(bench: Bench) -> None:
    assert not StyleConfig.model_fields["tv_weight"].is_required()
    await create(bench, {name: value for name, value in PARAMS.items() if name != "tv_weight"})
    assert bench.run() is Outcome.SUCCEEDED
