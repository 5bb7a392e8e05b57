"""The state of a run, saved at any iteration and resumed to the same result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, Self

import torch
from torch import Tensor

from nst_engine.machine.host_copy import HostCopy
from nst_engine.spec.errors import CheckpointError

VERSION = "3"
ALIGNMENT = 8  # bytes; the safetensors format lets the data begin on a multiple of it
DTYPES = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64"}
KINDS = {name: dtype for dtype, name in DTYPES.items()}
DIGEST = hashlib.sha256().digest_size


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
        view = memoryview(data)
        whole, digest = view[:-DIGEST], view[-DIGEST:]
        if hashlib.sha256(whole).digest() != digest:
            raise CheckpointError("the checkpoint is damaged")
        try:
            entries, values = _parts(whole)
            head = json.loads(entries.pop("__metadata__")["nst"])
            if head["version"] != VERSION:
                raise CheckpointError(f"the checkpoint has version {head['version']}, this engine reads {VERSION}")
            tensors = {name: _tensor(entry, values) for name, entry in entries.items()}
            return cls(
                fingerprint=head["fingerprint"], scale=int(head["scale"]), done=int(head["done"]), tensors=tensors
            )
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError) as error:
            raise CheckpointError(f"the checkpoint is damaged ({type(error).__name__})") from error


def _on_host(tensors: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yield tensors on the host: the next one is copied from a CUDA device while one is used."""
    copies = (HostCopy(tensor) if tensor.is_cuda else tensor.detach().cpu() for tensor in tensors)
    for copy, _ in pairwise(chain(copies, [torch.empty(0)])):  # the end, which nothing comes after
        yield copy.wait() if isinstance(copy, HostCopy) else copy


def _parts(data: memoryview) -> tuple[dict[str, Any], memoryview]:
    """Return the header of a safetensors file, which is JSON after its length in 8 bytes, and the values after it."""
    end = 8 + int.from_bytes(data[:8], "little")
    return json.loads(bytes(data[8:end])), data[end:]


def _tensor(entry: Mapping[str, Any], values: memoryview) -> Tensor:
    """Return a copy of one tensor; raises ValueError or RuntimeError if its shape does not fit its values."""
    begin, end = entry["data_offsets"]
    copy, dtype = bytearray(values[begin:end]), KINDS[entry["dtype"]]
    found = torch.frombuffer(copy, dtype=dtype) if copy else torch.empty(0, dtype=dtype)  # none of an empty buffer
    return found.reshape(entry["shape"])
