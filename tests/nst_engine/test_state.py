import tracemalloc
from pathlib import Path

import pytest
import torch
from safetensors.torch import load

from nst_engine import state
from nst_engine.spec.errors import CheckpointError
from nst_engine.state import State

TENSORS = {"x": torch.rand(1, 3, 4, 4), "rate": torch.tensor(0.5), "none": torch.empty(0, 3), "n": torch.tensor([7])}
STATE = State(fingerprint="abc", scale=1, done=7, tensors=TENSORS)
DATA = STATE.to_bytes()


def test_a_state_survives_as_bytes() -> None:
    found = State.from_bytes(DATA)
    assert (found.fingerprint, found.scale, found.done) == ("abc", 1, 7)
    assert all(torch.equal(found.tensors[name], value) for name, value in STATE.tensors.items())
    assert set(found.tensors) == set(STATE.tensors)


def test_a_state_is_written_one_tensor_at_a_time() -> None:
    pieces = list(STATE.pieces())
    assert b"".join(pieces) == DATA
    assert max(len(piece) for piece in pieces[1:]) == STATE.tensors["x"].numel() * 4


def test_a_state_is_read_with_no_copy_but_its_tensors() -> None:
    data = State(
        fingerprint="abc", scale=0, done=1, tensors={name: torch.rand(3, 256, 256) for name in "xyz"}
    ).to_bytes()
    tracemalloc.start()
    try:
        State.from_bytes(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0.9 * len(data) < peak < 1.1 * len(data)


def test_of_a_state_in_a_file_only_the_tensor_in_use_takes_memory(tmp_path: Path) -> None:
    path, tensors = tmp_path / "state", {name: torch.rand(3, 512, 512) for name in "abcd"}
    path.write_bytes(State(fingerprint="abc", scale=0, done=1, tensors=tensors).to_bytes())
    tracemalloc.start()
    try:
        with path.open("rb") as file:
            found = State.from_file(file).tensors
            assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.2 * path.stat().st_size / len(tensors)


def test_the_file_is_one_that_safetensors_reads() -> None:
    found = load(DATA[: -state.DIGEST])
    assert all(torch.equal(found[name], value) for name, value in STATE.tensors.items())


@pytest.mark.parametrize("length", [0, 1, 7, 8, 40, len(DATA) // 2, len(DATA) - 1])
def test_a_truncated_checkpoint_is_refused(length: int) -> None:
    with pytest.raises(CheckpointError, match="damaged"):
        State.from_bytes(DATA[:length])


@pytest.mark.parametrize("place", [0, 9, 60, len(DATA) // 2, len(DATA) - 40, len(DATA) - 1])
def test_one_flipped_bit_is_found(place: int) -> None:
    data = bytearray(DATA)
    data[place] ^= 1
    with pytest.raises(CheckpointError, match="damaged"):
        State.from_bytes(bytes(data))


@pytest.mark.parametrize("data", [b"\x00" * 200, b"\xff" * 200, b"PK\x03\x04" + b"pickle" * 40, DATA + b"more"])
def test_what_is_no_checkpoint_is_refused(data: bytes) -> None:
    with pytest.raises(CheckpointError, match="damaged"):
        State.from_bytes(data)


def test_a_checkpoint_of_another_version_is_refused_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "VERSION", "0")
    older = STATE.to_bytes()
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="version 0"):
        State.from_bytes(older)
