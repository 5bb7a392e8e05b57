from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor
from torchvision.models import squeezenet1_1
from torchvision.models.vgg import cfgs, make_layers

from nst_engine.networks.lite import Lite
from nst_engine.networks.weights import actual_hash, expected_hash
from tools.distill.data import HELD_OUT, ImagePool, folder_pictures, load
from tools.distill.export import export
from tools.distill.generated import stylize
from tools.distill.loop import summary, train
from tools.distill.muon import Muon
from tools.distill.procedural import KINDS, pictures
from tools.distill.student import Student
from tools.distill.teachers import TARGETS, WINDOW, Teachers, feature_loss, gram_loss
from tools.distill.training import Training, TrainingConfig


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> Teachers:
    """Teachers of the right shape, with random weights."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    for file, network in (
        ("squeezenet1_1_features", squeezenet1_1(weights=None).features),
        ("vgg19_to_conv3_1", make_layers(cfgs["E"][:7])),
    ):
        tensors = {f"features.{name}": tensor for name, tensor in network.state_dict().items()}
        save_file(tensors, folder / f"{file}.safetensors")
    return Teachers(folder)


@pytest.fixture
def config() -> TrainingConfig:
    return TrainingConfig(batch=2, size=96)


def noise_pool(seed: int = 0) -> ImagePool:
    rng = np.random.default_rng(0)
    return ImagePool([[torch.from_numpy(rng.integers(0, 255, (3, 200, 160), dtype=np.uint8)) for _ in range(3)]], seed)


def differ(a: dict[str, Tensor], b: dict[str, Tensor]) -> set[str]:
    return {name for name in a if not torch.equal(a[name], b[name])}


def test_features_of_student_and_teachers_have_the_same_shapes(teachers: Teachers) -> None:
    images = torch.rand(2, 3, 96, 96)
    wanted, found = teachers.features(images), Student()(images, None)
    assert set(found) == set(wanted) == set(TARGETS)
    for name in TARGETS:
        assert found[name].shape == wanted[name].shape


def test_fusing_keeps_what_the_student_computes() -> None:
    torch.manual_seed(0)
    student = Student()
    with torch.no_grad():
        student(torch.randn(2, 3, 96, 96), None)  # moves the batch statistics
        student.eval()
        images = torch.randn(1, 3, 96, 96)
        found, fused = student(images, None), student.fused()(images)
        edges = fused["relu1a"][..., 1 : WINDOW - 1, 1 : WINDOW - 1]
        torch.testing.assert_close(student.predict_vgg1(edges), found.pop("vgg1"), rtol=1e-3, atol=1e-4)
    for name, prediction in found.items():
        torch.testing.assert_close(fused[name], prediction.relu(), rtol=1e-3, atol=1e-4)


def test_with_teacher_forcing_a_block_gets_the_features_of_the_teacher(teachers: Teachers) -> None:
    images = torch.rand(1, 3, 96, 96)
    said = {name: features * 0 for name, features in teachers.features(images).items()}
    student = Student().eval()
    alone, taught = student(images, None), student(images, said)
    assert torch.equal(alone["relu2s"], taught["relu2s"])
    assert not torch.equal(alone["fire7"], taught["fire7"])


def test_without_teacher_forcing_gram_matrices_count(teachers: Teachers, config: TrainingConfig) -> None:
    training, pool = Training(config), noise_pool()
    training.fit_scales(pool, teachers)
    batch = training.draw_batch(pool, teachers)
    assert training.step(batch)["fire7"][1] == 0
    training.seconds = 0.95 * config.minutes * 60
    assert training.step(batch)["fire7"][1] > 0


def test_a_restored_training_goes_on_as_the_first_would_have(
    teachers: Teachers, config: TrainingConfig, tmp_path: Path
) -> None:
    first = Training(config)
    first.fit_scales(noise_pool(), teachers)
    first.step(first.draw_batch(noise_pool(), teachers))
    first.save(tmp_path / "lite.pt")
    second = Training(config)
    second.restore(torch.load(tmp_path / "lite.pt", weights_only=True))
    batch = first.draw_batch(noise_pool(7), teachers)
    assert first.step(batch) == second.step(batch)
    assert not differ(first.student.state_dict(), second.student.state_dict())


def test_training_ends_with_its_time_and_leaves_a_checkpoint(teachers: Teachers, tmp_path: Path) -> None:
    training = Training(TrainingConfig(batch=2, size=96, minutes=1e-6))
    train(training, noise_pool(), teachers, tmp_path / "lite.pt")
    assert training.progress == 1
    assert (tmp_path / "lite.pt").exists()


def test_the_rate_warms_up_and_falls_to_almost_nothing() -> None:
    training = Training(TrainingConfig())
    training.steps = 50
    half_warm = training.rate_factor
    training.steps = 100
    assert half_warm == pytest.approx(0.5)
    assert training.rate_factor == pytest.approx(1)
    training.seconds = training.config.minutes * 60
    assert training.rate_factor == pytest.approx(0.004)


def test_the_exported_file_is_what_the_package_loads(tmp_path: Path, config: TrainingConfig) -> None:
    export(Training(config).averaged_student, tmp_path / "lite.safetensors")
    tensors = load_file(tmp_path / "lite.safetensors")
    Lite().load_state_dict(tensors)
    assert expected_hash(tmp_path / "lite.safetensors") == actual_hash(tmp_path / "lite.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}


def test_muon_steps_by_the_rate_in_every_direction_of_the_gradient() -> None:
    weight = torch.nn.Parameter(torch.zeros(4, 2, 3, 3))
    weight.grad = torch.randn(4, 2, 3, 3) * 1e-3
    Muon([weight], lr=0.1).step()
    lengths = torch.linalg.svdvals(weight.detach().flatten(1))
    assert 0.06 < lengths.min() < lengths.max() < 0.13


def test_equal_features_have_no_loss() -> None:
    features = torch.rand(2, 8, 5, 5)
    assert feature_loss(features, features) == 0
    assert gram_loss(features, features) == 0
    assert gram_loss(torch.zeros_like(features), features).item() == pytest.approx(1, abs=0.05)


def test_a_negative_prediction_has_a_gradient_where_the_target_is_positive() -> None:
    prediction, wanted = torch.tensor([-2.0, -2.0, 1.0], requires_grad=True), torch.tensor([3.0, 0.0, 0.0])
    (gradient,) = torch.autograd.grad(feature_loss(prediction, wanted), prediction)
    assert gradient[0] < 0
    assert gradient[1] == 0
    assert gradient[2] > 0


def test_batches_repeat_with_their_seed() -> None:
    batch = noise_pool(3).batch(6, 65)
    assert batch.shape == (6, 3, 65, 65)
    assert batch.isfinite().all()
    assert torch.equal(batch, noise_pool(3).batch(6, 65))
    assert not torch.equal(batch, noise_pool(4).batch(6, 65))


def test_an_empty_group_is_never_drawn_from_and_a_full_one_drops_its_oldest() -> None:
    pool = ImagePool([[torch.zeros(3, 64, 64, dtype=torch.uint8)], []], 0)
    pool.batch(4, 33)
    for value in range(5):
        pool.add(torch.full((3, 64, 64), value, dtype=torch.uint8), group=1, most=3)
    assert [int(levels[0].max()) for levels in pool.groups[1]] == [2, 3, 4]


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


def test_generated_pictures_move_towards_the_style() -> None:
    torch.manual_seed(0)
    lite = Student().fused().requires_grad_(False)
    content, style = torch.rand(1, 3, 48, 48), torch.zeros(1, 3, 48, 48)
    half, last = stylize(lite, content=content, style=style, layers=("relu1a",))
    assert last.shape == content.shape
    assert content.mean() > half.mean() > last.mean()


def test_a_summary_names_each_target_with_its_means() -> None:
    assert summary([{"fire3": (1.0, 0.5)}, {"fire3": (2.0, 1.5)}]) == "fire3 1.500/1.000"
