"""CUDA graphs on the emulated device: what was recorded is done again, on the very tensors of the recording."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from nst_engine.run.graphed import Compute, Outputs

if TYPE_CHECKING:
    from tests.nst_engine.cuda.emulator import EmulatedCuda


class EmulatedGraph:
    """The operations of a recording, with the tensors that they write."""

    def __init__(self) -> None:
        self._operations: list[tuple[partial[Any], list[Tensor]]] = []
        self._before: list[tuple[Tensor, Tensor]] = []

    def run(self, operation: partial[Any], *, is_view: bool) -> Any:
        """Run an operation and take it down."""
        written = _written(operation)
        self._before += [(tensor, tensor.clone()) for tensor in written]
        found = operation()
        if not is_view:
            made = [] if written else [leaf for leaf in tree_leaves(found) if isinstance(leaf, Tensor)]
            self._operations.append((operation, made))
        return found

    def undo(self) -> None:
        """Put back what the recording changed: on a real device it computes nothing."""
        for tensor, before in reversed(self._before):
            tensor.copy_(before)
        for _, made in self._operations:
            for tensor in made:
                tensor.fill_(-1)

    def replay(self) -> None:
        for operation, made in self._operations:
            found = [leaf for leaf in tree_leaves(operation()) if isinstance(leaf, Tensor)]
            for tensor, value in zip(made, found if made else [], strict=True):
                tensor.copy_(value)


def _written(operation: partial[Any]) -> list[Tensor]:
    """Return the arguments that an operation changes; functions of torch that make a tensor have no schema."""
    schema = getattr(operation.func, "_schema", None)
    arguments = [] if schema is None else schema.arguments
    given = dict(zip((a.name for a in arguments), operation.args, strict=False)) | operation.keywords
    changed = [given.get(a.name) for a in arguments if a.alias_info is not None and a.alias_info.is_write]
    return [tensor for tensor in tree_leaves(changed) if isinstance(tensor, Tensor)]


class EmulatedRecorder:
    """Records on the emulated device."""

    def __init__(self, cuda: EmulatedCuda) -> None:
        self._cuda = cuda
        self.recordings = 0

    def warm_up(self, compute: Compute) -> Outputs:
        return compute()

    def record(self, compute: Compute) -> tuple[Outputs, Callable[[], None]]:
        with self._cuda.capture() as graph:
            outputs = compute()
        self.recordings += 1
        return outputs, torch.no_grad()(graph.replay)
