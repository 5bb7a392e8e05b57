"""Listing the devices of this machine, and selecting from them by name."""

from __future__ import annotations

import pytest
import torch

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


TOO_OLD = (
    "The NVIDIA driver on your system is too old (found version 12040). Please update your GPU driver by downloading "
    "and installing a new version."
)


@pytest.fixture
def old_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the machine have a GPU whose driver is too old for torch."""

    def fail(_index: int) -> None:
        raise RuntimeError(TOO_OLD)

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", fail)


REASON = r"^CUDA cannot be used: The NVIDIA driver on your system is too old \(found version 12040\)\.$"


@pytest.mark.usefixtures("old_driver")
@pytest.mark.parametrize("name", ["cuda", "cuda:0"])
def test_too_old_a_driver_is_one_line(name: str) -> None:
    with pytest.raises(DeviceError, match=REASON):
        list_devices(name)


@pytest.mark.usefixtures("old_driver")
def test_auto_goes_on_without_a_gpu_whose_driver_is_too_old() -> None:
    with pytest.warns(RuntimeWarning, match=REASON):
        assert list_devices("auto")[-1] == CPU


@pytest.mark.usefixtures("old_driver")
def test_the_cpu_is_selected_without_asking_cuda(recwarn: pytest.WarningsRecorder) -> None:
    assert list_devices("cpu")[-1] == CPU
    assert not recwarn.list


def test_the_cpu_is_the_last_device_of_every_machine() -> None:
    assert list_devices()[-1] == CPU
