"""The picture that a job ends with."""

from __future__ import annotations

import io

import pytest
import redis
from PIL import Image

from jobs.storage.redis import RedisBlobs
from nst_engine.images.writing import is_marked, read_metadata
from tests.fakes.storage import FaultyBlobs
from tests.worker.conftest import Harness
from worker.attempt import Outcome

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("name", "kind"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP"), ("tiff", "TIFF")])
async def test_the_picture_has_the_requested_format_and_the_size_in_the_record(
    harness: Harness, name: str, kind: str
) -> None:
    job = await harness.create(output_format=name)
    await harness.run()
    result = await harness.result(job)
    data = harness.blobs.read(result.blob)
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.format, picture.size) == (kind, (40, 30))
    assert (result.width, result.height, result.bytes) == (40, 30, len(data))
    assert result.media_type == f"image/{name}"


async def test_the_picture_contains_its_parameters(harness: Harness) -> None:
    job = await harness.create(seed=4)
    await harness.run()
    metadata = read_metadata(harness.blobs.read((await harness.result(job)).blob))
    assert metadata is not None
    assert metadata["params"] == {"steps": 5, "seed": 4}


@pytest.mark.parametrize("mark", [True, False])
async def test_the_picture_and_its_timelapse_are_marked_unless_the_setting_is_off(harness: Harness, mark: bool) -> None:
    harness.jobs = harness.jobs.model_copy(update={"mark_results": mark})
    job = await harness.create(timelapse=True)
    await harness.run()
    result = await harness.result(job)
    assert result.timelapse is not None
    assert [is_marked(harness.blobs.read(name)) for name in (result.blob, result.timelapse.name)] == [mark, mark]


async def test_pictures_can_be_stored_in_redis(harness: Harness, redis_url: str) -> None:
    harness.blobs = FaultyBlobs(RedisBlobs(redis.Redis.from_url(redis_url, protocol=2), limit_bytes=1 << 20))
    job = await harness.create(timelapse=True)
    assert await harness.run() is Outcome.SUCCEEDED
    result = await harness.result(job)
    assert len(harness.blobs.read(result.blob)) == result.bytes


async def test_an_ended_job_keeps_only_inputs_result_and_preview(harness: Harness) -> None:
    harness.jobs = harness.jobs.model_copy(update={"checkpoint_seconds": 0.001})
    harness.checkpoint_share = 1.0
    job = await harness.create()

    async def nothing() -> None:
        """Let a heartbeat publish a preview."""

    await harness.run_until(2, nothing)
    assert harness.files(job) == {"content", "style", "result", "preview"}
