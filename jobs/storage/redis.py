"""Blobs in Redis, for small pictures and machines without a shared disk."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from redis import Redis
from redis.exceptions import OutOfMemoryError, RedisError

from jobs.errors import BlobNotFound, BlobTooLarge, StorageFull, StorageUnavailable
from jobs.model import BlobRef
from jobs.storage.blobs import NAME, BlobInfo, chunks
from jobs.store.scripts import key

LIMIT_BYTES = 8 * 1024 * 1024  # of one picture


class RedisBlobs:
    """Blobs as Redis strings, with an index of their times; needs a client that does not decode replies."""

    def __init__(self, redis: Redis, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self._redis: Any = redis
        self._limit = limit_bytes

    def put(
        self, name: str, data: bytes | BinaryIO | Iterable[bytes], media_type: str = "application/octet-stream"
    ) -> BlobRef:
        """Store a blob and return its reference; raise BlobTooLarge over the limit."""
        if not NAME.fullmatch(name):
            raise BlobNotFound(name)
        whole = bytearray()
        for chunk in chunks(data):
            whole += chunk
            if len(whole) > self._limit:
                raise BlobTooLarge(self._limit)
        with _errors():
            seconds, _ = self._redis.time()
            pipe = self._redis.pipeline(transaction=True)
            pipe.set(key("blob", name), bytes(whole)).zadd(key("blobs"), {name: seconds}).execute()
        return BlobRef(name=name, sha256=hashlib.sha256(whole).hexdigest(), bytes=len(whole), media_type=media_type)

    def take(self, name: str, path: Path, media_type: str = "application/octet-stream") -> BlobRef:
        """Store a file in the same way as `put`."""
        with path.open("rb") as file:
            return self.put(name, file, media_type)

    def open(self, name: str) -> BinaryIO:
        """Open a blob for reading."""
        return io.BytesIO(self.read(name))

    def read(self, name: str) -> bytes:
        """Return the bytes of a blob."""
        with _errors():
            data: bytes | None = self._redis.get(key("blob", name))
        if data is None:
            raise BlobNotFound(name)
        return data

    def copy(self, source: str, target: str) -> None:
        """Copy a blob."""
        self.put(target, self.read(source))

    def delete(self, *names: str) -> None:
        """Remove blobs."""
        if names:
            with _errors():
                pipe = self._redis.pipeline(transaction=True)
                pipe.delete(*(key("blob", name) for name in names)).zrem(key("blobs"), *names).execute()

    def delete_all(self, job_id: str) -> None:
        """Remove every blob of a job."""
        with _errors():
            names = [name.decode() for name, _ in self._redis.zscan_iter(key("blobs"), match=f"{job_id}/*")]
        self.delete(*names)

    def list(self) -> Iterator[BlobInfo]:
        """Yield every blob."""
        with _errors():
            for name, stored in self._redis.zscan_iter(key("blobs")):
                size = self._redis.strlen(key("blob", name.decode()))
                yield BlobInfo(name=name.decode(), bytes=size, modified=stored)

    def check(self) -> None:
        """Raise StorageFull or StorageUnavailable if a blob could not be stored now."""
        with _errors():
            self._redis.set(key("ping"), b"1", px=1000)


@contextmanager
def _errors() -> Iterator[None]:
    """Turn errors of Redis into errors of the storage."""
    try:
        yield
    except OutOfMemoryError as error:
        raise StorageFull() from error
    except (RedisError, OSError) as error:
        raise StorageUnavailable() from error
