"""The state of a run, saved at any iteration and resumed to the same result."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, pairwise
from typing import Any, BinaryIO, Self

import torch
from torch import Tensor

from nst_engine.machine.host_copy import HostCopy
from nst_engine.spec.errors import CheckpointError

VERSION = "3"
ALIGNMENT = 8  # bytes; the safetensors format lets the data begin on a multiple of it
DTYPES = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64"}
KINDS = {name: dtype for dtype, name in DTYPES.items()}
DIGEST = hashlib.sha256().digest_size
PIECE = 1 << 18  # bytes of a file that are hashed at a time


class LazyTensors(Mapping[str, Tensor]):
    """Tensors by their names, each of which is made when it is asked for."""

    def __init__(self, makers: Mapping[str, Callable[[], Tensor]]) -> None:
        self._makers = makers

    def __getitem__(self, name: str) -> Tensor:
        return self._makers[name]()

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


@dataclass(frozen=True, kw_only=True)
class State:
    """Everything that decides how a run goes on.

    `fingerprint` identifies parameters and inputs: a state resumes only the run that it was taken from.
    `scale` counts from 0; `done` is the number of finished iterations at that scale.
    """

    fingerprint: str
    scale: int
    done: int
    tensors: Mapping[str, Tensor]

    def to_bytes(self) -> bytes:
        """Return the state in the safetensors format, followed by its SHA-256."""
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[bytes]:
        """Yield what `to_bytes` returns, tensor by tensor: while one is used, the next is copied to the host."""
        digest = hashlib.sha256()
        for piece in self._pieces():
            digest.update(piece)
            yield piece
        yield digest.digest()

    def _pieces(self) -> Iterator[bytes]:
        head = {"version": VERSION, "fingerprint": self.fingerprint, "scale": str(self.scale), "done": str(self.done)}
        entries: dict[str, object] = {"__metadata__": {"nst": json.dumps(head)}}
        end = 0
        for name, tensor in self.tensors.items():
            begin, end = end, end + tensor.numel() * tensor.element_size()
            entries[name] = {
                "dtype": DTYPES[tensor.dtype],
                "shape": list(tensor.shape),
                "data_offsets": [begin, end],
            }
        header = json.dumps(entries).encode()
        header += b" " * (-len(header) % ALIGNMENT)
        yield len(header).to_bytes(8, "little") + header
        for tensor in _on_host(self.tensors.values()):
            yield tensor.contiguous().numpy().tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a state; raises CheckpointError if it is damaged or of another version.

        The tensors are copies, and nothing else of `data` is copied.
        """
        state = cls.from_file(io.BytesIO(data))
        return replace(state, tensors=dict(state.tensors))

    @classmethod
    def from_file(cls, file: BinaryIO) -> Self:
        """Read a state from a file; raises CheckpointError if it is damaged or of another version.

        Each tensor is read whenever it is asked for, so that only those in use take memory; keep the file open.
        """
        size = file.seek(0, io.SEEK_END) - DIGEST
        file.seek(0)
        if _sha256(file, size) != file.read(DIGEST):
            raise CheckpointError("the checkpoint is damaged")
        with _refusing_damage():
            entries, start = _header(file, size)
            head = json.loads(entries.pop("__metadata__")["nst"])
            if head["version"] != VERSION:
                raise CheckpointError(f"the checkpoint has version {head['version']}, this engine reads {VERSION}")
            tensors = LazyTensors({name: partial(_tensor, file, entry, start) for name, entry in entries.items()})
            return cls(
                fingerprint=head["fingerprint"], scale=int(head["scale"]), done=int(head["done"]), tensors=tensors
            )


def _on_host(tensors: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yield tensors on the host: the next one is copied from a CUDA device while one is used."""
    copies = (HostCopy(tensor) if tensor.is_cuda else tensor.detach().cpu() for tensor in tensors)
    for copy, _ in pairwise(chain(copies, [torch.empty(0)])):  # the end, which nothing comes after
        yield copy.wait() if isinstance(copy, HostCopy) else copy


@contextmanager
def _refusing_damage() -> Iterator[None]:
    """Convert what reading a damaged file raises."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError) as error:
        raise CheckpointError(f"the checkpoint is damaged ({type(error).__name__})") from error


def _sha256(file: BinaryIO, length: int) -> bytes:
    """Return the hash of the next `length` bytes."""
    digest = hashlib.sha256()
    while length > 0 and (piece := file.read(min(length, PIECE))):
        digest.update(piece)
        length -= len(piece)
    return digest.digest()


def _header(file: BinaryIO, size: int) -> tuple[dict[str, Any], int]:
    """Return the header of a safetensors file, JSON after its length in 8 bytes, and where the values start."""
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    return json.loads(file.read(min(length, size))), 8 + length


def _tensor(file: BinaryIO, entry: Mapping[str, Any], start: int) -> Tensor:
    """Read one tensor; raises CheckpointError if its shape does not fit its values."""
    with _refusing_damage():
        begin, end = entry["data_offsets"]
        values, dtype = bytearray(end - begin), KINDS[entry["dtype"]]
        file.seek(start + begin)
        if file.readinto(values) != len(values):  # type: ignore[attr-defined]
            raise ValueError("the file is too short")
        # frombuffer refuses an empty buffer.
        found = torch.frombuffer(values, dtype=dtype) if values else torch.empty(0, dtype=dtype)
        return found.reshape(entry["shape"])
