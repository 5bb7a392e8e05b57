from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from bench.quality.judge import Judge, content_distance, gram_distance, sliced_distance
from nst_engine.images.reading import read_picture

SHARED = Path(__file__).parents[3] / "shared"
F = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).view(1, 2, 1, 2)  # two channels at two places
A = torch.tensor([[1.0, 1.0], [1.0, 1.0]]).view(1, 2, 1, 2)


def test_the_gram_distance_is_relative_to_the_painting() -> None:
    """F Fᵀ / 2 = [[2.5, 5.5], [5.5, 12.5]], A Aᵀ / 2 = [[1, 1], [1, 1]]."""
    expected = (1.5**2 + 2 * 4.5**2 + 11.5**2) / 4
    assert gram_distance({"a": F}, {"a": A}, ["a"]) == pytest.approx(expected)
    assert gram_distance({"a": F, "b": A}, {"a": A, "b": A}, ["a", "b"]) == pytest.approx(expected / 2)


def test_the_content_distance_is_relative_to_the_variance_of_the_photo() -> None:
    """Σ(A − F)² = 0 + 1 + 4 + 9 over four values; the variance of 1, 2, 3, 4 is 5/3."""
    assert content_distance({"a": A}, {"a": F}, ["a"]) == pytest.approx(14 / 4 / (5 / 3))


def test_the_sliced_distance_ignores_where_features_are_and_sees_how_they_are_spread() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1, 3, 20, 20, generator=generator)
    assert sliced_distance(features.flip(3), features) == pytest.approx(0, abs=1e-9)
    assert sliced_distance(2 * features, features) == pytest.approx(1, rel=0.05)  # (2q - q)² / var


@pytest.mark.shared
def test_the_numbers_are_those_of_the_known_judge() -> None:
    judge, images = Judge(SHARED / "weights"), SHARED / "images"
    files = ("prototypes/lion-wave--multiscale-w2-on-vgg16.jpg", "content/lion.jpg", "style/great_wave.jpg")
    result, content, style = (read_picture(images / file) for file in files)
    score = judge.score(result.resize((128, 128), Image.Resampling.LANCZOS), content, style)
    found = (score.style_deep, score.style_other, score.style, score.content_deep, score.content)
    assert found == pytest.approx((0.111482, 0.082386, 0.201542, 0.866939, 1.300748), rel=1e-3)
