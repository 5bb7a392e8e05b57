"""Copies of tensors of an emulated CUDA device on the host."""

import torch

from nst_engine.machine.host_copy import HostCopy
from nst_engine.state import State
from tests.nst_engine.cuda.emulator import EmulatedCuda


def test_copies_of_many_tensors_are_under_way_at_once() -> None:
    values = [torch.full((4, 3), float(i)) for i in range(5)]
    with EmulatedCuda() as cuda:
        copies = [HostCopy(cuda.tensor(value)) for value in values]
        assert not cuda.waits
        for value, copy in zip(values, copies, strict=True):
            assert torch.equal(copy.wait(), value)
        assert sum(cuda.waits.values()) == len(values)


def test_a_copy_shares_no_memory_with_a_tensor_of_the_host() -> None:
    tensor = torch.zeros(3)
    copy = HostCopy(tensor)
    tensor += 1
    assert copy.wait().tolist() == [0, 0, 0]


def test_the_next_tensor_of_a_state_is_copied_while_one_is_used() -> None:
    tensors = {"x": torch.arange(6.0).view(2, 3), "on the host": torch.tensor([7]), "y": torch.ones(4)}
    with EmulatedCuda() as cuda:
        on_device = {name: t if name == "on the host" else cuda.tensor(t) for name, t in tensors.items()}
        pieces = State(fingerprint="f", scale=0, done=1, tensors=on_device).pieces()
        next(pieces)
        assert not cuda.kernels["copy_"]
        next(pieces)
        next(pieces)
        assert cuda.kernels["copy_"] == 2
    with EmulatedCuda() as cuda:
        found = State.from_bytes(State(fingerprint="f", scale=0, done=1, tensors=on_device).to_bytes()).tensors
    assert {name: t.tolist() for name, t in found.items()} == {name: t.tolist() for name, t in tensors.items()}
