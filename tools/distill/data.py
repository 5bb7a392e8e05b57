"""The training pictures and the augmented batches drawn from them."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from tools.distill.procedural import pictures

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
LONGEST_SIDE = 1280
# The result is judged by these, so it must not have seen them.
HELD_OUT = {"starry_night", "great_wave", "tahiti", "edtaonisl"}


def package_pictures() -> list[Path]:
    """Find the photographs and textures that scikit-image and scikit-learn carry."""
    import skimage
    import sklearn

    photos = Path(skimage.__file__).parent / "data"
    samples = Path(sklearn.__file__).parent / "datasets" / "images"
    masks = {"chessboard_GRAY", "phantom", "horse"}
    return [p for folder in (photos, samples) for p in folder_pictures(folder, masks)]


def folder_pictures(folder: Path, without: set[str]) -> list[Path]:
    """Find the pictures in a folder, except those whose name without its suffix is held out."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.stem not in without)


def load(path: Path) -> Tensor:
    """Read one picture as (3, H, W) bytes, its longest side at most LONGEST_SIDE."""
    image = Image.open(path).convert("RGB")
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def pyramid(picture: Tensor) -> list[Tensor]:
    """Halve the picture while its short side is at least 320, so that a crop never starts from far too many pixels."""
    levels = [picture]
    while min(levels[-1].shape[1:]) >= 320:
        half = F.interpolate(levels[-1][None].float(), scale_factor=0.5, mode="area")
        levels.append(half[0].round().byte())
    return levels


class ImagePool:
    """Groups of pictures; every draw is a random, augmented crop."""

    def __init__(self, groups: list[list[Tensor]], seed: int) -> None:
        self.groups = [[pyramid(p) for p in members] for members in groups]
        self.rng = np.random.default_rng(seed)

    @property
    def group_weights(self) -> NDArray[np.float64]:
        """Weight groups by the fourth root of their size, so that a small group is neither drowned nor overfitted."""
        weights = np.array([len(group) ** 0.25 for group in self.groups])
        return weights / weights.sum()

    def crop(self, size: int) -> Tensor:
        """Draw an augmented crop (1, 3, size, size)."""
        group = self.groups[self.rng.choice(len(self.groups), p=self.group_weights)]
        levels = group[self.rng.integers(len(group))]
        fitting = [level for level in levels if min(level.shape[1:]) >= size] or levels[:1]
        level = fitting[self.rng.integers(len(fitting))]
        side = min(int(size * np.exp(self.rng.uniform(-0.35, 0.7))), *level.shape[1:])
        y, x = (int(self.rng.integers(n - side + 1)) for n in level.shape[1:])
        patch = level[None, :, y : y + side, x : x + side].float() / 255
        patch = F.interpolate(patch, (size, size), mode="bilinear", antialias=True, align_corners=False)
        if self.rng.random() < 0.5:
            patch = patch.flip(3)
        if self.rng.random() < 0.25:
            patch = patch.rot90(int(self.rng.integers(1, 4)), (2, 3))
        return self.color_jitter(patch)

    def color_jitter(self, patch: Tensor) -> Tensor:
        """Vary brightness, contrast, color cast and saturation; sometimes permute the channels or invert."""
        if self.rng.random() < 0.5:
            return patch
        gain, cast = float(np.exp(self.rng.normal(0, 0.25))), torch.from_numpy(self.rng.normal(0, 0.06, (1, 3, 1, 1)))
        gray, color = patch.mean(1, keepdim=True), float(np.exp(self.rng.normal(0, 0.35)))
        patch = (gray + (patch - gray) * color - 0.5) * gain + 0.5 + cast.float()
        if self.rng.random() < 0.15:
            patch = patch[:, self.rng.permutation(3)]
        return 1 - patch if self.rng.random() < 0.05 else patch

    def batch(self, count: int, size: int) -> Tensor:
        """Draw (count, 3, size, size) in about [0, 1]: crops, some of them corrupted as during an optimization."""
        images = torch.cat([self.corrupt(self.crop(size), size) for _ in range(count)])
        return images.clamp(-0.1, 1.1)

    def corrupt(self, patch: Tensor, size: int) -> Tensor:
        """Blend, tile, mask, add noise or blur, each with a small probability."""
        dice = self.rng.random()
        if dice < 0.06:
            return torch.lerp(patch, self.crop(size), float(self.rng.uniform(0.2, 0.8)))
        if dice < 0.12:
            return self.shuffle_tiles(patch, self.crop(size))
        if dice < 0.18:
            mask = F.interpolate(torch.from_numpy(self.rng.random((1, 1, 5, 5))).float(), (size, size), mode="bicubic")
            return torch.where(mask > 0.5, patch, self.crop(size))
        if dice < 0.24:
            coarse = size >> int(self.rng.integers(0, 4))
            noise = torch.from_numpy(self.rng.normal(0, self.rng.uniform(0.01, 0.2), (1, 3, coarse, coarse))).float()
            return patch + F.interpolate(noise, (size, size), mode="bilinear", align_corners=False)
        if dice < 0.28:
            small = F.interpolate(patch, scale_factor=float(self.rng.uniform(0.25, 0.8)), mode="bilinear")
            return F.interpolate(small, (size, size), mode="bicubic", align_corners=False)
        return patch

    def shuffle_tiles(self, patch: Tensor, other: Tensor) -> Tensor:
        """Paste tiles of one picture into the other at random places, as a half-stylized picture repeats its style."""
        size = patch.shape[-1]
        for _ in range(int(self.rng.integers(4, 24))):
            side = int(self.rng.integers(8, size // 3))
            (y, x), (v, u) = self.rng.integers(0, size - side, (2, 2))
            opacity = float(self.rng.uniform(0.4, 1))
            tile = patch[..., y : y + side, x : x + side]
            patch[..., y : y + side, x : x + side] = torch.lerp(tile, other[..., v : v + side, u : u + side], opacity)
        return patch


def collect(folders: list[Path], *, procedural: int, seed: int, without: set[str]) -> list[list[Tensor]]:
    """Load every picture that is not held out, a group for each source, and make the procedural ones."""
    sources = [package_pictures(), *(folder_pictures(folder, without) for folder in folders)]
    groups = [[load(p) for p in source] for source in sources]
    groups.append([torch.from_numpy(p.copy()).permute(2, 0, 1).contiguous() for p in pictures(procedural, seed)])
    return groups


def load_or_collect(
    cache: Path, folders: list[Path], *, procedural: int, seed: int, without: set[str]
) -> list[list[Tensor]]:
    """Collect the pictures, or load what an earlier run collected: drawing takes longer than loading."""
    if not cache.exists():
        torch.save(collect(folders, procedural=procedural, seed=seed, without=without), cache)
    groups: list[list[Tensor]] = torch.load(cache, weights_only=True)
    return groups
