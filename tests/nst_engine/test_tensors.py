import numpy as np
import torch
from PIL import Image

from nst_engine.tensors import resize, to_picture, to_tensor, to_uint16


def test_every_8_bit_value_survives_the_way_there_and_back() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    there = Image.fromarray(np.stack([levels, levels.T, 255 - levels], -1), "RGB")
    assert np.array_equal(np.asarray(to_picture(to_tensor(there))), np.asarray(there))


def test_a_tensor_is_rgb_by_rows_in_0_to_1() -> None:
    picture = Image.new("RGB", (3, 2), (255, 0, 51))
    tensor = to_tensor(picture)
    assert tensor.shape == (3, 2, 3)
    assert torch.allclose(tensor[:, 0, 0], torch.tensor([1.0, 0.0, 0.2]))


def test_a_gray_picture_becomes_rgb() -> None:
    assert torch.equal(to_tensor(Image.new("L", (4, 4), 128)), torch.full((3, 4, 4), 128 / 255))


def test_values_are_rounded_and_clamped() -> None:
    image = torch.tensor([-0.2, 0.5, 1.3]).view(3, 1, 1)
    assert np.asarray(to_picture(image))[0, 0].tolist() == [0, 128, 255]
    assert to_uint16(image)[0, 0].tolist() == [0, 32768, 65535]


def test_shrinking_averages_instead_of_picking() -> None:
    stripes = (torch.arange(64) % 2).float().expand(1, 3, 64, 64)
    inside = resize(stripes, 16, 16)[..., 2:-2, 2:-2]
    assert torch.allclose(inside, torch.tensor(0.5), atol=0.02)


def test_the_same_size_is_the_same_tensor() -> None:
    image = torch.rand(1, 3, 8, 8)
    assert resize(image, 8, 8) is image
