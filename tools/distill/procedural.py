"""Procedural training pictures: noise, cells, strokes, shapes, text and waves, each from a seed."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

SIZE = 320
Pixels = NDArray[np.uint8]


def spectrum(rng: Generator, size: int, falloff: float) -> NDArray[np.float64]:
    """Make noise with amplitude 1 / frequency**falloff, scaled to [0, 1]."""
    fx, fy = np.fft.fftfreq(size), np.fft.fftfreq(size)[:, None]
    radius = np.sqrt(fx * fx * rng.uniform(0.2, 5) + fy * fy)
    radius[0, 0] = 1
    wave = np.fft.fft2(rng.standard_normal((size, size))) / radius**falloff
    field = np.fft.ifft2(wave).real
    return (field - field.min()) / (np.ptp(field) + 1e-9)


def palette(rng: Generator, count: int) -> Pixels:
    """Draw colors around a common tint."""
    base, spread = rng.integers(0, 256, 3), rng.uniform(20, 130)
    return np.clip(base + rng.normal(0, spread, (count, 3)), 0, 255).astype(np.uint8)


def ramp(values: NDArray[np.float64], colors: Pixels) -> Pixels:
    """Map [0, 1] to a piecewise linear path through the colors."""
    stops = np.linspace(0, 1, len(colors))
    return np.stack([np.interp(values, stops, colors[:, i]) for i in range(3)], -1).astype(np.uint8)


def noise(rng: Generator) -> Pixels:
    if rng.random() < 0.5:
        return ramp(spectrum(rng, SIZE, rng.uniform(0.2, 2.6)), palette(rng, int(rng.integers(2, 8))))
    planes = [spectrum(rng, SIZE, rng.uniform(0.2, 2.6)) for _ in range(3)]
    return (np.stack(planes, -1) * 255).astype(np.uint8)


def cells(rng: Generator) -> Pixels:
    count = int(rng.integers(8, 160))
    points = rng.uniform(0, SIZE, (count, 2))
    y, x = np.mgrid[:SIZE, :SIZE] + 8 * rng.random() * spectrum(rng, SIZE, 1.5)
    distance = (x[..., None] - points[:, 0]) ** 2 + (y[..., None] - points[:, 1]) ** 2
    picture = palette(rng, count)[distance.argmin(-1)]
    if rng.random() < 0.5:
        edge = np.sqrt(np.sort(distance, -1)[..., :2]) @ np.array([-1, 1])
        picture = np.where((edge < rng.uniform(1, 6))[..., None], palette(rng, 1), picture)
    return picture


def flow(rng: Generator) -> Pixels:
    """Brush strokes along a smooth field, colored from a second one."""
    angle = spectrum(rng, SIZE, rng.uniform(1.5, 3)) * rng.uniform(3, 14)
    color = ramp(spectrum(rng, SIZE, 2), palette(rng, 6)).astype(int)
    image = Image.fromarray(color.astype(np.uint8))
    draw = ImageDraw.Draw(image)
    width, length = int(rng.integers(1, 9)), int(rng.integers(3, 18))
    for x, y in rng.uniform(0, SIZE - 1, (int(9000 / width), 2)):
        tint = color[int(y), int(x)] + rng.normal(0, 30, 3)
        path = [(x, y)]
        for _ in range(length):
            turn = angle[int(y) % SIZE, int(x) % SIZE]
            x, y = x + 3 * np.cos(turn), y + 3 * np.sin(turn)
            path.append((x, y))
        draw.line(path, fill=tuple(np.clip(tint, 0, 255).astype(int)), width=width, joint="curve")
    return np.asarray(image)


def shapes(rng: Generator) -> Pixels:
    image = Image.fromarray(ramp(spectrum(rng, SIZE, 2.5), palette(rng, 3)))
    draw = ImageDraw.Draw(image)
    for fill in palette(rng, int(rng.integers(10, 120))):
        x, y = rng.uniform(-20, SIZE, 2)
        w, h = rng.exponential(40, 2) + 3
        outline = tuple(palette(rng, 1)[0]) if rng.random() < 0.4 else None
        box, color, line = (x, y, x + w, y + h), tuple(fill), int(rng.integers(1, 5))
        match rng.integers(4):
            case 0:
                draw.rectangle(box, fill=color, outline=outline, width=line)
            case 1:
                draw.ellipse(box, fill=color, outline=outline, width=line)
            case 2:
                draw.polygon([(x + a, y + b) for a, b in rng.uniform(-w, h, (5, 2))], fill=color, outline=outline)
            case _:
                draw.arc(box, *sorted(rng.uniform(0, 360, 2)), fill=color, width=line * 2)
    return np.asarray(image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.2))))


def text(rng: Generator) -> Pixels:
    image = Image.fromarray(ramp(spectrum(rng, SIZE, 2.5), palette(rng, 2)))
    draw = ImageDraw.Draw(image)
    for fill in palette(rng, 60):
        letters = "".join(chr(c) for c in rng.integers(33, 127, int(rng.integers(1, 20))))
        draw.text(tuple(rng.uniform(-20, SIZE, 2)), letters, fill=tuple(fill), font_size=float(rng.uniform(8, 70)))
    return np.asarray(image)


def waves(rng: Generator) -> Pixels:
    """Sums of gratings, straight and bent: stripes, checks, rings, moiré."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE - rng.random((2, 1, 1))
    total = np.zeros((SIZE, SIZE))
    bend = spectrum(rng, SIZE, 2) * rng.uniform(0, 12)
    for _ in range(int(rng.integers(1, 4))):
        turn, pitch = rng.uniform(0, np.pi), rng.uniform(10, 400)
        phase = np.hypot(x, y) if rng.random() < 0.3 else x * np.cos(turn) + y * np.sin(turn)
        total += np.sin(phase * pitch + bend)
    total = np.sign(total) if rng.random() < 0.3 else total
    return ramp((total - total.min()) / (np.ptp(total) + 1e-9), palette(rng, int(rng.integers(2, 6))))


KINDS: tuple[Callable[[Generator], Pixels], ...] = (noise, cells, flow, shapes, text, waves, flow)


def pictures(count: int, seed: int) -> list[Pixels]:
    """Make that many pictures, the kinds in turn, each (SIZE, SIZE, 3)."""
    return [KINDS[i % len(KINDS)](np.random.default_rng((seed, i))) for i in range(count)]
