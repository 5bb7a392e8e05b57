"""When to send a request again, and after which pause."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from nst_client.errors import NotReachableError, ServiceError

RETRIED_STATUSES = frozenset({429, 502, 503, 504, 507})


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How often to send a request, and the pauses in between.

    Pauses double from `first_seconds` to `longest_seconds`, with jitter from `chance`. If the service names a pause in
    `Retry-After`, that one counts.
    """

    attempts: int = 5
    first_seconds: float = 0.5
    longest_seconds: float = 20.0
    chance: Callable[[], float] = random.random

    def pause(self, attempt: int, retry_after: str | None = None) -> float | None:
        """Return the pause in seconds after an attempt, counted from 1; None after the last one."""
        if attempt >= self.attempts:
            return None
        if retry_after and retry_after.isdecimal():
            return float(retry_after)
        pause = min(self.first_seconds * 2 ** (attempt - 1), self.longest_seconds)
        return float(pause * (0.5 + 0.5 * self.chance()))


class Attempts:
    """The failed attempts at one request."""

    def __init__(self, retries: Retries, server: httpx.URL) -> None:
        self._retries, self._server = retries, server
        self._failed = 0

    def reset(self) -> None:
        """Start counting again, after a success."""
        self._failed = 0

    def no_response(self, error: httpx.TransportError | None) -> float:
        """Return the pause after a lost connection; raises NotReachableError after the last attempt."""
        self._failed += 1
        pause = self._retries.pause(self._failed)
        if pause is None:
            reason = error or "the stream ended"
            raise NotReachableError(f"{self._server} does not respond: {reason}") from error
        return pause

    def error_response(self, response: httpx.Response) -> float:
        """Return the pause after an error response; raises ServiceError if another attempt would not help."""
        self._failed += 1
        pause = self._retries.pause(self._failed, response.headers.get("Retry-After"))
        error = ServiceError.from_response(response)
        # A lost request may still be served; its key is free, or answers with its job, when that has ended.
        if pause is None or not (error.status in RETRIED_STATUSES or error.code == "idempotency_key_in_use"):
            raise error
        return pause
