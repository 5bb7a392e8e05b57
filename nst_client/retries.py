"""When to try again, and after how long."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

AGAIN = frozenset({429, 502, 503, 504, 507})


@dataclass(frozen=True, kw_only=True)
class Retries:
    """Doubling pauses with some chance in them; what the service asks for goes before."""

    attempts: int = 5
    first_seconds: float = 0.5
    longest_seconds: float = 20.0
    chance: Callable[[], float] = random.random

    def pause(self, attempt: int, retry_after: str | None = None) -> float | None:
        """Return the pause after the attempt of this number, from 1; None when it was the last."""
        if attempt >= self.attempts:
            return None
        if retry_after and retry_after.isdigit():
            return float(retry_after)
        whole = min(self.first_seconds * 2 ** (attempt - 1), self.longest_seconds)
        return float(whole * (0.5 + 0.5 * self.chance()))
