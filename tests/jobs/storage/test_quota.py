"""The quota of a storage on disk: one count for all processes, right after every change, and after a crash."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.errors import StorageFull
from jobs.storage import disk
from jobs.storage.disk import DiskBlobs
from jobs.storage.usage import Usage

QUOTA = 10


def is_full(blobs: DiskBlobs) -> bool:
    try:
        blobs.check()
    except StorageFull:
        return True
    return False


@pytest.fixture(autouse=True)
def no_recount(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "RECOUNT_SECONDS", float("inf"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def blobs(root: Path) -> DiskBlobs:
    blobs = DiskBlobs(root, quota_bytes=QUOTA)
    blobs.put("job/content", b"12345")
    return blobs


def is_counted_exactly(root: Path) -> bool:
    used = sum(path.stat().st_size for path in root.glob("*/*"))
    return is_full(DiskBlobs(root, quota_bytes=used)) and not is_full(DiskBlobs(root, quota_bytes=used + 1))


def take(blobs: DiskBlobs, path: Path) -> None:
    path.write_bytes(b"1234")
    blobs.take("job/style-0", path)


@pytest.mark.parametrize(
    "change",
    [
        lambda blobs, path: blobs.put("job/style-0", b"123"),
        lambda blobs, path: blobs.put("job/content", b"12345678"),
        lambda blobs, path: blobs.put("job/content", b"12"),
        lambda blobs, path: blobs.copy("job/content", "other/content"),
        take,
        lambda blobs, path: blobs.delete("job/content"),
        lambda blobs, path: [blobs.delete("job/content") for _ in range(2)],
        lambda blobs, path: blobs.delete_all("job"),
    ],
    ids=["put", "put larger", "put smaller", "copy", "take", "delete", "delete twice", "delete all"],
)
def test_every_change_is_counted(
    blobs: DiskBlobs, root: Path, tmp_path: Path, change: Callable[[DiskBlobs, Path], None]
) -> None:
    DiskBlobs(root).put("kept/content", b"1")
    change(blobs, tmp_path / "file")
    assert is_counted_exactly(root)


def test_a_copy_in_place_of_another_blob_is_counted(blobs: DiskBlobs, root: Path) -> None:
    blobs.put("job/preview", b"12")
    blobs.copy("job/preview", "job/content")
    assert is_counted_exactly(root)


def test_a_used_up_quota_refuses_the_next_blob_until_one_is_deleted(blobs: DiskBlobs) -> None:
    blobs.put("job/style-0", b"12345")
    with pytest.raises(StorageFull):
        blobs.put("job/mask-0", b"1")
    blobs.delete("job/content")
    blobs.put("job/mask-0", b"1")


def test_a_write_does_not_walk_over_the_files(blobs: DiskBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    def walk(_: object) -> None:
        raise AssertionError("walked over the files")

    monkeypatch.setattr(os, "scandir", walk)
    blobs.put("job/style-0", b"1234")
    assert not is_full(blobs)
    blobs.put("job/style-1", b"1")
    assert is_full(blobs)


def test_room_that_is_made_by_hand_is_seen_within_seconds(
    blobs: DiskBlobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.put("job/style-0", b"12345")
    (root / "job" / "style-0").unlink()
    assert is_full(blobs)
    monkeypatch.setattr(disk, "RECOUNT_SECONDS", 0)
    assert not is_full(blobs)


def test_two_that_compare_at_once_correct_the_count_once(blobs: DiskBlobs, root: Path) -> None:
    (root / "job" / "content").unlink()
    other = DiskBlobs(root, quota_bytes=QUOTA)
    blobs.put("job/style-0", b"123")
    first, second = blobs.list(), other.list()
    next(first)
    assert len([*second]) == 1
    assert [*first] == []
    assert is_counted_exactly(root)


def test_the_changes_of_a_process_without_a_quota_are_counted(blobs: DiskBlobs, root: Path) -> None:
    other = DiskBlobs(root)
    other.put("job/result", b"12345")
    assert is_full(blobs)
    other.delete_all("job")
    assert not is_full(blobs)


def test_without_a_quota_nothing_is_counted(tmp_path: Path) -> None:
    blobs = DiskBlobs(tmp_path)
    blobs.put("job/content", b"1")
    assert [path.name for path in tmp_path.iterdir()] == ["job"]


def test_files_from_before_the_quota_count(tmp_path: Path) -> None:
    DiskBlobs(tmp_path).put("job/content", b"1234567890")
    assert is_full(DiskBlobs(tmp_path, quota_bytes=QUOTA))


def test_a_walk_over_the_files_corrects_the_count(blobs: DiskBlobs, root: Path) -> None:
    """A process that was killed may have removed a file, or written one, without counting it."""
    (root / "job/content").unlink()
    (root / "job/.style-0.0badcafe.tmp").write_bytes(b"123")
    list(blobs.list())
    assert is_counted_exactly(root)


@pytest.mark.parametrize("text", ["", "12", "x" * 20])
def test_a_damaged_count_is_made_again(blobs: DiskBlobs, root: Path, text: str) -> None:
    (root / ".usage").write_text(text)
    blobs.put("job/style-0", b"12")
    assert is_counted_exactly(root)


def test_processes_that_count_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    usage = Usage(tmp_path / "usage")
    usage.start(1000)
    children = []
    for change in (3, -2, 5, -1):
        child = os.fork()
        if child == 0:
            for _ in range(100):
                Usage(tmp_path / "usage").add(change)
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert usage.read() == 1500
