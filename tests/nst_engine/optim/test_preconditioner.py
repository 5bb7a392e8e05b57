from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from nst_engine.machine.precision import convolution_precision
from nst_engine.optim import preconditioner
from nst_engine.optim.preconditioner import energy, strengthen_coarse
from nst_engine.spec.enums import Precision
from tests.nst_engine.cuda.emulator import EmulatedCuda


def noise(seed: int, height: int, width: int) -> Tensor:
    return torch.randn(1, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 18), (7, 40)])
def test_it_is_symmetric_and_its_energy_is_that_of_its_product(height: int, width: int) -> None:
    a, b = noise(0, height, width), noise(1, height, width)
    one, other = (strengthen_coarse(a, 2.0) * b).sum(), (a * strengthen_coarse(b, 2.0)).sum()
    assert torch.allclose(one, other)
    assert torch.allclose((strengthen_coarse(a, 2.0) * a).sum(), energy(a, 2.0))


def test_the_energy_on_a_cuda_device_is_that_on_the_cpu() -> None:
    x = noise(0, 33, 18)
    with EmulatedCuda():
        assert float(energy(x.to("cuda"), 0.7)) == pytest.approx(float(energy(x, 0.7)), rel=1e-12)


def test_it_makes_nothing_weaker() -> None:
    x = noise(0, 24, 20)
    assert float(energy(x, 0.5)) > float(x.square().sum())


def test_coarse_structure_becomes_stronger_than_fine() -> None:
    flat = torch.ones(1, 3, 64, 64)
    checkered = flat.clone()
    checkered[..., ::2, 1::2] = checkered[..., 1::2, ::2] = -1
    gains = [float(energy(x, 2.0) / x.square().sum()) for x in (flat, checkered)]
    assert gains[0] > 20
    assert gains[1] == pytest.approx(1, abs=0.2)


def test_it_is_computed_in_float32_where_the_network_computes_in_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def halve(*args: Any, **options: Any) -> Tensor:
        seen.append(torch.backends.cudnn.allow_tf32)
        return conv2d(*args, **options)

    monkeypatch.setattr(preconditioner, "conv2d", halve)
    with convolution_precision(Precision.TF32):
        strengthen_coarse(torch.ones(1, 3, 16, 16), 1.0)
        energy(torch.ones(1, 3, 16, 16), 1.0)
        assert torch.backends.cudnn.allow_tf32
    assert seen and not any(seen)
