"""The precision of the convolutions. Statistics are always float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from nst_engine.spec.enums import Precision
from nst_engine.spec.errors import ConfigError, Problem

BFLOAT16_CAPABILITY = (8, 0)  # of a CUDA device; Turing (7.5) multiplies neither bfloat16 nor TF32


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
        able = torch.cuda.get_device_capability(device) >= BFLOAT16_CAPABILITY
    else:
        able = device.type == "cpu" and has_bfloat16_instructions()
    return Precision.BFLOAT16 if able else Precision.FLOAT32


def has_bfloat16_instructions() -> bool:
    """Tell whether the CPU has instructions for bfloat16; without them it is slower than float32."""
    able = torch.cpu.get_capabilities()
    return any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


@contextmanager
def convolution_precision(precision: Precision) -> Iterator[None]:
    """Let the convolutions, and only they, compute in `precision` inside the block.

    cuDNN uses TF32 if and only if that is the precision. Matrix products, from which the statistics come, are added up
    in float32, those of bfloat16 too.
    """
    convolutions, products = torch.backends.cudnn, torch.backends.cuda.matmul
    before = (
        convolutions.allow_tf32,
        products.allow_tf32,
        products.allow_bf16_reduced_precision_reduction,
    )
    convolutions.allow_tf32 = precision is Precision.TF32
    products.allow_tf32 = products.allow_bf16_reduced_precision_reduction = False
    try:
        yield
    finally:
        convolutions.allow_tf32, products.allow_tf32, products.allow_bf16_reduced_precision_reduction = before


def to_float32(features: Tensor) -> Tensor:
    """Return features in float32 if the convolutions computed them in bfloat16."""
    return features.float() if features.dtype is torch.bfloat16 else features
