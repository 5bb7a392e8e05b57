"""The precision of the convolutions. Statistics are always float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from nst_engine.spec.enums import Precision
from nst_engine.spec.errors import ConfigError, Problem


def resolve_precision(wanted: Precision, device: torch.device) -> Precision:
    """Return the precision to compute in on `device`; raises ConfigError for tf32 without CUDA."""
    if wanted is Precision.AUTO:
        return _fastest_precision(device)
    if wanted is Precision.TF32 and device.type != "cuda":
        message = f"tf32 needs a CUDA device, this run is on {device.type}"
        raise ConfigError.of(Problem(field="precision", message=message))
    return wanted


def _fastest_precision(device: torch.device) -> Precision:
    """Return the fastest precision that gives the same quality; see docs/adr/0014-memory-threads-precision.md."""
    if device.type == "cuda":
        return Precision.TF32
    return Precision.BFLOAT16 if device.type == "cpu" and has_bfloat16_instructions() else Precision.FLOAT32


def has_bfloat16_instructions() -> bool:
    """Tell whether the CPU has instructions for bfloat16; without them it is slower than float32."""
    able = torch.cpu.get_capabilities()
    return any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


@contextmanager
def convolution_precision(precision: Precision) -> Iterator[None]:
    """Let cuDNN use TF32 inside the block if and only if `precision` is tf32; matrix products stay float32."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = precision is Precision.TF32
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def to_float32(features: Tensor) -> Tensor:
    """Return features in float32 if the convolutions computed them in bfloat16."""
    return features.float() if features.dtype is torch.bfloat16 else features
