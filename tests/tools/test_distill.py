from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from nst_engine.networks.lite import LITE, Lite, Ranks
from nst_engine.networks.weights import actual_hash, expected_hash
from nst_engine.spec.layers import NETWORKS
from tools.distill.__main__ import export
from tools.distill.data import HELD_OUT, ImagePool, folder_pictures, load
from tools.distill.fitting import Features, Layer, fit, unexplained_shares
from tools.distill.low_rank import LeastSquares, chosen_channels, input_projection
from tools.distill.procedural import KINDS, pictures
from tools.distill.teacher import Kernel, convolve, load_teacher

WIDTHS = {"1": 64, "2": 128, "3": 256, "4": 512, "5": 512}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Kernel]:
    """A VGG-16 with random weights."""
    path, state, inputs = tmp_path_factory.mktemp("weights") / "vgg16.safetensors", {}, 3
    generator = torch.Generator().manual_seed(0)
    for name in LITE:
        outputs, module = WIDTHS[name[0]], NETWORKS["vgg16"].layers[f"conv{name}"]
        weight = torch.randn(outputs, inputs, 3, 3, generator=generator) * (2 / (9 * inputs)) ** 0.5
        state |= {f"{module}.weight": weight, f"{module}.bias": torch.zeros(outputs)}
        inputs = outputs
    save_file(state, path)
    return dict(load_teacher(path))


@pytest.fixture(scope="module")
def layers(teacher: dict[str, Kernel]) -> dict[str, Layer]:
    """The student of that teacher, fitted to a few pictures of noise."""
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)).half()
    features, found = Features(images, images), {}
    for name, kernel in teacher.items():
        found[name], features, _ = fit(name, LITE[name], kernel, features, torch.Generator().manual_seed(2))
    return found


def test_least_squares_find_a_linear_map_and_its_bias() -> None:
    x, whole, bias = torch.randn(200, 5), torch.randn(5, 3), torch.randn(3)
    squares = LeastSquares.empty(5, 3)
    for half in (slice(0, 100), slice(100, 200)):
        squares.add(x[half], x[half] @ whole + bias)
    torch.testing.assert_close(squares.solve().float(), torch.cat([whole, bias[None]]), rtol=1e-2, atol=1e-2)


def test_a_map_of_low_rank_is_found_as_two_factors() -> None:
    x = torch.randn(500, 6)
    y = x @ torch.randn(6, 2) @ torch.randn(2, 5) + 1
    squares = LeastSquares.empty(6, 5)
    squares.add(x, y)
    first, second, bias = squares.solve_rank(2)
    assert (first.shape, second.shape) == ((6, 2), (2, 5))
    torch.testing.assert_close((x.double() @ first @ second + bias).float(), y, rtol=1e-2, atol=1e-2)
    assert (x.double() @ first).std(0).tolist() == pytest.approx([1, 1], rel=0.1)


def test_channels_that_repeat_others_are_not_chosen() -> None:
    a, b = torch.randn(300), torch.randn(300) * 0.1
    chosen = chosen_channels(torch.stack([a, 2 * a, b, a - 3 * b], 1), 2)
    assert len({0, 1} & set(chosen.tolist())) == 1


def test_inputs_that_the_layer_does_not_read_are_projected_away() -> None:
    inputs, kernel = torch.randn(400, 4), torch.zeros(3, 4, 3, 3)
    kernel[:, 1:3] = torch.randn(3, 2, 3, 3)
    projection = input_projection(kernel, inputs @ kernel.sum((2, 3)).T, inputs, rank=2, output_rank=3)
    assert projection[:, [0, 3]].abs().max() < 0.2 * projection[:, 1:3].abs().max()


def test_a_layer_makes_up_for_errors_of_its_input(teacher: dict[str, Kernel]) -> None:
    true = torch.rand(4, 24, 16, 16).half()
    kernel = (torch.randn(32, 24, 3, 3) * 0.1, torch.zeros(32))
    _, _, share = fit("1_2", Ranks(32), kernel, Features(true, true * 0.5), torch.Generator().manual_seed(0))
    assert share < 0.01  # used as it is, the teacher's kernel would leave a quarter


def test_the_student_has_the_shapes_of_the_network_that_ships(layers: dict[str, Layer], tmp_path: Path) -> None:
    path = tmp_path / "lite.safetensors"
    export(layers, "lite", path)
    state = load_file(path)
    Lite().load_state_dict({name: tensor.float() for name, tensor in state.items()}, strict=True)
    assert {tensor.dtype for tensor in state.values()} == {torch.float16}
    assert expected_hash(path) == actual_hash(path)


def test_the_network_computes_what_was_fitted(layers: dict[str, Layer], tmp_path: Path) -> None:
    export(layers, "lite", tmp_path / "lite.safetensors")
    network = Lite().eval()
    network.load_state_dict({n: t.float() for n, t in load_file(tmp_path / "lite.safetensors").items()})
    image = torch.randn(1, 3, 32, 32)
    weight, bias = layers["1_1"]["core.weight"], layers["1_1"]["core.bias"]
    wanted = convolve(image, weight, bias).relu()
    torch.testing.assert_close(network(image)["relu1_1"], wanted, rtol=1e-2, atol=1e-2)


def test_the_table_compares_every_layer_with_the_teachers(layers: dict[str, Layer], teacher: dict[str, Kernel]) -> None:
    shares = unexplained_shares(layers, teacher, torch.randn(1, 3, 48, 48))
    assert tuple(shares) == tuple(LITE)
    assert shares["1_1"] < 1e-6
    assert all(share > 0 for name, share in shares.items() if name != "1_1")


def test_a_finished_layer_is_not_fitted_again(layers: dict[str, Layer], teacher: dict[str, Kernel]) -> None:
    images = torch.randn(2, 3, 32, 32).half()
    known = {**layers["1_1"], "core.bias": layers["1_1"]["core.bias"] + 1}
    layer, features, _ = fit(
        "1_1", LITE["1_1"], teacher["1_1"], Features(images, images), torch.Generator(), known=known
    )
    assert layer is known
    wanted = F.relu(convolve(images.float(), known["core.weight"], known["core.bias"]))
    torch.testing.assert_close(features.student.float(), wanted, rtol=1e-2, atol=1e-2)


def noise_pool(seed: int = 0) -> ImagePool:
    rng = np.random.default_rng(0)
    return ImagePool([[torch.from_numpy(rng.integers(0, 255, (3, 200, 160), dtype=np.uint8)) for _ in range(3)]], seed)


def test_batches_repeat_with_their_seed() -> None:
    batch = noise_pool(3).batch(6, 65)
    assert batch.shape == (6, 3, 65, 65)
    assert batch.isfinite().all()
    assert torch.equal(batch, noise_pool(3).batch(6, 65))
    assert not torch.equal(batch, noise_pool(4).batch(6, 65))


@pytest.mark.parametrize("number", range(len(KINDS)))
def test_procedural_pictures_repeat_and_are_not_flat(number: int) -> None:
    kind = KINDS[number]
    first, second = kind(np.random.default_rng(5)), kind(np.random.default_rng(5))
    assert first.shape[2] == 3
    assert first.dtype == np.uint8
    assert np.array_equal(first, second)
    assert first.std() > 1


def test_as_many_procedural_pictures_as_wanted() -> None:
    assert len(pictures(3, 0)) == 3


def test_pictures_held_out_are_not_collected(tmp_path: Path) -> None:
    for name in ("tahiti.png", "olive_trees.JPG", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in folder_pictures(tmp_path, HELD_OUT)] == ["olive_trees.JPG"]


def test_a_picture_is_loaded_no_larger_than_needed(tmp_path: Path) -> None:
    Image.new("L", (2560, 100)).save(tmp_path / "wide.png")
    assert load(tmp_path / "wide.png").shape == (3, 50, 1280)
