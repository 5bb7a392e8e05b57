"""Contact sheets: images in labeled rows and columns."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

MARGIN, LINE = 8, 22
INK, PAPER = (30, 30, 34), (250, 249, 246)


def sheet(
    pictures: Sequence[Sequence[Image.Image | None]], *, columns: Sequence[str], rows: Sequence[str]
) -> Image.Image:
    """Lay images out in labeled rows and columns; every cell has the size of the largest image.

    A cell may be None. If no row has a label, no space is left for them.
    """
    cells = [picture for row in pictures for picture in row if picture is not None]
    width, height = max(p.width for p in cells), max(p.height for p in cells)
    font = ImageFont.load_default(14)
    left = MARGIN + max((int(font.getlength(label)) + MARGIN for label in rows if label), default=0)
    size = (left + len(columns) * (width + MARGIN), LINE + MARGIN + len(rows) * (height + MARGIN))
    page = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(page)
    for j, label in enumerate(columns):
        middle = left + j * (width + MARGIN) + width / 2
        draw.text((middle, MARGIN / 2 + LINE / 2), shorten(label, font, width), font=font, fill=INK, anchor="mm")
    for i, (label, row) in enumerate(zip(rows, pictures, strict=True)):
        top = LINE + MARGIN + i * (height + MARGIN)
        draw.text((MARGIN, top + height / 2), label, font=font, fill=INK, anchor="lm")
        for j, picture in enumerate(row):
            if picture is not None:
                page.paste(picture, (left + j * (width + MARGIN), top))
    return page


def shorten(label: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """Shorten the name in a label of name and value, and the value only if it is too long by itself."""
    name, _, value = label.rpartition(" ")
    while len(name) > 1 and font.getlength(label) > width:
        name = name.rstrip("…")[:-1] + "…"
        label = f"{name} {value}"
    if font.getlength(label) > width:
        label = value
    while len(label) > 4 and font.getlength(label) > width:
        label = label[:-2].rstrip("…") + "…"
    return label
