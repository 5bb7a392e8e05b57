"""The storage of pictures: one small interface, kept on disk, in Redis or in S3.

A blob has a name such as `<job id>/content` and bytes. A name is written once or replaced as a whole; a reader never
sees half a blob. All methods block, so asynchronous code calls them in a thread.
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
    """What the storage knows of a blob; `modified` is in seconds since 1970."""

    name: str
    bytes: int
    modified: float


class Blobs(Protocol):
    """Where pictures are kept."""

    def put(
        self, name: str, data: bytes | BinaryIO | Iterable[bytes], media_type: str = "application/octet-stream"
    ) -> BlobRef:
        """Store a blob durably and return its reference; raise StorageFull, BlobTooLarge or StorageUnavailable."""

    def take(self, name: str, path: Path, media_type: str = "application/octet-stream") -> BlobRef:
        """Store a file as `put` does; it is not needed any more and may be moved away."""

    def open(self, name: str) -> BinaryIO:
        """Open a blob for reading; seek to the end for its size. Raise BlobNotFound."""

    def read(self, name: str) -> bytes:
        """Return the bytes of a blob; raise BlobNotFound."""

    def copy(self, source: str, target: str) -> None:
        """Copy a blob without reading it here, where the storage can."""

    def delete(self, *names: str) -> None:
        """Remove blobs; those that are not there are passed over."""

    def delete_all(self, job_id: str) -> None:
        """Remove every blob of a job."""

    def list(self) -> Iterator[BlobInfo]:
        """Walk over every blob, also over what a dead writer left half written."""

    def check(self) -> None:
        """Raise StorageFull or StorageUnavailable if a blob could not be stored now."""


def blob_name(job_id: str, part: str) -> str:
    """Name the blob of one part of a job, such as "content", "style-0", "mask-0" or "result-<token>.png"."""
    name = f"{job_id}/{part}"
    if not NAME.fullmatch(name):
        raise BlobNotFound(name)
    return name


def owner_of(name: str) -> str:
    """Return the id of the job that a blob belongs to by its name."""
    return name.partition("/")[0]


def chunks(data: bytes | BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    """Cut what may be stored into pieces."""
    if isinstance(data, bytes | bytearray | memoryview):
        yield bytes(data)
    elif hasattr(data, "read"):
        while chunk := data.read(CHUNK):
            yield chunk
    else:
        yield from data
