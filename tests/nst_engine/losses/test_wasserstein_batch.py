import pytest
import torch
from torch import Tensor

from nst_engine.losses.moments import Sums, moment_sums
from nst_engine.losses.targets import StyleTerm
from nst_engine.losses.wasserstein import GaussianTarget, gaussian_target
from nst_engine.losses.wasserstein_batch import WassersteinBatch
from nst_engine.spec.enums import StyleLoss
from tests.nst_engine.cuda.emulator import EmulatedCuda
from tests.nst_engine.losses.tiny_features import features

CHANNELS = (4, 12, 7)
WEIGHTS = (1.5, 0.5, 2.0)


def target(channels: int, kind: StyleLoss) -> GaussianTarget:
    return gaussian_target(moment_sums(features(channels, 90, 2, 1.7)).mean(), kind, least_power=1e-12)


def sums(*, masked: bool = False) -> list[Sums]:
    made = [features(channels, 60, channels) for channels in CHANNELS]
    return [moment_sums(f, torch.linspace(0, 1, 60).view(1, 60).to(f) if masked else None) for f in made]


def one_by_one(targets: list[GaussianTarget], given: list[Sums]) -> list[tuple[Tensor, tuple[Tensor, Tensor | None]]]:
    terms = [StyleTerm(weight=w, target=t, mask=None) for w, t in zip(WEIGHTS, targets, strict=False)]
    return [term.loss(one) for term, one in zip(terms, given, strict=True)]


@pytest.mark.parametrize("kind", [StyleLoss.NORMALIZED, StyleLoss.MEAN])
@pytest.mark.parametrize("masked", [False, True])
def test_losses_and_gradients_are_those_found_by_eigenvalues(kind: StyleLoss, *, masked: bool) -> None:
    targets, given = [target(channels, kind) for channels in CHANNELS], sums(masked=masked)
    expected = one_by_one(targets, given)
    loss, gradients = WassersteinBatch(targets, WEIGHTS).losses(given)
    assert float(loss) == pytest.approx(float(sum(value for value, _ in expected)), rel=1e-6)
    for (by_second, by_first), (_, (second, first)) in zip(gradients, expected, strict=True):
        assert first is not None
        assert torch.allclose(by_second, second, rtol=1e-6, atol=1e-9)
        assert torch.allclose(by_first, first, rtol=1e-6, atol=1e-9)


def test_the_loss_and_the_gradient_of_flat_features_are_those_found_by_eigenvalues() -> None:
    """The covariance of the picture is singular but for the constant on its diagonal."""
    targets = [target(4, StyleLoss.NORMALIZED)]
    given = [moment_sums(torch.ones(1, 4, 6, 9, dtype=torch.float64))]
    ((value, (second, _)),) = one_by_one(targets, given)
    loss, ((by_second, _),) = WassersteinBatch(targets, WEIGHTS[:1]).losses(given)
    assert float(loss) == pytest.approx(float(value), rel=1e-6)
    assert torch.allclose(by_second, second, rtol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_a_plain_picture_has_the_loss_found_by_eigenvalues_although_its_sums_are_rounded(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    plain = (20 * torch.rand(1, 32, 1, 1, generator=generator)).expand(-1, -1, 40, 48)
    style = 20 * torch.rand(1, 32, 40, 48, generator=generator)
    targets = [gaussian_target(moment_sums(style).mean(), StyleLoss.NORMALIZED, least_power=1e-12)]
    given = [moment_sums(plain)]
    ((value, _),) = one_by_one(targets, given)
    loss, ((by_second, by_first),) = WassersteinBatch(targets, WEIGHTS[:1]).losses(given)
    assert float(loss) == pytest.approx(float(value), rel=2e-2)
    assert bool(by_second.isfinite().all() and by_first.isfinite().all())


def test_a_cuda_device_is_not_waited_for() -> None:
    targets, given = [target(channels, StyleLoss.NORMALIZED) for channels in CHANNELS], sums()
    on_cpu = WassersteinBatch(targets, WEIGHTS)
    with EmulatedCuda() as cuda:
        moved = [
            GaussianTarget(t.mean.to("cuda"), t.covariance.to("cuda"), t.root.to("cuda"), t.scale) for t in targets
        ]
        batch = WassersteinBatch(moved, WEIGHTS)
        there = [Sums(one.outer.to("cuda"), one.total.to("cuda"), one.count) for one in given]
        batch.losses(there)
        cuda.clear()
        loss, _ = batch.losses(there)
        assert not cuda.waits and not cuda.copies
        assert float(loss) == pytest.approx(float(on_cpu.losses(given)[0]), rel=1e-6)
