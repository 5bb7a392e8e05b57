"""Which arithmetic a run computes in, and that a lower one makes the same picture."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from nst_engine import load_network, resolve, stylize
from nst_engine.machine.precision import convolution_precision, has_bfloat16_instructions, resolve_precision
from nst_engine.networks.features import Network
from nst_engine.spec.enums import Precision
from nst_engine.spec.errors import ConfigError
from nst_engine.spec.presets import PRESETS
from tests.nst_engine.tiny import TinyBody, seeded

CPU, CUDA, MPS = (torch.device(name) for name in ("cpu", "cuda", "mps"))
AUTO, FLOAT32, TF32, BFLOAT16 = Precision


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Let the CPU have these instructions and no others."""
    found = dict.fromkeys(request.param, True) | {"avx2": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)


@pytest.mark.parametrize(
    ("able", "precision"),
    [(["avx512_bf16"], BFLOAT16), (["amx_bf16"], BFLOAT16), (["avx512_f"], FLOAT32), ([], FLOAT32)],
    indirect=["able"],
)
@pytest.mark.usefixtures("able")
def test_auto_is_bfloat16_where_the_cpu_multiplies_it_itself(precision: Precision) -> None:
    assert resolve_precision(AUTO, CPU) is precision


@pytest.mark.parametrize("able", [["avx512_bf16"]], indirect=True)
@pytest.mark.usefixtures("able")
def test_auto_on_other_devices_does_not_ask_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: (7, 5))
    assert resolve_precision(AUTO, CUDA) is FLOAT32
    assert resolve_precision(AUTO, MPS) is FLOAT32


@pytest.mark.parametrize("capability", [(8, 0), (8, 6), (9, 0), (12, 0)])
def test_auto_is_bfloat16_on_a_gpu_that_multiplies_it_itself(
    capability: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: capability)
    assert resolve_precision(AUTO, CUDA) is BFLOAT16


@pytest.mark.parametrize(("precision", "by_cudnn"), [(FLOAT32, False), (TF32, True), (BFLOAT16, False)])
def test_lower_precision_touches_the_convolutions_alone(precision: Precision, by_cudnn: bool) -> None:
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = (products.allow_tf32, products.allow_bf16_reduced_precision_reduction)
    products.allow_tf32 = products.allow_bf16_reduced_precision_reduction = True
    try:
        with convolution_precision(precision):
            assert convolutions.allow_tf32 is by_cudnn
            assert not products.allow_tf32
            assert not products.allow_bf16_reduced_precision_reduction
        assert products.allow_tf32 and products.allow_bf16_reduced_precision_reduction
    finally:
        products.allow_tf32, products.allow_bf16_reduced_precision_reduction = before


@pytest.mark.parametrize("able", [[], ["avx512_bf16"]], indirect=True)
@pytest.mark.usefixtures("able")
def test_what_is_asked_for_by_name_is_what_is_computed_in() -> None:
    assert resolve_precision(FLOAT32, CPU) is FLOAT32
    assert resolve_precision(BFLOAT16, CPU) is BFLOAT16
    assert resolve_precision(TF32, CUDA) is TF32
    with pytest.raises(ConfigError, match="tf32 needs a CUDA device"):
        resolve_precision(TF32, CPU)


def test_the_cpu_is_asked_right() -> None:
    """Linux lists an x86 processor's instructions; others have none of these."""
    info = Path("/proc/cpuinfo")
    flags = re.search(r"^flags\s*:(.*)$", info.read_text() if info.exists() else "", re.MULTILINE)
    assert has_bfloat16_instructions() == bool({"avx512_bf16", "amx_bf16"} & set(flags[1].split() if flags else ()))


def test_only_presets_of_ours_leave_the_arithmetic_to_the_machine() -> None:
    assert {name for name, preset in PRESETS.items() if preset.config.precision is AUTO} == {"default", "draft"}


def test_weights_are_rounded_once() -> None:
    network = Network(seeded(TinyBody()))
    image = torch.rand(1, 3, 16, 16)
    first = network.features(image, BFLOAT16)
    for parameter in network.body.parameters():
        parameter.data.zero_()
    again = network.features(image, BFLOAT16)
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_a_picture_in_bfloat16_is_as_good_as_one_in_float32() -> None:
    """The loss of both, in float32; two float32 runs that start a rounding error apart differ by up to 7 %, too."""
    generator = torch.Generator().manual_seed(0)
    content, style = (torch.rand(3, n, n, generator=generator) for n in (48, 40))
    found = {}
    for precision in ("float32", "bfloat16"):
        config = resolve("default", {"max_size": 48, "steps": 10, "precision": precision})
        network = load_network(config)
        *_, last = stylize(content, [style], config, network=network)
        check = resolve("default", {"max_size": 48, "precision": "float32", "init": "image", "scales": 1, "steps": 1})
        (step,) = stylize(content, [style], check, network=network, init_image=last.image())
        found[precision] = step.loss
    assert found["bfloat16"] == pytest.approx(found["float32"], rel=0.1)
