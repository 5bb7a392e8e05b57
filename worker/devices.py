"""Which device runs compute on: chosen in the child, looked for before in a process that ends at once."""

from __future__ import annotations

import os
import re

KNOWN = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


class DeviceError(Exception):
    """The device that was asked for is not there."""


def choose_device(name: str) -> str:
    """Return torch's name of a device; `auto` is the first of cuda, mps and cpu. Not for a process that forks later."""
    import torch

    if name != "auto":
        return name
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def check_device(name: str) -> None:
    """Raise DeviceError for a device that is not there; the looking is done in a forked process.

    A process that has looked for CUDA cannot fork children that use it.
    """
    if not KNOWN.fullmatch(name):
        raise DeviceError(f"NST_DEVICE={name} is none of auto, cpu, mps, cuda and cuda:N")
    child = os.fork()
    if child == 0:
        found = False
        try:
            found = _is_there(name)
        finally:
            os._exit(0 if found else 1)
    if os.waitpid(child, 0)[1] != 0:
        raise DeviceError(f"there is no device {name} on this machine (NST_DEVICE)")


def _is_there(name: str) -> bool:
    import torch

    if name.startswith("cuda"):
        return int(name.partition(":")[2] or 0) < torch.cuda.device_count()
    return name != "mps" or torch.backends.mps.is_available()
