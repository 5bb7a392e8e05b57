"""Listing the devices of this machine, and selecting from them by name."""

from __future__ import annotations

import pytest

from nst_engine.machine.devices import Device, list_devices, select_devices
from nst_engine.spec.errors import DeviceError

CPU, MPS = Device(name="cpu"), Device(name="mps")
CUDA = (Device(name="cuda:0", uuid="GPU-a"), Device(name="cuda:1", uuid="GPU-b"))


@pytest.mark.parametrize(
    ("name", "devices", "selected"),
    [
        ("auto", (*CUDA, CPU), CUDA),
        ("auto", (MPS, CPU), (MPS,)),
        ("auto", (CPU,), (CPU,)),
        ("cuda", (*CUDA, CPU), CUDA),
        ("cuda:1", (*CUDA, CPU), CUDA[1:]),
        ("mps", (MPS, CPU), (MPS,)),
        ("cpu", (*CUDA, CPU), (CPU,)),
    ],
)
def test_a_name_selects_devices(name: str, devices: tuple[Device, ...], selected: tuple[Device, ...]) -> None:
    assert select_devices(name, devices) == selected


@pytest.mark.parametrize(("name", "devices"), [("cuda:2", (*CUDA, CPU)), ("cuda", (CPU,)), ("mps", (*CUDA, CPU))])
def test_a_device_that_the_machine_lacks_is_refused(name: str, devices: tuple[Device, ...]) -> None:
    with pytest.raises(DeviceError, match=f"this machine has no device {name}, it has .*cpu"):
        select_devices(name, devices)


@pytest.mark.parametrize("name", ["tpu", "cuda:", "CPU", ""])
def test_a_name_that_is_no_device_is_refused(name: str) -> None:
    with pytest.raises(DeviceError, match="no device is called"):
        select_devices(name, (CPU,))


def test_the_cpu_is_the_last_device_of_every_machine() -> None:
    assert list_devices()[-1] == CPU
