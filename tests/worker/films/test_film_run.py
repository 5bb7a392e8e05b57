"""Films: frames are painted one after the other, and another attempt goes on after the stored ones."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from jobs.errors import StorageFull
from jobs.model import Film, Job
from nst_engine.film.reading import plan, probe, read_frames
from nst_engine.film.writing import FilmWriter
from tests.nst_engine.film import clips
from tests.worker.conftest import Harness, HookedEngine
from worker.attempt import Outcome
from worker.engine import FilmFrames, RunRequest, RunStep
from worker.films import segments
from worker.films.run import film_folders
from worker.runner import STORAGE_WAIT_SECONDS

pytestmark = pytest.mark.anyio
FRAMES = 4
CLIP = clips.video(clips.pictures(FRAMES), sound="aac")
STEPS = 3  # of each frame


@pytest.fixture
def harness(harness: Harness) -> Harness:
    """Store the finished frames after every step."""
    harness.jobs = harness.jobs.model_copy(update={"checkpoint_seconds": 1e-9})
    return harness


async def create(harness: Harness, content: bytes = CLIP, **options: Any) -> Job:
    film = Film(frames=FRAMES, width=clips.SIZE[0], height=clips.SIZE[1], **options)
    return await harness.create(content=content, film=film, output_format="mp4", steps=STEPS)


def frames_of(harness: Harness, blob: str) -> list[Image.Image]:
    with harness.blobs.open(blob) as file:
        info = probe(file)
        return list(read_frames(file, info, plan(info)))


def local_files(harness: Harness) -> list[Path]:
    folder = film_folders(harness.jobs).path
    return list(folder.rglob("*")) if folder.exists() else []


async def painted_without_a_break(harness: Harness) -> bytes:
    job = await create(harness)
    assert await harness.run() is Outcome.SUCCEEDED
    return harness.blobs.read((await harness.result(job)).blob)


async def test_a_film_becomes_a_film_with_its_sound(harness: Harness) -> None:
    job = await create(harness)
    assert await harness.run() is Outcome.SUCCEEDED
    result = await harness.result(job)
    assert (result.media_type, result.width, result.height) == ("video/mp4", *clips.SIZE)
    with harness.blobs.open(result.blob) as file:
        info = probe(file)
    assert (info.frames, info.rate, info.sound) == (FRAMES, 12, "aac")
    assert harness.files(job) == {"content", "style", "preview", "result"}
    assert local_files(harness) == []


async def test_progress_counts_frames(harness: Harness) -> None:
    job = await create(harness)
    await harness.run()
    progress = (await harness.read(job)).progress
    assert progress is not None
    assert (progress.frame, progress.frames) == (FRAMES, FRAMES)
    assert (progress.iteration, progress.total) == (FRAMES * STEPS, FRAMES * STEPS)


async def test_an_attempt_goes_on_at_the_frame_where_the_one_before_stopped(harness: Harness) -> None:
    job = await create(harness)
    await harness.run_until_drained(2 * STEPS + 1)  # within the third frame
    assert harness.files(job) >= {"frames"}
    seen: list[int] = []
    harness.engine = HookedEngine(seen.append)
    assert await harness.run() is Outcome.SUCCEEDED
    assert seen == list(range(2 * STEPS + 1, FRAMES * STEPS + 1))
    assert harness.files(job) == {"content", "style", "preview", "result"}


async def test_a_resumed_film_is_the_same(harness: Harness) -> None:
    expected = await painted_without_a_break(harness)
    job = await create(harness)
    for frame in (1, 3):
        await harness.run_until_drained(frame * STEPS + 1)
    assert await harness.run() is Outcome.SUCCEEDED
    assert harness.blobs.read((await harness.result(job)).blob) == expected


@pytest.mark.parametrize("damage", ["missing", "damaged"])
async def test_frames_that_cannot_be_read_are_painted_again(harness: Harness, damage: str) -> None:
    expected = await painted_without_a_break(harness)
    job = await create(harness)
    await harness.run_until_drained(3 * STEPS + 1)
    stored = sorted(info.name for info in harness.blobs.list() if f"{job.id}/frames" in info.name)
    if damage == "missing":
        harness.blobs.delete(stored[-1])
    else:
        harness.blobs.put(stored[-1], b"no archive")
    harness.engine = engine = HookedEngine()
    assert await harness.run() is Outcome.SUCCEEDED
    assert harness.blobs.read((await harness.result(job)).blob) == expected
    (film,) = engine.films
    assert (film.painted, film.iterations) == (2, 2 * STEPS)


async def test_frames_that_wait_for_the_storage_are_stored_in_pieces(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "FULL", 1)
    harness.jobs = harness.jobs.model_copy(update={"checkpoint_seconds": 1000.0})
    job = await create(harness)
    await harness.run_until_drained(3 * STEPS + 1)
    assert len([info for info in harness.blobs.list() if f"{job.id}/frames" in info.name]) == 3
    harness.engine = engine = HookedEngine()
    assert await harness.run() is Outcome.SUCCEEDED
    assert engine.films[0].painted == 3


@dataclass
class SlowReadingEngine(HookedEngine):
    """Needs many frames of the film before its first step."""

    before_reading: Callable[[], object] = lambda: None

    def run_film(self, request: RunRequest, film: FilmFrames) -> Iterator[RunStep]:
        self.before_reading()
        list(film.read(0))
        pytest.fail("the run was not stopped")


async def test_a_film_that_is_being_read_can_be_stopped(harness: Harness) -> None:
    job = await create(harness)

    def drain() -> None:
        harness.draining = True
        harness.store.beats.wait()

    harness.engine = SlowReadingEngine(before_reading=drain)
    assert await harness.run() is Outcome.RETURNED
    assert (await harness.read(job)).attempt == 0
    assert local_files(harness) == []


async def test_a_film_for_which_the_disk_has_no_room_fails_after_its_last_attempt(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FilmWriter, "add", fail)
    job = await create(harness)
    outcomes = [await harness.run() for _ in range(harness.jobs.max_attempts)]
    assert outcomes == [Outcome.RETURNED] * (harness.jobs.max_attempts - 1) + [Outcome.FAILED]
    assert (await harness.failure(job)).code == "storage_rejected"


async def test_a_film_that_finds_a_full_disk_waits_for_room_without_counting_the_attempt(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def drained_at_the_third_check() -> Iterator[None]:
        yield from (None, None)
        harness.draining = True
        yield None

    job, room = await create(harness), harness.jobs
    harness.jobs = room.model_copy(update={"storage_min_free_bytes": 2**62})
    with monkeypatch.context() as patch:
        patch.setattr(FilmWriter, "add", fail)
        assert await harness.run() is Outcome.RETURNED
    assert (await harness.read(job)).attempt == 0
    harness.blobs.check_answers = drained_at_the_third_check()
    assert await harness.run() is Outcome.NOTHING
    assert harness.waits == [STORAGE_WAIT_SECONDS] * 3
    harness.jobs, harness.draining = room, False
    assert await harness.run() is Outcome.SUCCEEDED


async def test_the_preview_of_a_finished_film_is_its_last_frame(harness: Harness) -> None:
    harness.settings = harness.settings.model_copy(update={"preview_seconds": 1000.0})
    job = await create(harness)
    assert await harness.run() is Outcome.SUCCEEDED
    preview = (await harness.read(job)).preview
    assert preview is not None
    assert preview.iteration == FRAMES * STEPS


async def test_an_attempt_after_the_last_frame_only_writes_the_film(harness: Harness) -> None:
    job = await create(harness)
    harness.blobs.faults["result"] = StorageFull()
    assert await harness.run() is Outcome.RETURNED
    del harness.blobs.faults["result"]
    harness.engine = engine = HookedEngine()
    assert await harness.run() is Outcome.SUCCEEDED
    assert engine.films == []
    assert len(frames_of(harness, (await harness.result(job)).blob)) == FRAMES


async def test_a_canceled_film_leaves_nothing_but_its_inputs(harness: Harness) -> None:
    job = await create(harness)

    async def cancel() -> None:
        await harness.client.cancel(job.id, "ann")

    assert await harness.run_until(STEPS + 1, cancel) is Outcome.CANCELED
    assert harness.files(job) <= {"content", "style", "preview"}
    assert local_files(harness) == []


async def test_only_the_wanted_part_is_painted(harness: Harness) -> None:
    film = Film(frames=2, width=clips.SIZE[0], height=clips.SIZE[1], fps=10, end=0.2)
    job = await harness.create(content=CLIP, film=film, output_format="gif", steps=1)
    assert await harness.run() is Outcome.SUCCEEDED
    blob = (await harness.result(job)).blob
    assert [frame.size for frame in frames_of(harness, blob)] == [clips.SIZE] * 2
    assert b'"film":{"fps":10' in harness.blobs.read(blob)


async def test_no_more_frames_are_painted_than_an_api_of_another_version_has_counted(harness: Harness) -> None:
    film = Film(frames=FRAMES - 1, width=clips.SIZE[0], height=clips.SIZE[1])
    job = await harness.create(content=CLIP, film=film, output_format="mp4", steps=STEPS)
    assert await harness.run() is Outcome.SUCCEEDED
    assert len(frames_of(harness, (await harness.result(job)).blob)) == FRAMES - 1


@pytest.mark.parametrize(("content", "code"), [(CLIP[:200], "invalid_input"), (b"no film", "invalid_input")])
async def test_a_film_that_cannot_be_read_fails_the_job(harness: Harness, content: bytes, code: str) -> None:
    job = await create(harness, content)
    assert await harness.run() is Outcome.FAILED
    assert (await harness.failure(job)).code == code
    assert local_files(harness) == []


async def test_a_preview_shows_the_latest_frame(harness: Harness) -> None:
    job = await create(harness)
    await harness.run_until_drained(STEPS + 1)
    preview = (await harness.read(job)).preview
    assert preview is not None
    with harness.blobs.open(preview.blob) as file, Image.open(file) as picture:
        assert ImageChops.difference(picture.convert("RGB"), Image.new("RGB", picture.size)).getbbox()


async def test_the_engine_gets_the_last_results_before_the_frame(harness: Harness) -> None:
    await create(harness)
    await harness.run_until_drained(3 * STEPS + 1)
    harness.engine = engine = HookedEngine()
    await harness.run()
    (film,) = engine.films
    assert (film.painted, len(film.before), film.iterations) == (3, 3, 3 * STEPS)
