"""The devices of this machine, for programs that choose one; the engine runs on the device it is given."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

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


def list_devices(wanted: str = "auto") -> tuple[Device, ...]:
    """List the devices of this machine that the name `wanted` may select, the fastest first.

    This initializes CUDA unless `wanted` is `cpu` or `mps`: do not call it in a process that forks later. If CUDA
    cannot be initialized, because the driver is too old for example, `auto` warns and goes on without; the names of
    CUDA devices raise DeviceError.
    """
    import torch  # here, because a worker must prepare its process before torch is loaded

    try:
        cuda = [] if wanted in ("cpu", "mps") else _cuda_devices(torch.cuda)
    except RuntimeError as error:
        reason = str(error).partition("\n")[0].partition(" Please ")[0]
        message = f"CUDA cannot be used: {reason or type(error).__name__}"
        if wanted != "auto":
            raise DeviceError(message) from error
        warnings.warn(message, RuntimeWarning, stacklevel=2)
        cuda = []
    mps = [Device(name="mps")] if torch.backends.mps.is_available() else []
    return (*cuda, *mps, Device(name="cpu"))


def _cuda_devices(cuda: Any) -> list[Device]:
    return [
        Device(name=f"cuda:{index}", uuid=str(cuda.get_device_properties(index).uuid))
        for index in range(cuda.device_count())
    ]


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
