"""Small pictures of a run in progress, made fast rather than small in bytes."""

from __future__ import annotations

import io

from PIL import Image


def shrink(picture: Image.Image, side: int) -> Image.Image:
    """Return a copy no longer than `side` pixels."""
    small = picture.copy()
    small.thumbnail((side, side))
    return small


def encode_webp(picture: Image.Image, *, quality: int) -> bytes:
    """Encode a picture as WebP."""
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=quality, method=1)
    return file.getvalue()
