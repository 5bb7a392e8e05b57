import pytest
import torch

from nst_engine.losses.sampled.hypercolumns import Hypercolumns, scaled
from nst_engine.losses.sampled.positions import generator, grid_positions, random_positions, sparse
from nst_engine.spec.enums import HypercolumnScale

RGB = torch.arange(48.0).view(1, 3, 4, 4)
DEEP = torch.tensor([[10.0, 20.0], [30.0, 40.0]]).view(1, 1, 2, 2)  # half the size
LAYERS = {"rgb": RGB, "deep": DEEP}


def test_a_hypercolumn_joins_the_layers_at_one_position() -> None:
    """Row 2, column 1 of the pixels is row 1, column 1/2 of the layer of half the size."""
    found = Hypercolumns({"rgb": 1.0, "deep": 0.1}).at(LAYERS, torch.tensor([[2, 1]]))
    assert torch.allclose(found, torch.tensor([[9.0, 25.0, 41.0, 3.5]]))


def test_beyond_the_border_lies_the_border() -> None:
    found = Hypercolumns({"deep": 1.0}).at(LAYERS, torch.tensor([[3, 3]]))
    assert found.item() == pytest.approx(40)


def test_hypercolumns_on_a_grid_are_resized_layers() -> None:
    found = Hypercolumns({"rgb": 1.0, "deep": 2.0}).on_grid(LAYERS, (2, 2))
    assert torch.equal(found[:, 3], torch.tensor([20.0, 40.0, 60.0, 80.0]))
    assert torch.equal(found[:, 0], torch.tensor([0.0, 3.0, 12.0, 15.0]))  # the corners of the first channel


def test_the_layers_are_divided_as_asked() -> None:
    two = torch.cat([DEEP, -DEEP], 1)
    styles = [{"rgb": RGB, "deep": two}]
    weights = {"rgb": 0.5, "deep": 1.0}
    assert scaled(weights, HypercolumnScale.NONE, styles).factors == weights
    assert scaled(weights, HypercolumnScale.CHANNELS, styles).factors["deep"] == 1 / 2
    norm = scaled(weights, HypercolumnScale.NORM, styles).factors
    assert norm["deep"] == pytest.approx(1 / (25 * 2**0.5))
    assert norm["rgb"] == 0.5
    deviation = scaled(weights, HypercolumnScale.DEVIATION, styles).factors
    assert deviation["deep"] == pytest.approx(1 / DEEP.std().item())
    assert deviation["rgb"] == pytest.approx(0.5 / DEEP.std().item())


def test_random_positions_are_different_pixels() -> None:
    found = random_positions(100, (5, 4), generator(0))
    assert len({tuple(p) for p in found.tolist()}) == 20


def test_grid_positions_lie_on_a_grid_of_at_most_128_a_side() -> None:
    found = grid_positions(10**6, (512, 256), generator(0))
    assert len(found) <= 2 * 128**2
    assert {int(p) % 2 for p in found[:, 0]} == {int(found[0, 0]) % 2}


def test_positions_are_drawn_where_the_mask_is() -> None:
    mask = torch.zeros(6, 6)
    mask[1:3, 4] = 1.0
    assert {tuple(p) for p in grid_positions(50, (6, 6), generator(0), mask).tolist()} == {(1, 4), (2, 4)}


def test_draws_depend_on_the_key_alone() -> None:
    one, same, other = (random_positions(9, (50, 50), generator(*key)) for key in ((1, "a"), (1, "a"), (2, "a")))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_layer_of_few_positions_is_taken_whole_and_a_large_one_in_steps() -> None:
    offsets = torch.tensor([0.5, 0.0])
    assert torch.equal(sparse(RGB, RGB, offsets, 4), RGB)
    assert torch.equal(sparse(RGB, RGB, offsets, 2), RGB[..., 1::2, ::2])
