"""Waiting for real processes, which have no clock to inject."""

import time
from collections.abc import Callable
from typing import Any

import httpx

LONGEST_SECONDS = 150.0  # a loaded machine takes its time to import torch
POLL_SECONDS = 0.05


def until(condition: Callable[[], Any], message: str, *, seconds: float = LONGEST_SECONDS) -> Any:
    """Poll a condition and return its first true value; fail with the message when time is up.

    A service that does not answer yet counts as false.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := condition():
                return found
        except httpx.TransportError:
            pass
        time.sleep(POLL_SECONDS)
    raise AssertionError(message)
