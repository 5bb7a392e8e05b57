"""What operations of PyTorch do on a CUDA device, by their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

# cuSOLVER reports whether it converged, and PyTorch looks at the answer.
CHECKED = frozenset(["_linalg_eigh", "linalg_inv_ex"])
ALLOCATIONS = frozenset(["empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"])  # launch nothing
VIEWS = frozenset(
    [
        "detach",
        "view",
        "permute",
        "slice",
        "select",
        "expand",
        "t",
        "transpose",
        "as_strided",
        "alias",
        "_unsafe_view",
        "unsqueeze",
        "squeeze",
        "lift_fresh",
        "unbind",
        "split",
        "split_with_sizes",
        "_reshape_alias",
        "diagonal",
    ]
)


def refuse_other_layouts(name: str, arguments: Sequence[Any]) -> None:
    """Raise an error for what the fused step of Adam refuses: other layouts, and steps not counted in float32."""
    if name != "_fused_adam_":
        return
    *values, _, steps = arguments
    if len({tensor.stride() for (tensor,) in values}) > 1 or steps[0].dtype is not torch.float32:
        raise ValueError("a fused step takes tensors of one layout and steps in float32")
