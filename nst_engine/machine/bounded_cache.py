"""A cache of the last few results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class BoundedCache(Generic[Value]):
    """Keeps the results that were asked for last, by key."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: dict[str, Value] = {}  # the one that was asked for last comes last

    def get(self, key: str, make: Callable[[], Value]) -> Value:
        """Return the result that is kept under `key`, or make it."""
        found = self._kept.pop(key, None)
        if found is None:
            found = make()
        self._kept[key] = found
        if len(self._kept) > self._size:
            self._kept.pop(next(iter(self._kept)), None)
        return found
