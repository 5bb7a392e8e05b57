"""A storage that fails on request, around a real one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from jobs.model import BlobRef
from jobs.storage.blobs import Blobs


class FaultyBlobs:
    """Stores in another storage, but raises what a test has put into `faults`."""

    def __init__(self, inner: Blobs) -> None:
        self.inner = inner
        self.faults: dict[str, Exception] = {}  # "read", or the beginning of a part such as "result" or "checkpoint"
        self.check_answers: Iterator[Exception | None] = iter(())

    def put(self, name: str, *values: Any) -> BlobRef:
        self._fail(name)
        return self.inner.put(name, *values)

    def take(self, name: str, *values: Any) -> BlobRef:
        self._fail(name)
        return self.inner.take(name, *values)

    def _fail(self, name: str) -> None:
        part = name.partition("/")[2].partition("-")[0]
        if part in self.faults:
            raise self.faults[part]

    def open(self, name: str) -> BinaryIO:
        if "read" in self.faults:
            raise self.faults["read"]
        return self.inner.open(name)

    def check(self) -> None:
        if error := next(self.check_answers, None):
            raise error

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)
