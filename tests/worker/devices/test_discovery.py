"""Which devices a worker may choose from."""

from __future__ import annotations

import pytest

from worker.devices.discovery import Device, DeviceError, find_devices, fitting

CPU, MPS = Device(name="cpu"), Device(name="mps")
CUDA = (Device(name="cuda:0", slot="GPU-a"), Device(name="cuda:1", slot="GPU-b"))


@pytest.mark.parametrize(
    ("wanted", "present", "fit"),
    [
        ("auto", (*CUDA, CPU), CUDA),
        ("auto", (MPS, CPU), (MPS,)),
        ("auto", (CPU,), (CPU,)),
        ("cuda", (*CUDA, CPU), CUDA),
        ("cuda:1", (*CUDA, CPU), CUDA[1:]),
        ("cuda:2", (*CUDA, CPU), ()),
        ("cuda", (CPU,), ()),
        ("cpu", (*CUDA, CPU), (CPU,)),
    ],
)
def test_a_wish_is_met_by_what_is_there(wanted: str, present: tuple[Device, ...], fit: tuple[Device, ...]) -> None:
    assert fitting(wanted, present) == fit


@pytest.mark.parametrize("name", ["auto", "cpu"])
def test_what_is_always_there_is_found(name: str) -> None:
    assert find_devices(name)


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(DeviceError, match="cuda:99"):
        find_devices("cuda:99")


def test_a_name_that_is_no_device_is_refused() -> None:
    with pytest.raises(DeviceError, match="NST_DEVICE=tpu"):
        find_devices("tpu")


def test_looking_for_a_device_leaves_cuda_alone_in_this_process() -> None:
    import torch

    find_devices("auto")
    assert not torch.cuda.is_initialized()
