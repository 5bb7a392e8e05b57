"""Which device runs compute on."""

from __future__ import annotations

import pytest

from worker.devices import DeviceError, check_device, choose_device


def test_a_named_device_is_taken_as_it_is() -> None:
    assert choose_device("cuda:1") == "cuda:1"


@pytest.mark.parametrize("name", ["auto", "cpu"])
def test_what_is_always_there_passes(name: str) -> None:
    check_device(name)


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(DeviceError, match="cuda:99"):
        check_device("cuda:99")


def test_a_name_that_is_no_device_is_refused() -> None:
    with pytest.raises(DeviceError, match="NST_DEVICE=tpu"):
        check_device("tpu")


def test_looking_for_a_device_leaves_cuda_alone_in_this_process() -> None:
    import torch

    with pytest.raises(DeviceError):
        check_device("cuda:99")
    assert not torch.cuda.is_initialized()
