"""The interface of the picture storage; there are implementations for disk, Redis and S3.

The name of a blob is `<job id>/<part>`, such as `<job id>/content`. A blob is written or replaced as a whole, so a
reader never sees half of one. All methods block, so call them from asynchronous code in a thread.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from jobs.errors import BlobNotFound
from jobs.model import BlobRef

CHUNK = 1 << 20
NAME = re.compile(r"[0-9a-zA-Z][0-9a-zA-Z_-]*/[0-9a-zA-Z][0-9a-zA-Z._-]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class BlobInfo:
    """A blob in a list; `modified` is in seconds since 1970."""

    name: str
    bytes: int
    modified: float


class Blobs(Protocol):
    """A storage of pictures; every method may raise StorageUnavailable."""

    def put(
        self, name: str, data: bytes | BinaryIO | Iterable[bytes], media_type: str = "application/octet-stream"
    ) -> BlobRef:
        """Store a blob durably and return its reference; raise StorageFull or BlobTooLarge."""

    def take(self, name: str, path: Path, media_type: str = "application/octet-stream") -> BlobRef:
        """Store a file in the same way as `put`; the file may be moved away."""

    def open(self, name: str) -> BinaryIO:
        """Open a blob for reading; seek to the end for its size. Raise BlobNotFound."""

    def read(self, name: str) -> bytes:
        """Return the bytes of a blob; raise BlobNotFound."""

    def copy(self, source: str, target: str) -> None:
        """Copy a blob; raise BlobNotFound. Where possible, the storage does so without sending it here."""

    def delete(self, *names: str) -> None:
        """Remove blobs; ignore those that do not exist."""

    def delete_all(self, job_id: str) -> None:
        """Remove every blob of a job."""

    def list(self) -> Iterator[BlobInfo]:
        """Yield every blob, half-written ones of dead processes included."""

    def check(self) -> None:
        """Raise StorageFull or StorageUnavailable if a blob could not be stored now."""


def blob_name(job_id: str, part: str) -> str:
    """Return the name of a part of a job, such as "content", "style-0" or "result-<token>.png"; raise BlobNotFound."""
    name = f"{job_id}/{part}"
    if not NAME.fullmatch(name):
        raise BlobNotFound(name)
    return name


def owner_of(name: str) -> str:
    """Return the id of the job that a blob belongs to."""
    return name.partition("/")[0]


def chunks(data: bytes | BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    """Yield the data in pieces."""
    if isinstance(data, bytes | bytearray | memoryview):
        yield bytes(data)
    elif hasattr(data, "read"):
        while chunk := data.read(CHUNK):
            yield chunk
    else:
        yield from data
