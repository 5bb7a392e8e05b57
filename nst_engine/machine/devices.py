"""The devices of this machine, for programs that choose one; the engine runs on the device it is given."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from nst_engine.spec.errors import DeviceError

NAMES = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """A device by torch's name; `uuid` identifies a GPU wherever it is seen from, because containers renumber them."""

    name: str
    uuid: str | None = None

    @property
    def kind(self) -> str:
        """Return the name without its number: cuda, mps or cpu."""
        return self.name.partition(":")[0]


def list_devices() -> tuple[Device, ...]:
    """List the devices of this machine, the fastest first.

    This initializes CUDA: do not call it in a process that forks later.
    """
    import torch  # here, because a worker must prepare its process before torch is loaded

    cuda = [
        Device(name=f"cuda:{index}", uuid=str(torch.cuda.get_device_properties(index).uuid))
        for index in range(torch.cuda.device_count())
    ]
    mps = [Device(name="mps")] if torch.backends.mps.is_available() else []
    return (*cuda, *mps, Device(name="cpu"))


def select_devices(name: str, devices: Iterable[Device]) -> tuple[Device, ...]:
    """Return the devices that `name` selects, in their order; raises DeviceError if there is none.

    `cuda` selects every CUDA device. `auto` selects every device of the kind that comes first.
    """
    if not NAMES.fullmatch(name):
        raise DeviceError(f"no device is called {name!r}: use auto, cpu, mps, cuda or cuda:N")
    devices = tuple(devices)
    wanted = devices[0].kind if name == "auto" else name
    selected = tuple(device for device in devices if wanted in (device.name, device.kind))
    if not selected:
        raise DeviceError(f"this machine has no device {name}, it has {', '.join(device.name for device in devices)}")
    return selected
