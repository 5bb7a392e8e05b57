"""What is special about pictures in S3."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from jobs.errors import BlobNotFound, StorageFull, StorageUnavailable
from jobs.storage.blobs import Blobs
from jobs.storage.factory import open_blobs
from jobs.storage.s3 import SURE_SECONDS, WHOLE, S3Blobs
from tests.fakes.s3 import FakeS3, running_s3

LARGE = bytes(range(256)) * (WHOLE // 256) + b"the end"


@pytest.fixture
def bucket(s3: FakeS3) -> str:
    return s3.bucket()


@pytest.fixture
def blobs(s3: FakeS3, bucket: str) -> Blobs:
    return open_blobs(s3.settings(bucket))


def test_a_large_picture_is_sent_in_parts_and_read_in_pieces(blobs: Blobs) -> None:
    ref = blobs.put("job/content", iter([LARGE[:1000], LARGE[1000:]]), "image/tiff")
    assert (ref.sha256, ref.bytes) == (hashlib.sha256(LARGE).hexdigest(), len(LARGE))
    with blobs.open("job/content") as file:
        assert file.seek(-7, 2) == len(LARGE) - 7
        assert file.read(100) == b"the end"
        file.seek(256)
        assert file.read(256) == LARGE[:256]
        file.seek(0)
        assert file.read() == LARGE


def test_a_picture_that_is_replaced_while_it_is_read_is_never_a_mixture(blobs: Blobs) -> None:
    blobs.put("job/preview", LARGE)
    with blobs.open("job/preview") as file:
        assert file.read(10) == LARGE[:10]
        blobs.put("job/preview", LARGE[::-1])
        file.seek(-1, 2)
        with pytest.raises(BlobNotFound):
            file.read()


def test_pictures_carry_their_media_type_and_lie_under_the_prefix(blobs: Blobs, s3: FakeS3, bucket: str) -> None:
    blobs.put("job/content", b"1", "image/png")
    found = s3.store(bucket).get("nst/job/content")
    assert (bytes(found.bytes()), found.attributes["Content-Type"]) == (b"1", "image/png")


def test_what_is_not_ours_is_neither_listed_nor_removed(blobs: Blobs, s3: FakeS3, bucket: str) -> None:
    for theirs in ("letter.txt", "other/letter.txt", "nst/letter.txt", "nst/deep/er/letter.txt"):
        s3.store(bucket).put(theirs, b"1")
    blobs.put("job/content", b"1")
    blobs.check()
    assert [info.name for info in blobs.list()] == ["job/content"]


def test_two_services_share_a_bucket_by_prefix(s3: FakeS3, bucket: str) -> None:
    one, two = (open_blobs(s3.settings(f"{bucket}/{prefix}")) for prefix in ("a", "b/c"))
    one.put("job/content", b"1")
    with pytest.raises(BlobNotFound):
        two.read("job/content")


def test_a_bucket_that_is_not_there_is_said_to_be_missing(s3: FakeS3) -> None:
    blobs = open_blobs(s3.settings("no-such-bucket"))
    for use in (blobs.check, lambda: blobs.put("job/a", b"1"), lambda: list(blobs.list()), lambda: blobs.read("job/a")):
        with pytest.raises(StorageUnavailable, match="no such bucket"):
            use()


def test_a_server_that_is_away_makes_it_unavailable() -> None:
    with running_s3() as server:
        blobs = open_blobs(server.settings(server.bucket()))
        blobs.put("job/a", b"1")
    for use in (lambda: blobs.read("job/a"), lambda: blobs.put("job/a", b"2"), lambda: list(blobs.list())):
        with pytest.raises(StorageUnavailable, match="cannot be reached"):
            use()


class DeniedStore:
    """A bucket that may not be written."""

    def __init__(self, text: str = "403") -> None:
        self.puts, self.text = 0, text

    def put(self, *_: Any, **__: Any) -> None:
        from obstore.exceptions import PermissionDeniedError

        self.puts += 1
        if self.text:
            raise PermissionDeniedError(self.text)


def test_a_bucket_that_may_not_be_written_is_unavailable() -> None:
    with pytest.raises(StorageUnavailable, match="access is denied"):
        S3Blobs(DeniedStore()).check()  # type: ignore[arg-type]


@contextmanager
def answering(status: int, code: str) -> Iterator[str]:
    """Run a storage that refuses every write; return its address."""

    class Refusal(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = f"<Error><Code>{code}</Code></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusal) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "QuotaExceeded"), (400, "XMinioAdminBucketQuotaExceeded"), (507, "XMinioStorageFull")],
    ids=["Ceph's quota", "MinIO's quota", "a full MinIO"],
)
def test_a_bucket_at_its_quota_is_full(status: int, code: str) -> None:
    with answering(status, code) as url, pytest.raises(StorageFull):
        open_blobs(FakeS3(url).settings("pictures")).put("job/a", b"1")


def test_a_storage_that_just_took_something_is_not_asked_again() -> None:
    store, now = DeniedStore(text=""), 0.0
    blobs = S3Blobs(store, clock=lambda: now)  # type: ignore[arg-type]
    blobs.check()
    blobs.check()
    assert store.puts == 1
    now += SURE_SECONDS
    blobs.check()
    assert store.puts == 2


def test_a_storage_that_just_failed_is_asked_again() -> None:
    store = DeniedStore(text="")
    blobs = S3Blobs(store)  # type: ignore[arg-type]
    blobs.check()
    store.text = "403"
    with pytest.raises(StorageUnavailable):
        blobs.put("job/a", b"1")
    with pytest.raises(StorageUnavailable):
        blobs.check()


def test_half_a_pair_of_keys_is_refused(s3: FakeS3) -> None:
    settings = s3.settings("b").model_copy(update={"s3_secret_key": None})
    with pytest.raises(StorageUnavailable, match="NST_S3_SECRET_KEY"):
        open_blobs(settings)
