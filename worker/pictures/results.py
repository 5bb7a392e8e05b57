"""The result of a run: the picture and its time-lapse, stored under names that carry the token of the lease."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PIL import Image

from jobs.model import BlobRef, Job, Progress, ResultInfo
from jobs.storage.blobs import Blobs, blob_name
from jobs.store.lease import Lease
from nst_engine.images.writing import WRITABLE, timelapse
from nst_engine.version import __version__
from worker.engine import PictureStep


def store_result(
    lease: Lease, blobs: Blobs, step: PictureStep, frames: Sequence[Image.Image], *, mark: bool = True
) -> ResultInfo:
    """Store the picture of the last step, and a time-lapse if there are frames; raise BlobError.

    With `mark`, the files say that a trained network made the pictures.
    """
    job, kind = lease.job, WRITABLE[lease.job.options.output_format]
    name = blob_name(job.id, f"result-{lease.token}{kind.suffix}")
    ref = blobs.put(name, step.encoded(kind.name, metadata(job), mark=mark), kind.media_type)
    kept = _store_timelapse(lease, blobs, frames, mark)
    return result_info(ref, step.picture().size, step.progress, timelapse=kept)


def result_info(ref: BlobRef, size: tuple[int, int], last: Progress, *, timelapse: BlobRef | None = None) -> ResultInfo:
    """Describe a stored result of a size (width, height), given the progress of the last step."""
    return ResultInfo(
        blob=ref.name,
        width=size[0],
        height=size[1],
        bytes=ref.bytes,
        sha256=ref.sha256,
        media_type=ref.media_type,
        iterations=last.iteration,
        loss=last.loss,
        timelapse=timelapse,
    )


def delete_result(blobs: Blobs, result: ResultInfo) -> None:
    """Delete the stored pictures of a result."""
    blobs.delete(result.blob, *([result.timelapse.name] if result.timelapse else []))


def metadata(job: Job) -> dict[str, Any]:
    """Return the metadata of the result, from which it can be made again: the parameters, and the part of a film."""
    found: dict[str, Any] = {"version": __version__, "params": dict(job.params)}
    if (film := job.options.film) is not None:
        part = {"fps": film.fps, "from": film.start, "to": film.end}
        found["film"] = {name: value for name, value in part.items() if value is not None}
    return found


def _store_timelapse(lease: Lease, blobs: Blobs, frames: Sequence[Image.Image], mark: bool) -> BlobRef | None:
    if not frames:
        return None
    name = blob_name(lease.job.id, f"timelapse-{lease.token}.webp")
    return blobs.put(name, timelapse(frames, mark=mark), "image/webp")
