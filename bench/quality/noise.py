"""What eyes object to and no statistic of features sees: noise, crinkles, and patterns such as a screen door or seams.

Noise and crinkles are fine changes that no larger form carries. Their measure is the *roughness* of a picture: the
finest band of its luminance relative to the coarse one, as the median over small squares, so that a few sharp edges do
not count. Patterns are *peaks* in the spectrum: frequencies that are stronger than those around them.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, pad, unfold

LUMINANCE = (0.299, 0.587, 0.114)
SQUARE = 8  # side of the squares, in pixels
WINDOW = 32  # side of the windows whose spectra are averaged
LOWEST = 4  # in cycles per window: lower frequencies are forms, not patterns
NEIGHBORS = 7  # side of the neighborhood in the spectrum
FLOOR = 1e-5  # variance below which a square is flat
ORDINARY_PEAK = 0.8  # what pictures without any pattern reach by chance


def noise(result: Tensor, content: Tensor, style: Tensor) -> float:
    """Return roughness relative to the mean of content and style, plus peaks that neither has; about 1 is clean.

    The images are (1, 3, H, W) in [0, 1], at one longest side.
    """
    usual = (roughness(content) + roughness(style)) / 2
    return roughness(result) / usual + max(0.0, peak(result) - max(peak(content), peak(style), ORDINARY_PEAK))


def roughness(image: Tensor) -> float:
    """Return the median ratio of fine to coarse deviation in squares of 8 pixels."""
    sharp = _luminance(image)
    once = _blurred(sharp)
    coarse = _blurred(_blurred(_blurred(once)))
    around = avg_pool2d(pad(coarse, (SQUARE,) * 4, mode="replicate"), 2 * SQUARE + 1, 1)
    fine, forms = (avg_pool2d(band.square(), SQUARE) for band in (sharp - once, coarse - around))
    return (fine / (forms + FLOOR)).median().sqrt().item()


def peak(image: Tensor) -> float:
    """Return by how much the strongest frequency exceeds the median of those around it, as a logarithm of power."""
    spectrum = torch.fft.fftshift(_spectrum(_luminance(image))).log()
    around = pad(spectrum[None, None], (NEIGHBORS // 2,) * 4, mode="circular")
    level = unfold(around, NEIGHBORS)[0].median(0).values.view_as(spectrum)
    frequency = torch.fft.fftshift(torch.fft.fftfreq(WINDOW)).abs() * WINDOW
    fine = torch.maximum(frequency[:, None], frequency) >= LOWEST
    return (spectrum - level)[fine].max().item()


def _spectrum(luminance: Tensor) -> Tensor:
    """Return the mean power spectrum of overlapping windows (Welch 1967), (WINDOW, WINDOW)."""
    window = torch.hann_window(WINDOW, periodic=False)
    patches = unfold(luminance, WINDOW, stride=WINDOW // 2)[0].T.view(-1, WINDOW, WINDOW)
    patches = (patches - patches.mean((1, 2), keepdim=True)) * window * window[:, None]
    return torch.fft.fft2(patches).abs().square().mean(0) + 1e-9


def _luminance(image: Tensor) -> Tensor:
    return (image * torch.tensor(LUMINANCE).view(1, 3, 1, 1)).sum(1, keepdim=True)


def _blurred(x: Tensor) -> Tensor:
    """Blur (1, 1, H, W) with the binomial kernel of five pixels a side (Burt and Adelson 1983)."""
    kernel = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    return conv2d(pad(x, (2, 2, 2, 2), mode="replicate"), (kernel[:, None] * kernel)[None, None])
