"""A cache of the last few results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class BoundedCache(Generic[Value]):
    """Keeps the results that were asked for last, by key, as long as they take at most `max_bytes` together."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: dict[str, tuple[Value, int]] = {}  # and its bytes; the one that was asked for last comes last

    def get(self, key: str, make: Callable[[], Value], size: Callable[[Value], int]) -> Value:
        """Return the result that is kept under `key`, or make it; `size` returns its bytes."""
        found = self._kept.pop(key, None)
        if found is None:
            value = make()
            found = value, size(value)
        self._kept[key] = found
        while sum(taken for _, taken in self._kept.values()) > self._max_bytes:
            self._kept.pop(next(iter(self._kept)))
        return found[0]
