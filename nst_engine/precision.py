"""The arithmetic of the convolutions; statistics are float32 always."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nst_engine.config import Precision
from nst_engine.errors import ConfigError, Problem


def effective(wanted: Precision, device: torch.device) -> Precision:
    """Return the precision to compute in on `device`; raises ConfigError for TF32 without CUDA."""
    if wanted is Precision.AUTO:
        return Precision.TF32 if device.type == "cuda" else Precision.FLOAT32
    if wanted is Precision.TF32 and device.type != "cuda":
        message = f"tf32 needs a CUDA device, this run is on {device.type}"
        raise ConfigError(f"precision: {message}", (Problem(field="precision", message=message),))
    return wanted


@contextmanager
def convolutions_in(precision: Precision) -> Iterator[None]:
    """Let cuDNN use TF32 inside the block exactly when `precision` says so; matrix products stay float32."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = precision is Precision.TF32
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
