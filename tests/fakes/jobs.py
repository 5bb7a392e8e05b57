"""Jobs with small pictures in a storage."""

from __future__ import annotations

from typing import Any

from jobs.model import BlobRef, Inputs, NewJob, new_job_id
from jobs.storage.blobs import Blobs
from tests.fakes.engine import picture_bytes

RED, BLUE, WHITE = (200, 30, 30), (0, 0, 250), (255, 255, 255)


def new_job(
    blobs: Blobs, *, size: tuple[int, int] = (32, 24), masks: int = 0, film: bytes | None = None, **values: Any
) -> NewJob:
    """Store a red photo or a film, a blue style and white masks, and return a job for them."""
    job_id = new_job_id()

    def put(part: str, color: tuple[int, int, int]) -> BlobRef:
        return blobs.put(f"{job_id}/{part}", picture_bytes(color, size), "image/png")

    inputs = Inputs(
        content=put("content", RED) if film is None else blobs.put(f"{job_id}/content", film, "video/mp4"),
        styles=(put("style-0", BLUE),),
        masks=tuple(put(f"mask-{number}", WHITE) for number in range(masks)),
        style_masks=tuple(put(f"style_mask-{number}", WHITE) for number in range(masks)),
    )
    defaults: dict[str, Any] = {"owner": "ann", "model": "lite"}
    return NewJob(id=job_id, inputs=inputs, **(defaults | values))
