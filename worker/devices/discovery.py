"""Which devices there are and which of them a worker may choose from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from worker.apart import apart

KNOWN = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


class DeviceError(Exception):
    """The device that was asked for is not there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """A device by torch's name; `slot` is its name among all machines if only so many workers may share it."""

    name: str
    slot: str | None = None


def find_devices(wanted: str) -> tuple[Device, ...]:
    """Return the devices that fit a wish, the first to be tried first; raise DeviceError if there are none.

    `auto` means every CUDA device, else mps, else the CPU; `cuda` means every CUDA device.
    """
    if not KNOWN.fullmatch(wanted):
        raise DeviceError(f"NST_DEVICE={wanted} is none of auto, cpu, mps, cuda and cuda:N")
    found = fitting(wanted, apart(_present))
    if not found:
        raise DeviceError(f"there is no device {wanted} on this machine (NST_DEVICE)")
    return found


def fitting(wanted: str, present: tuple[Device, ...]) -> tuple[Device, ...]:
    """Choose from the devices that are present, listed from fast to slow."""
    if wanted == "auto":
        wanted = present[0].name.partition(":")[0]
    return tuple(device for device in present if wanted in (device.name, device.name.partition(":")[0]))


def _present() -> tuple[Device, ...]:
    """List the devices of this machine; not for a process that forks later."""
    import torch

    cuda = [
        # By its serial number: containers count the same devices differently.
        Device(name=f"cuda:{index}", slot=str(torch.cuda.get_device_properties(index).uuid))
        for index in range(torch.cuda.device_count())
    ]
    mps = [Device(name="mps")] if torch.backends.mps.is_available() else []
    return (*cuda, *mps, Device(name="cpu"))
