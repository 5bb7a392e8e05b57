"""API and worker of different releases: what an older worker does with a newer job, and the other way round."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from jobs.connections import connect
from jobs.model import Inputs, Job, NewJob, Options, new_job_id
from jobs.status import Status
from jobs.store.lease import WorkerStore
from jobs.versions import CURRENT, rank
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.presets import resolve
from tests.fakes.engine import FakeEngine, picture_bytes
from tests.worker.conftest import Bench
from worker.attempt import Outcome
from worker.torch_engine import TorchEngine

pytestmark = pytest.mark.anyio
NEWER = "99.1.0"
PARAMS = resolve(overrides={"model": "lite", "max_size": 32, "steps": 4}).model_dump(mode="json")


@pytest.fixture
def bench(bench: Bench) -> Bench:
    """A worker with the real engine."""
    bench.engine = TorchEngine("cpu", weights_dir=None, threads=1)
    return bench


async def create(bench: Bench, params: dict[str, Any], options: Options | None = None, **values: Any) -> Job:
    job_id = new_job_id()
    content = bench.blobs.put(f"{job_id}/content", picture_bytes(size=(32, 32)), "image/png")
    style = bench.blobs.put(f"{job_id}/style-0", picture_bytes((0, 0, 250), (32, 32)), "image/png")
    inputs = Inputs(content=content, styles=(style,))
    new = NewJob(id=job_id, owner="ann", model="lite", params=params, inputs=inputs, options=options or Options())
    return await bench.client.create(replace(new, **values))


async def test_an_older_worker_leaves_out_what_it_does_not_know_at_its_default(bench: Bench) -> None:
    job = await create(bench, PARAMS | {"sparkle": 0.5}, release=NEWER, defaults=("sparkle", "seed"))
    assert bench.run() is Outcome.SUCCEEDED
    assert (await bench.look(job)).params["sparkle"] == 0.5  # the record is as the API wrote it


@pytest.mark.parametrize("params", [{"sparkle": 0.9}, {"optimizer": "levenberg"}])
async def test_an_older_worker_hands_back_what_it_cannot_do_and_a_newer_one_takes_it(
    bench: Bench, params: dict[str, Any]
) -> None:
    job = await create(bench, PARAMS | params, release=NEWER, defaults=("seed",))
    assert bench.run() is Outcome.RETURNED
    back = await bench.look(job)
    assert (back.status, back.attempt, back.needs) == (Status.QUEUED, 0, rank(NEWER))
    assert bench.run() is Outcome.NOTHING
    bench.store = WorkerStore(connect(bench.jobs), bench.jobs, release=NEWER)
    bench.engine = FakeEngine()
    assert bench.run() is Outcome.SUCCEEDED


async def test_an_older_worker_hands_back_a_format_that_it_cannot_write(bench: Bench) -> None:
    job = await create(bench, PARAMS, Options(output_format="jpegxl"), release=NEWER)
    assert bench.run() is Outcome.RETURNED
    assert (await bench.look(job)).needs == rank(NEWER)


async def test_what_no_newer_release_wrote_is_a_wrong_input(bench: Bench) -> None:
    job = await create(bench, PARAMS | {"sparkle": 0.9})
    assert bench.run() is Outcome.FAILED
    failure = (await bench.look(job)).failure
    assert failure is not None and failure.code == "invalid_input"


async def test_a_newer_worker_runs_the_record_of_an_older_api(bench: Bench) -> None:
    """Without what was added since: the writer's release, its defaults, a parameter."""
    job = await create(bench, {name: value for name, value in PARAMS.items() if name != "tv_weight"})
    redis = connect(bench.jobs)
    spec = json.loads(redis.hget(f"nst:job:{job.id}", "spec") or "")
    del spec["release"], spec["defaults"]
    redis.hset(f"nst:job:{job.id}", "spec", json.dumps(spec))
    assert bench.run() is Outcome.SUCCEEDED


def test_the_parameter_that_is_left_out_above_has_a_default() -> None:
    assert not StyleConfig.model_fields["tv_weight"].is_required()
    assert rank(CURRENT) < rank(NEWER)
