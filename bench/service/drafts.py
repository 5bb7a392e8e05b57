"""Measure drafts of a large photo, as the page asks for them while a visitor chooses."""

from __future__ import annotations

import io
import statistics
from typing import TYPE_CHECKING

import numpy as np

from bench.quality.pictures import example_pair

if TYPE_CHECKING:
    from bench.service.measure import Servers

PHOTO = (4032, 3024)


async def drafts(servers: Servers, count: int) -> dict[str, float]:
    """Measure the time from creation to success, one draft after the other; the first loads the network."""
    photo, waits, runs = phone_photo(), [], []
    for _ in range(count + 1):
        job = await servers.wait_for(await servers.create(photo, preset="draft"))
        assert job["status"] == "succeeded", job
        waits.append(job["queue_seconds"])
        runs.append(job["run_seconds"])
    seconds = [wait + run for wait, run in zip(waits[1:], runs[1:], strict=True)]
    return {
        "median": statistics.median(seconds),
        "p95": float(np.percentile(seconds, 95)),
        "running": statistics.median(runs[1:]),
    }


def phone_photo() -> bytes:
    """Return a JPEG of 12 megapixels."""
    file = io.BytesIO()
    example_pair().content.resize(PHOTO).save(file, "JPEG", quality=90)
    return file.getvalue()
