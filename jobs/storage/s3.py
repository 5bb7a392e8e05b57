"""Blobs in an S3-compatible storage, for workers on several machines; a process that has used it must not fork."""

from __future__ import annotations

import hashlib
import io
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from jobs.errors import BlobError, BlobNotFound, StorageFull, StorageUnavailable
from jobs.model import BlobRef
from jobs.storage.blobs import NAME, BlobInfo, chunks

if TYPE_CHECKING:
    from typing import Any

    from obstore.store import S3Store

CHECK = "writable"  # the object that `check` writes; it is no blob, because it belongs to no job
SURE_SECONDS = 5.0  # after a successful write, `check` trusts the storage for this long
WHOLE = 8 << 20  # blobs up to this size are read with one request, larger ones in pieces of it
NO_ROOM = re.compile(r"507 Insufficient|StorageFull|QuotaExceeded")
NO_BUCKET = "NoSuchBucket"


class S3Blobs:
    """Blobs as objects under a prefix of a bucket, where everything belongs to this service."""

    def __init__(self, store: S3Store, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._sure_until = float("-inf")

    def put(
        self, name: str, data: bytes | BinaryIO | Iterable[bytes], media_type: str = "application/octet-stream"
    ) -> BlobRef:
        """Store a blob and return its reference; S3 shows an object as a whole or not at all."""
        _check_name(name)
        digest, size = hashlib.sha256(), 0

        def counted() -> Iterator[bytes]:
            nonlocal size
            for chunk in chunks(data):
                digest.update(chunk)
                size += len(chunk)
                yield chunk

        pieces = counted()
        start = b""
        while len(start) < WHOLE and (piece := next(pieces, None)) is not None:
            start += piece
        # A body of unknown length becomes a multipart upload, which takes at least three requests.
        body: bytes | Iterator[bytes] = start if len(start) < WHOLE else chain([start], pieces)
        with self._request(name, writing=True):
            self._store.put(name, body, attributes={"Content-Type": media_type}, chunk_size=WHOLE)
        self._sure_until = self._clock() + SURE_SECONDS
        return BlobRef(name=name, sha256=digest.hexdigest(), bytes=size, media_type=media_type)

    def take(self, name: str, path: Path, media_type: str = "application/octet-stream") -> BlobRef:
        """Store a file in the same way as `put`."""
        with path.open("rb") as file:
            return self.put(name, file, media_type)

    def open(self, name: str) -> BinaryIO:
        """Open a blob for reading; a small one is read at once, a large one in pieces."""
        _check_name(name)
        with self._request(name):
            found = self._store.get(name)
            if found.meta["size"] <= WHOLE:
                return io.BytesIO(bytes(found.bytes()))
            tag = found.meta["e_tag"]
        return io.BufferedReader(_Pieces(self._store, name, size=found.meta["size"], tag=tag), WHOLE)

    def read(self, name: str) -> bytes:
        """Return the bytes of a blob."""
        _check_name(name)
        with self._request(name):
            return bytes(self._store.get(name).bytes())

    def copy(self, source: str, target: str) -> None:
        """Copy a blob inside the storage."""
        _check_name(target)
        with self._request(source):
            self._store.copy(source, target)

    def delete(self, *names: str) -> None:
        """Remove blobs."""
        if names:
            with self._request(names[0], writing=True):
                self._store.delete(list(names))

    def delete_all(self, job_id: str) -> None:
        """Remove every blob of a job."""
        self.delete(*(info.name for info in self._under(f"{job_id}/")))

    def list(self) -> Iterator[BlobInfo]:
        """Yield every blob; S3 does not list half-written ones."""
        return self._under(None)

    def check(self) -> None:
        """Raise StorageFull or StorageUnavailable if a blob could not be stored now, unless one was a moment ago."""
        if self._clock() < self._sure_until:
            return
        with self._request(CHECK, writing=True):
            self._store.put(CHECK, b"")
        self._sure_until = self._clock() + SURE_SECONDS

    def _under(self, prefix: str | None) -> Iterator[BlobInfo]:
        with self._request(prefix or "", writing=True):
            for batch in self._store.list(prefix):
                for meta in batch:
                    if NAME.fullmatch(meta["path"]):
                        modified = meta["last_modified"].timestamp()
                        yield BlobInfo(name=meta["path"], bytes=meta["size"], modified=modified)

    @contextmanager
    def _request(self, name: str, *, writing: bool = False) -> Iterator[None]:
        """Translate errors; after one, `check` no longer trusts the storage."""
        try:
            with _errors(name, writing=writing):
                yield
        except (StorageFull, StorageUnavailable):
            self._sure_until = float("-inf")
            raise


class _Pieces(io.RawIOBase):
    """An object that is read piece by piece; raises BlobNotFound if it was replaced in the meantime."""

    def __init__(self, store: S3Store, name: str, *, size: int, tag: str | None) -> None:
        self._store, self._name, self._size, self._tag = store, name, size, tag
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        data = self._range(min(self._at + len(buffer), self._size))
        buffer[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        return self._range(self._size)

    def _range(self, end: int) -> bytes:
        if self._at >= end:
            return b""
        with _errors(self._name):
            found = self._store.get(self._name, options={"range": (self._at, end), "if_match": self._tag})
            data = bytes(found.bytes())
        self._at += len(data)
        return data


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise BlobNotFound(name)


@contextmanager
def _errors(name: str, *, writing: bool = False) -> Iterator[None]:
    """Turn errors of S3 into errors of the storage; when writing, "not found" means the bucket."""
    from obstore.exceptions import BaseError, PermissionDeniedError, PreconditionError, UnauthenticatedError

    try:
        yield
    except (FileNotFoundError, PreconditionError) as error:
        if writing or NO_BUCKET in str(error):
            raise StorageUnavailable("there is no such bucket") from error
        raise BlobNotFound(name) from error
    except (BaseError, OSError) as error:
        if NO_ROOM.search(str(error)):  # some services answer 403
            raise StorageFull() from error
        if isinstance(error, PermissionDeniedError | UnauthenticatedError):
            raise StorageUnavailable("access is denied") from error
        raise _storage_error(error) from error


def _storage_error(error: Exception) -> BlobError:
    text = str(error)
    return StorageUnavailable("there is no such bucket") if NO_BUCKET in text else StorageUnavailable()
