from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from nst_engine import memory, stylize
from nst_engine.memory import BACKWARD, GIB, Tiling, available_memory, measure_bytes_per_pixel, plan_tiles
from nst_engine.networks.features import Network, NetworkSpec, build_body
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.errors import MemoryLimitError
from nst_engine.spec.layers import NETWORKS
from nst_engine.spec.schedule import Scale
from tests.nst_engine.tiny import SHALLOW, config, network, photo, picture, seeded


class OneLayer(nn.Module):
    """Eight channels at full size, kept once: 32 bytes a pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {SHALLOW: self.layer(x)}


def machine(monkeypatch: pytest.MonkeyPatch, free: float) -> None:
    """Let the machine have so many bytes free."""
    monkeypatch.setattr(memory, "available_memory", lambda _device, enough: int(free))


def plan(values: StyleConfig, *sides: int) -> tuple[int | None, ...]:
    """Return the tiles of square scales on a network that keeps 32 bytes a pixel."""
    return tuple(tiling.image for tiling in plan_with_styles(values, *sides))


def plan_with_styles(values: StyleConfig, *sides: int, styles: Sequence[tuple[int, int]] = ()) -> tuple[Tiling, ...]:
    """Return the tiles of square scales and of their style images."""
    scales = [Scale(height=side, width=side, steps=1) for side in sides]
    return plan_tiles(values, Network(seeded(OneLayer())), scales, styles)


def test_what_a_pixel_takes_is_measured_on_the_network() -> None:
    assert measure_bytes_per_pixel(config(), Network(seeded(OneLayer()))).features == pytest.approx(BACKWARD * 32)


def test_lbfgs_takes_more_than_adam_and_more_with_its_history() -> None:
    adam, short, long = (
        measure_bytes_per_pixel(values, network()).vectors
        for values in (
            config(optimizer="adam"),
            config(optimizer="lbfgs", lbfgs_history=5),
            config(optimizer="lbfgs", lbfgs_history=20),
        )
    )
    assert adam < short < long


def test_losses_on_samples_keep_their_layers_of_the_whole_picture() -> None:
    """Of the one layer of eight channels: picture, gradient, content and style, 32 bytes a pixel each."""
    on = Network(seeded(OneLayer()))
    plain, sampled = (
        measure_bytes_per_pixel(config(remd_weight=weight, hypercolumn_layers={SHALLOW: 1.0}), on) for weight in (0, 1)
    )
    assert sampled.vectors - plain.vectors == pytest.approx(4 * 32)


def test_a_picture_that_fits_is_computed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 64 * GIB)
    assert plan(config(memory="auto"), 256, 512) == (None, None)


def test_auto_computes_in_tiles_only_the_scales_that_are_too_large_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 64 * GIB)
    small, large = plan(config(memory="auto"), 512, 8192)
    assert small is None
    assert large is not None
    assert large < 8192


def test_normal_computes_at_once_whatever_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 640 * GIB)
    assert plan(config(memory="normal"), 8192) == (None,)


def test_low_computes_in_tiles_whatever_is_tile_sized_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 64 * GIB)
    small, large = plan(config(memory="low"), 128, 4096)
    assert small is None
    assert large is not None


@pytest.mark.parametrize("how", ["auto", "normal", "low"])
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize("free", [0.5, 1, 4])
def test_a_size_that_does_not_fit_is_refused_with_one_that_does(
    how: str, optimizer: str, free: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, free * GIB)
    values = config(memory=how, optimizer=optimizer)
    with pytest.raises(MemoryLimitError) as caught:
        plan(values, 40_000)
    side = caught.value.would_fit
    assert side is not None
    assert f"max_size={side} would fit" in caught.value.message
    assert 16 <= side < 40_000
    plan(values, side)


def test_where_nothing_fits_no_size_is_recommended(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 1000)
    with pytest.raises(MemoryLimitError) as caught:
        plan(config(), 512)
    assert caught.value.would_fit is None
    assert caught.value.message.endswith("no size would fit")


def test_a_style_image_too_large_for_once_is_read_in_tiles_and_the_picture_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine(monkeypatch, 64 * GIB)
    (tiling,) = plan_with_styles(config(memory="auto", style_scale=4.0), 4096, styles=[(64, 64), (300, 500)])
    assert tiling.image is None
    assert tiling.styles in memory.TILE_SIDES


def test_a_style_image_that_is_not_enlarged_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 64 * GIB)
    values = config(memory="auto", style_scale=4.0, style_upscale=False)
    assert plan_with_styles(values, 4096, styles=[(300, 500)])[0].styles is None


def test_without_tiles_the_style_images_have_to_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 4 * GIB)
    values = config(memory="normal", style_scale=4.0)
    assert plan_with_styles(values, 1024) == (Tiling(image=None, styles=None),)
    plan_with_styles(values, 1024, styles=[(400, 400)])
    with pytest.raises(MemoryLimitError) as caught:
        plan_with_styles(values, 4096, styles=[(400, 400)])
    side = caught.value.would_fit
    assert side is not None and 1024 <= side < 4096
    plan_with_styles(values, side, styles=[(400, 400)])


def test_many_style_images_take_more_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 4 * GIB)
    values = config(memory="low", style_scale=4.0)
    plan_with_styles(values, 2000, styles=[(400, 400)])
    with pytest.raises(MemoryLimitError):
        plan_with_styles(values, 2000, styles=[(400, 400)] * 8)


def test_a_run_that_does_not_fit_is_refused_at_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 100_000)
    with pytest.raises(MemoryLimitError):
        stylize(photo(48, 44), [picture(40, 40, 2)], config(), network=network())


def test_a_run_whose_style_image_does_not_fit_is_refused_at_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 800_000)
    content, style = photo(48, 44), picture(40, 40, 2)
    stylize(content, [style], config(memory="normal"), network=network())
    with pytest.raises(MemoryLimitError):
        stylize(content, [style], config(memory="normal", style_scale=4.0), network=network())


def gpu(monkeypatch: pytest.MonkeyPatch, *, free: float, reserved: float = 0.0, allocated: float = 0.0) -> torch.device:
    """Return a GPU with such figures."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (int(free), 80 * GIB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: int(reserved))
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _device: int(allocated))
    return torch.device("cuda:0")


def test_what_a_warm_process_keeps_on_a_gpu_without_using_it_is_free_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    device = gpu(monkeypatch, free=2 * GIB, reserved=70 * GIB, allocated=1 * GIB)
    assert available_memory(device) == 71 * GIB


def plan_on_gpu(monkeypatch: pytest.MonkeyPatch, how: str, side: int, *, gpu_gib: float, host_gib: float) -> int | None:
    free = {"cuda": gpu_gib * GIB, "cpu": host_gib * GIB}
    monkeypatch.setattr(memory, "available_memory", lambda device, enough: int(free[device.type]))
    monkeypatch.setattr(memory, "_activations_per_pixel", lambda _network: 3000.0)  # VGG-19 to relu5_1
    network = Network(seeded(OneLayer()))
    network.device = torch.device("cuda:0")
    values = config(memory=how, model="vgg19", style_layers={"style1": 1.0}, content_layers={"content": 1.0})
    scales = [Scale(height=side, width=side, steps=1)]
    return plan_tiles(values, network, scales)[0].image


def test_a_larger_gpu_computes_in_larger_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    sides = [plan_on_gpu(monkeypatch, "auto", 8000, gpu_gib=gib, host_gib=64) for gib in (24, 40, 140)]
    assert None not in sides and sides == sorted(set(sides)) and sides[0] >= 512  # type: ignore[type-var, operator]


def test_saving_memory_makes_tiles_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = (plan_on_gpu(monkeypatch, how, 8000, gpu_gib=40, host_gib=64) for how in ("low", "auto"))
    assert small is not None and large is not None and small < large


def test_a_run_on_a_gpu_whose_host_has_too_little_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MemoryLimitError, match="of the host's memory") as caught:
        plan_on_gpu(monkeypatch, "auto", 8000, gpu_gib=140, host_gib=2)
    side = caught.value.would_fit
    assert side is not None
    plan_on_gpu(monkeypatch, "auto", side, gpu_gib=140, host_gib=2)


def test_what_is_free_on_this_machine_is_known() -> None:
    assert 0 < available_memory(torch.device("cpu")) < 2**50


@pytest.mark.parametrize(("enough", "found"), [(2 * GIB, 2 * GIB), (2 * GIB + 1, 3 * GIB)])
def test_kept_memory_is_given_back_only_if_too_little_is_free(
    monkeypatch: pytest.MonkeyPatch, enough: float, found: int
) -> None:
    free = [2 * GIB]
    monkeypatch.setattr(memory, "_free_on_host", lambda: free[-1])
    monkeypatch.setattr(memory, "trim_heap", lambda: free.append(3 * GIB))
    assert available_memory(torch.device("cpu"), enough=enough) == found


def test_a_run_in_tiles_gives_the_picture_of_a_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "TILE_SIDES", (64,))
    width = NETWORKS["lite"].receptive_field + 64 + 41
    content, style = photo(45, width, 1), picture(60, 70, 2)
    layers = {role: 1.0 for role in NETWORKS["lite"].roles if role != "content"}
    images = []
    for how in ("normal", "low"):
        values = config(
            style_layers=layers,
            content_layers={"content": 1.0},
            content_loss="normalised",
            style_loss="normalised",
            max_size=width,
            steps=3,
            memory=how,
        )
        body = build_body(NetworkSpec.of(values)).to_empty(device="cpu")
        *_, step = stylize(content, [style], values, network=Network(seeded(body)))
        images.append(step.image())
    assert float((images[0] - images[1]).abs().mean()) < 1e-4
    assert float((images[0] - content).abs().mean()) > 1e-3
