"""The state of a run, saved at any iteration and resumed to the same result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from nst_engine.spec.errors import CheckpointError

VERSION = "1"
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
        head = {"version": VERSION, "fingerprint": self.fingerprint, "scale": str(self.scale), "done": str(self.done)}
        data = save(
            {name: t.detach().cpu().contiguous() for name, t in self.tensors.items()}, {"nst": json.dumps(head)}
        )
        return data + hashlib.sha256(data).digest()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a state; raises CheckpointError if it is damaged or of another version."""
        data, digest = data[:-DIGEST], data[-DIGEST:]
        if hashlib.sha256(data).digest() != digest:
            raise CheckpointError("the checkpoint is damaged")
        try:
            head = json.loads(_metadata(data)["nst"])
            if head["version"] != VERSION:
                raise CheckpointError(f"the checkpoint has version {head['version']}, this engine reads {VERSION}")
            return cls(
                fingerprint=head["fingerprint"], scale=int(head["scale"]), done=int(head["done"]), tensors=load(data)
            )
        except (SafetensorError, KeyError, TypeError, ValueError, IndexError) as error:
            raise CheckpointError(f"the checkpoint is damaged ({type(error).__name__})") from error


def _metadata(data: bytes) -> dict[str, str]:
    """Return the metadata of a safetensors file, which begins with the length of its header in 8 bytes, then JSON."""
    length = int.from_bytes(data[:8], "little")
    found = json.loads(data[8 : 8 + length])["__metadata__"]
    return dict(found)
