"""Waiting for real processes, which have no clock to inject."""

import time
from collections.abc import Callable
from typing import Any

import httpx

LOOK_SECONDS = 0.05


def until(look: Callable[[], Any], otherwise: str, *, seconds: float) -> Any:
    """Look until there is something, and return it; a service that does not answer yet has nothing. Fail in the end."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := look():
                return found
        except httpx.TransportError:
            pass
        time.sleep(LOOK_SECONDS)  # the pause between two looks at another process
    raise AssertionError(otherwise)
