"""Copies of tensors of a device on the host, several of which can be under way."""

from __future__ import annotations

import torch
from torch import Tensor


class HostCopy:
    """A copy of a tensor on the host.

    The copy from a CUDA device goes to pinned memory, so that the host and the device go on meanwhile; `wait` returns
    it once it is whole. A later operation on the same stream sees the tensor only after it is copied.
    """

    def __init__(self, tensor: Tensor) -> None:
        tensor = tensor.detach()
        self._done: torch.cuda.Event | None = None
        if tensor.is_cuda:
            self._copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            self._copy.copy_(tensor, non_blocking=True)
            self._done = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._done.record(torch.cuda.current_stream(tensor.device))
        else:
            self._copy = tensor.to("cpu", copy=True)

    def wait(self) -> Tensor:
        """Return the copy, which shares no memory with the tensor."""
        if self._done is not None:
            self._done.synchronize()
        return self._copy
