"""Bounds on how much is done at the same time, for one key and for all of them."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from api.problems import ProblemError
from api.security.rate_limits import too_many

RETRY_SECONDS = 5


class ConcurrencyLimit:
    """Count what is running or waiting, by owner; `code` and `detail` are those of the refusal."""

    def __init__(self, code: str, detail: str, *, per_key: int, total: int) -> None:
        self._code, self._detail = code, detail
        self._per_key, self._total = per_key, total
        self._open: Counter[str] = Counter()  # by owner

    @contextmanager
    def hold(self, owner: str) -> Iterator[None]:
        """Take a place until the end of the block; raise a 429 if the owner has too many, a 503 if all keys have."""
        if self._open[owner] >= self._per_key:
            raise too_many(self._code, self._detail, seconds=RETRY_SECONDS)
        if self._open.total() >= self._total:
            raise ProblemError(503, self._code, self._detail, headers={"Retry-After": str(RETRY_SECONDS)})
        self._open[owner] += 1
        try:
            yield
        finally:
            self._open -= Counter((owner,))  # subtraction drops owners with a count of zero
