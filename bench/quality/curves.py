"""Small line charts, drawn with Pillow: one panel per pair, one line per scheme, both axes logarithmic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

PANEL, MARGIN, PER_ROW = (300, 220), 44, 3
COLORS = ("#c8442b", "#2b6cc8", "#3c8d40", "#8a5bb5")
INK, PAPER = "#1e1e22", "#faf9f6"


@dataclass(frozen=True)
class Curve:
    """A scheme's points (content distance, style distance)."""

    name: str
    points: Sequence[tuple[float, float]]


def draw(panels: Sequence[tuple[str, Sequence[Curve]]]) -> Image.Image:
    """Draw a panel for each pair."""
    rows = math.ceil(len(panels) / PER_ROW)
    width, height = PANEL[0] + MARGIN, PANEL[1] + MARGIN
    page = Image.new("RGB", (PER_ROW * width + MARGIN, rows * height + MARGIN), PAPER)
    for index, (title, curves) in enumerate(panels):
        corner = (MARGIN + index % PER_ROW * width, MARGIN // 2 + index // PER_ROW * height)
        _panel(ImageDraw.Draw(page), corner, title, curves)
    return page


def _panel(pen: ImageDraw.ImageDraw, corner: tuple[int, int], title: str, curves: Sequence[Curve]) -> None:
    font = ImageFont.load_default(12)
    points = [point for curve in curves for point in curve.points]
    (left, right), (low, high) = ((min(axis), max(axis)) for axis in zip(*points, strict=True))

    def place(x: float, y: float) -> tuple[float, float]:
        across = math.log(x / left) / max(math.log(right / left), 1e-9)
        up = math.log(y / low) / max(math.log(high / low), 1e-9)
        return corner[0] + across * (PANEL[0] - 20) + 4, corner[1] + 16 + (1 - up) * (PANEL[1] - 46)

    pen.rectangle((*corner, corner[0] + PANEL[0] - 8, corner[1] + PANEL[1] - 22), outline="#c9c6bd")
    pen.text((corner[0] + 4, corner[1] - 1), title, font=font, fill=INK)
    base = corner[1] + PANEL[1] - 20
    pen.text((corner[0], base), f"content {left:.2f}…{right:.2f}, style {low:.3f}…{high:.3f}", font=font, fill=INK)
    for curve, color in zip(curves, COLORS, strict=False):
        places = [place(x, y) for x, y in sorted(curve.points)]
        pen.line(places, fill=color, width=2)
        for x, y in places:
            pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=color)
        row = [c.name for c in curves].index(curve.name)
        pen.text((corner[0] + PANEL[0] - 110, corner[1] + 14 + 13 * row), curve.name, font=font, fill=color)
