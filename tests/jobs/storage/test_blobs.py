"""The storage of pictures: on disk, in Redis, in S3."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import resource
import signal
from pathlib import Path

import pytest
import redis

from jobs.errors import BlobNotFound, BlobTooLarge, StorageFull, StorageUnavailable
from jobs.settings import JobSettings
from jobs.storage.blobs import Blobs, blob_name
from jobs.storage.disk import DiskBlobs
from jobs.storage.factory import open_blobs
from jobs.storage.redis import RedisBlobs
from tests.fakes.s3 import FakeS3

DATA = b"picture" * 1000


@pytest.fixture(params=["disk", "redis", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path, redis_url: str, s3: FakeS3) -> Blobs:
    if request.param == "s3":
        return open_blobs(s3.settings(s3.bucket()))
    settings = JobSettings(redis_url=redis_url, data_dir=tmp_path, storage=f"{request.param}://")
    return open_blobs(settings)


def test_what_is_put_can_be_read(blobs: Blobs) -> None:
    ref = blobs.put("job/content", DATA, "image/png")
    assert (ref.sha256, ref.bytes, ref.media_type) == (hashlib.sha256(DATA).hexdigest(), len(DATA), "image/png")
    assert blobs.read("job/content") == DATA
    with blobs.open("job/content") as file:
        assert file.seek(0, io.SEEK_END) == len(DATA)
        file.seek(7)
        assert file.read(7) == b"picture"


@pytest.mark.parametrize("kind", ["file", "pieces"])
def test_files_and_pieces_can_be_put(blobs: Blobs, kind: str) -> None:
    blobs.put("job/content", io.BytesIO(DATA) if kind == "file" else iter([DATA[:10], DATA[10:]]))
    assert blobs.read("job/content") == DATA


def test_a_file_can_be_taken(blobs: Blobs, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    ref = blobs.take("job/content", path, "image/png")
    assert (ref.sha256, ref.bytes, ref.media_type) == (hashlib.sha256(DATA).hexdigest(), len(DATA), "image/png")
    assert blobs.read("job/content") == DATA
    path.unlink(missing_ok=True)
    assert blobs.read("job/content") == DATA


def test_a_file_on_another_disk_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Path.replace

    def replace(path: Path, target: Path) -> Path:
        if path.name == "file":
            raise OSError(errno.EXDEV, "another disk")
        return own(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    (tmp_path / "file").write_bytes(DATA)
    blobs = DiskBlobs(tmp_path / "blobs")
    assert blobs.take("job/content", tmp_path / "file").sha256 == hashlib.sha256(DATA).hexdigest()
    assert blobs.read("job/content") == DATA


def test_a_file_is_not_taken_where_there_is_no_room(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(DATA)
    with pytest.raises(StorageFull):
        DiskBlobs(tmp_path / "blobs", min_free_bytes=2**62).take("job/content", tmp_path / "file")
    assert (tmp_path / "file").exists()


def test_a_blob_is_replaced_as_a_whole(blobs: Blobs) -> None:
    blobs.put("job/preview", b"one")
    blobs.put("job/preview", b"2")
    assert blobs.read("job/preview") == b"2"


def test_what_is_not_there_is_not_found(blobs: Blobs) -> None:
    for look in (blobs.read, blobs.open):
        with pytest.raises(BlobNotFound):
            look("job/nothing")


def test_deleting_is_repeatable_and_leaves_the_others(blobs: Blobs) -> None:
    blobs.put("job/a", b"1")
    blobs.put("job/b", b"2")
    blobs.delete("job/a", "job/never")
    blobs.delete("job/a")
    assert [info.name for info in blobs.list()] == ["job/b"]


def test_all_of_a_job_is_deleted_and_nothing_else(blobs: Blobs) -> None:
    for name in ("job/a", "job/b", "job2/a"):
        blobs.put(name, b"1")
    blobs.delete_all("job")
    assert [info.name for info in blobs.list()] == ["job2/a"]


def test_a_copy_lives_on_without_its_source(blobs: Blobs) -> None:
    blobs.put("old/content", DATA)
    blobs.copy("old/content", "new/content")
    blobs.delete_all("old")
    assert blobs.read("new/content") == DATA


def test_a_copy_of_nothing_is_not_found(blobs: Blobs) -> None:
    with pytest.raises(BlobNotFound):
        blobs.copy("old/content", "new/content")


def test_list_tells_size_and_age(blobs: Blobs) -> None:
    blobs.put("job/a", b"12345")
    (info,) = blobs.list()
    assert (info.name, info.bytes) == ("job/a", 5)
    assert info.modified > 1e9


@pytest.mark.parametrize("name", ["../x", "job/../../x", "/etc/passwd", "job", "job/.hidden", "job/a/b", "job/a\0"])
def test_names_that_lead_elsewhere_are_refused(blobs: Blobs, name: str) -> None:
    with pytest.raises(BlobNotFound):
        blobs.put(name, b"1")
    with pytest.raises(BlobNotFound):
        blobs.open(name)


def test_a_part_that_leads_elsewhere_makes_no_name() -> None:
    with pytest.raises(BlobNotFound):
        blob_name("job", "../other")


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def torn() -> object:
        yield b"half"
        raise OSError(28, "No space left on device")

    blobs = DiskBlobs(tmp_path)
    with pytest.raises(StorageFull):
        blobs.put("job/content", torn())  # type: ignore[arg-type]
    assert list(blobs.list()) == []


def test_a_kernel_that_refuses_to_write_is_a_full_storage_and_leaves_nothing(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            DiskBlobs(tmp_path).put("job/content", b"x" * 5000)
        except StorageFull:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert list(DiskBlobs(tmp_path).list()) == []


def test_a_full_disk_refuses(tmp_path: Path) -> None:
    blobs = DiskBlobs(tmp_path, min_free_bytes=1 << 62)
    with pytest.raises(StorageFull):
        blobs.put("job/content", b"1")
    with pytest.raises(StorageFull):
        blobs.check()


def test_a_storage_that_is_a_file_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("not a folder")
    with pytest.raises(StorageUnavailable):
        DiskBlobs(tmp_path / "blobs").check()


def test_redis_takes_no_more_than_its_limit(redis_url: str) -> None:
    blobs = RedisBlobs(redis.Redis.from_url(redis_url, protocol=2), limit_bytes=10)
    with pytest.raises(BlobTooLarge):
        blobs.put("job/content", b"x" * 11)
    assert list(blobs.list()) == []


def test_a_redis_without_memory_is_full(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url, protocol=2)
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(StorageFull):
            RedisBlobs(client, limit_bytes=10).put("job/content", b"x")
    finally:
        client.config_set("maxmemory", 0)


def test_an_unknown_storage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match="NST_STORAGE"):
        open_blobs(JobSettings(storage="ftp://there", data_dir=tmp_path))
