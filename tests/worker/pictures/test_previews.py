"""Previews: when a picture is taken, and what is published."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from PIL import Image

from jobs.model import Preview
from jobs.storage.disk import DiskBlobs
from tests.fakes.engine import FakeStep
from worker.engine import BrokenDeviceError, RunRequest
from worker.pictures.previews import Previews


class FakePreviews:
    """Previews every ten seconds by a clock that is moved by hand, and what they announce."""

    def __init__(self, folder: Path) -> None:
        self.now = 0.0
        self.announced: list[Preview] = []
        self.blobs = DiskBlobs(folder)
        self.lease: Any = SimpleNamespace(
            job=SimpleNamespace(id="job1"), token="t", deleted=False, preview=self.announced.append
        )
        self.previews = Previews(self.lease, self.blobs, seconds=10, clock=lambda: self.now)

    def offer(self, iteration: int, size: tuple[int, int] = (64, 48)) -> None:
        picture = Image.new("RGB", size)
        self.previews.offer(FakeStep(RunRequest(params={}, content=picture, styles=(picture,)), iteration, 100))


def test_a_preview_is_a_small_webp(tmp_path: Path) -> None:
    fake = FakePreviews(tmp_path)
    fake.offer(1, (2000, 1000))
    fake.previews.publish()
    (preview,) = fake.announced
    with Image.open(io.BytesIO(fake.blobs.read(preview.blob))) as picture:
        assert (picture.format, picture.size) == ("WEBP", (512, 256))
    assert (preview.sequence, preview.iteration, preview.media_type) == (1, 1, "image/webp")


def test_a_picture_is_taken_only_when_a_preview_is_due(tmp_path: Path) -> None:
    fake = FakePreviews(tmp_path)
    for iteration in range(1, 26):
        fake.offer(iteration)
        fake.previews.publish()
        fake.now += 1
    assert [preview.iteration for preview in fake.announced] == [1, 11, 21]


def test_no_picture_is_taken_while_the_previous_one_waits(tmp_path: Path) -> None:
    fake = FakePreviews(tmp_path)
    fake.offer(1)
    fake.now = 100
    fake.offer(2)
    fake.previews.publish()
    fake.previews.publish()
    assert [preview.iteration for preview in fake.announced] == [1]


def test_every_preview_of_an_attempt_has_the_same_file(tmp_path: Path) -> None:
    fake = FakePreviews(tmp_path)
    for iteration in (1, 2):
        fake.offer(iteration)
        fake.previews.publish()
        fake.now += 10
    assert [preview.sequence for preview in fake.announced] == [1, 2]
    assert [info.name for info in fake.blobs.list()] == ["job1/preview-t.webp"]


def test_a_preview_of_a_deleted_job_is_deleted(tmp_path: Path) -> None:
    fake = FakePreviews(tmp_path)
    fake.offer(1)
    fake.previews.publish()
    assert len(list(fake.blobs.list())) == 1
    fake.lease.deleted = True
    fake.previews.publish()
    assert list(fake.blobs.list()) == []


def test_a_device_that_fails_while_a_picture_is_copied_ends_no_heartbeat(tmp_path: Path) -> None:
    def fail() -> None:
        raise BrokenDeviceError("the device failed")

    fake = FakePreviews(tmp_path)
    progress = SimpleNamespace(iteration=1)
    fake.previews.offer(SimpleNamespace(progress=progress, begin_picture=lambda: fail))  # type: ignore[arg-type]
    fake.previews.publish()
    assert fake.announced == []
