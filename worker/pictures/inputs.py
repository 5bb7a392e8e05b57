"""The pictures of a job, read from the storage for the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

from PIL import Image

from jobs.errors import BlobNotFound
from jobs.model import BlobRef, Job
from jobs.storage.blobs import Blobs
from nst_engine.images.alpha import KEEP, WHITE, split_alpha
from nst_engine.images.reading import PictureLimits, read_mask, read_picture, read_with_alpha
from nst_engine.images.writing import WRITABLE
from nst_engine.paintings import paint
from nst_engine.spec.errors import PictureError
from worker.engine import RunError, RunRequest

STORED = PictureLimits(max_pixels=PictureLimits.max_side**2)  # the API has applied NST_MAX_PIXELS


def load_request(job: Job, blobs: Blobs, *, resume: BinaryIO | None, workers: int) -> RunRequest:
    """Read everything that a run needs; raise RunError if a picture is missing or cannot be read."""
    if job.options.output_format not in WRITABLE:
        raise RunError("invalid_input", f"This worker cannot write {job.options.output_format}.")
    mode = _alpha_mode(job)
    content = _picture(job.inputs.content, "content picture", blobs, read_with_alpha)
    content, alpha = split_alpha(content, mode)
    return request_for(job, blobs, alpha_mode=mode, content=content, alpha=alpha, resume=resume, workers=workers)


def request_for(job: Job, blobs: Blobs, *, alpha_mode: str = WHITE, **values: Any) -> RunRequest:
    """Read the other pictures of a job, whose content is among `values`; raise RunError like load_request.

    `alpha_mode` is what became of transparent parts of the content, and becomes of those of the init picture.
    """
    inputs = job.inputs
    return RunRequest(
        params=job.params,
        styles=_styles(job, blobs),
        masks=tuple(_picture(ref, "mask", blobs, read_mask) for ref in inputs.masks),
        style_masks=tuple(_picture(ref, "style mask", blobs, read_mask) for ref in inputs.style_masks),
        init_image=_init_picture(inputs.init_image, blobs, alpha_mode) if inputs.init_image else None,
        memory_saving=job.memory_saving,
        **values,
    )


def _alpha_mode(job: Job) -> str:
    """Return what becomes of transparent parts; a format without transparency gets white."""
    mode = job.options.alpha
    return WHITE if mode == KEEP and not WRITABLE[job.options.output_format].alpha else mode


def _styles(job: Job, blobs: Blobs) -> tuple[Image.Image, ...]:
    if job.inputs.styles:
        return tuple(_picture(ref, "style picture", blobs) for ref in job.inputs.styles)
    return tuple(paint(name) for name in job.inputs.style_names)


def _init_picture(ref: BlobRef, blobs: Blobs, alpha_mode: str) -> Image.Image:
    return split_alpha(_picture(ref, "init picture", blobs, read_with_alpha), alpha_mode)[0]


def _picture(
    ref: BlobRef, what: str, blobs: Blobs, read: Callable[[BinaryIO, PictureLimits], Image.Image] = read_picture
) -> Image.Image:
    try:
        with blobs.open(ref.name) as file:
            return read(file, STORED)
    except BlobNotFound:
        raise RunError("input_missing", f"The {what} of the job is no longer in the storage.") from None
    except PictureError as error:
        raise RunError("invalid_input", f"The {what} of the job cannot be read: {error.message}") from None
