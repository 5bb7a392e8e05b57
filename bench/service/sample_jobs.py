"""The jobs that the service is measured with."""

from __future__ import annotations

import io
import json

import numpy as np
from PIL import Image

from bench.quality.pictures import example_pair
from bench.service.load import Answer, post
from nst_engine.images.writing import encode


def creation(photo: bytes, **fields: str) -> bytes:
    """Return the request that creates a job."""
    return post("/v1/jobs", files={"content": photo}, fields={"style_name": "waves", **fields})


def job_id(answer: Answer) -> str:
    """Return the id of a job from the answer to its creation."""
    return str(json.loads(answer.body)["id"])


def photograph(*, bytes_wanted: int) -> bytes:
    """Return a JPEG of about so many bytes: a photo enlarged, with grain."""
    noise = np.random.default_rng(0).normal(0, 16, (1024, 1024, 3))
    pixels = np.asarray(example_pair().content.resize((1024, 1024)), dtype=np.float64) + noise
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    files = []
    for quality in range(70, 100, 3):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        files.append(file.getvalue())
    return min(files, key=lambda data: abs(len(data) - bytes_wanted))


def small_photo(side: int = 64) -> bytes:
    """Return a square PNG."""
    return encode(example_pair().content.resize((side, side)), "png")
