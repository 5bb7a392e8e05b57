"""API and worker of different versions."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.connections import connect
from jobs.model import RECORD_VERSION
from jobs.status import Status
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.presets import resolve
from tests.worker.conftest import Harness
from worker.attempt import Outcome
from worker.torch_engine import TorchEngine

pytestmark = pytest.mark.anyio
PARAMS = resolve(overrides={"model": "lite", "max_size": 32, "steps": 4}).model_dump(mode="json")


@pytest.fixture
def harness(harness: Harness) -> Harness:
    """Give the worker the real engine."""
    harness.engine = TorchEngine("cpu", weights_dir=None, threads=1)
    return harness


async def test_a_record_of_a_newer_version_stays_in_the_queue_without_an_attempt(harness: Harness) -> None:
    job = await harness.create(params=PARAMS)
    redis = connect(harness.jobs)
    redis.hset(f"nst:job:{job.id}", "v", RECORD_VERSION + 1)
    assert await harness.run() is Outcome.NOTHING
    redis.hset(f"nst:job:{job.id}", "v", RECORD_VERSION)
    left = await harness.read(job)
    assert (left.status, left.attempt) == (Status.QUEUED, 0)


@pytest.mark.parametrize("params", [{"sparkle": 0.9}, {"optimizer": "levenberg"}])
async def test_parameters_that_the_engine_does_not_know_fail_the_job(harness: Harness, params: dict[str, Any]) -> None:
    job = await harness.create(params=PARAMS | params)
    assert await harness.run() is Outcome.FAILED
    assert (await harness.failure(job)).code == "invalid_input"


async def test_a_format_that_the_worker_cannot_write_fails_the_job(harness: Harness) -> None:
    job = await harness.create(params=PARAMS, output_format="jpegxl")
    assert await harness.run() is Outcome.FAILED
    assert (await harness.failure(job)).code == "invalid_input"


async def test_a_parameter_that_an_older_api_did_not_send_has_its_default(harness: Harness) -> None:
    assert not StyleConfig.model_fields["tv_weight"].is_required()
    params = {name: value for name, value in PARAMS.items() if name != "tv_weight"}
    await harness.create(params=params, size=(32, 32))
    assert await harness.run() is Outcome.SUCCEEDED
