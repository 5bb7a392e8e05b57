"""The pictures of a job on their way to the engine."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from PIL import Image

from jobs.model import Options
from jobs.store.job_store import NO_LIMITS
from nst_engine.images.reading import PictureLimits
from tests.fakes.engine import picture_bytes
from tests.fakes.jobs import new_job
from tests.worker.conftest import Harness, HookedEngine
from worker.attempt import Outcome

pytestmark = pytest.mark.anyio


async def test_content_style_and_masks_reach_the_engine(harness: Harness) -> None:
    harness.engine = engine = HookedEngine()
    await harness.create(masks=1)
    assert await harness.run() is Outcome.SUCCEEDED
    (request,) = engine.requests
    pictures = (request.content, *request.styles, *request.masks, *request.style_masks)
    assert [picture.getpixel((0, 0)) for picture in pictures] == [(200, 30, 30), (0, 0, 250), 255, 255]


@pytest.mark.parametrize(("format_", "kept"), [("png", True), ("jpeg", False)])
async def test_the_transparency_of_the_photo_is_kept_if_the_result_can_have_it(
    harness: Harness, format_: str, kept: bool
) -> None:
    harness.engine = engine = HookedEngine()
    job = await harness.create(output_format=format_)
    file = io.BytesIO()
    Image.new("RGBA", (32, 24), (200, 30, 30, 0)).save(file, "PNG")
    harness.blobs.put(f"{job.id}/content", file.getvalue())
    await harness.run()
    (request,) = engine.requests
    assert (request.alpha is not None, request.content.mode) == (kept, "RGB")
    assert kept or request.content.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(("format_", "start"), [("png", (200, 30, 30)), ("jpeg", (241, 199, 199))])
async def test_a_run_starts_from_the_colors_of_a_transparent_result_unless_the_photo_is_put_on_white(
    harness: Harness, format_: str, start: tuple[int, int, int]
) -> None:
    harness.engine = engine = HookedEngine()
    new = new_job(harness.blobs, params={"steps": 5, "init": "image"}, options=Options(output_format=format_))
    file = io.BytesIO()
    Image.new("RGBA", (32, 24), (200, 30, 30, 64)).save(file, "PNG")
    begin = harness.blobs.put(f"{new.id}/init", file.getvalue(), "image/png")
    await harness.client.create(replace(new, inputs=replace(new.inputs, init_image=begin)), limits=NO_LIMITS)
    await harness.run()
    (request,) = engine.requests
    assert request.init_image is not None
    assert request.init_image.getpixel((0, 0)) == start


async def test_the_engine_learns_how_many_workers_share_the_machine(harness: Harness) -> None:
    harness.engine = engine = HookedEngine()
    await harness.create()
    await harness.run()
    assert engine.requests[0].workers == 1


async def test_a_missing_picture_fails_the_job(harness: Harness) -> None:
    job = await harness.create()
    harness.blobs.delete(f"{job.id}/style-0")
    assert await harness.run() is Outcome.FAILED
    failure = await harness.failure(job)
    assert (failure.code, failure.message) == (
        "input_missing",
        "The style picture of the job is no longer in the storage.",
    )


@pytest.mark.parametrize("part", ["content", "style-0", "mask-0", "style_mask-0"])
async def test_an_unreadable_picture_fails_the_job(harness: Harness, part: str) -> None:
    job = await harness.create(masks=1)
    harness.blobs.put(f"{job.id}/{part}", b"not a picture")
    assert await harness.run() is Outcome.FAILED
    assert (await harness.failure(job)).code == "invalid_input"


async def test_a_picture_that_the_api_has_accepted_is_not_too_large(harness: Harness) -> None:
    """NST_MAX_PIXELS may be higher than the engine's own limit."""
    job = await harness.create(masks=1)
    file = io.BytesIO()
    Image.new("L", (PictureLimits.max_pixels // 4000 + 1, 4000), 255).save(file, "PNG", compress_level=1)
    harness.blobs.put(f"{job.id}/mask-0", file.getvalue())
    assert await harness.run() is Outcome.SUCCEEDED


async def test_a_torn_picture_fails_the_job(harness: Harness) -> None:
    job = await harness.create()
    harness.blobs.put(f"{job.id}/content", picture_bytes()[:60])
    assert await harness.run() is Outcome.FAILED
    assert (await harness.failure(job)).code == "invalid_input"
