"""Masks of a job that leave nothing to paint, or nothing to paint with; the engine refuses the same."""

from collections.abc import Sequence

from api.decoding.conversions import StoredPicture
from api.problems import InvalidField, ProblemError
from api.submission.sources import Source


def check_masks(pictures: Sequence[tuple[Source, StoredPicture]]) -> None:
    """Refuse a black mask of a style, and masks of the content that are all black; raises ProblemError."""
    for source, stored in pictures:
        if source.part == "style_mask" and stored.is_black_mask:
            raise _refusal(source, "the mask is black, so that no part of its style would count; make a part white")
    masks = [(source, stored.is_black_mask) for source, stored in pictures if source.part == "mask"]
    if masks and all(is_black for _, is_black in masks):
        raise _refusal(masks[0][0], "every mask is black, so that no style would apply anywhere; make a part white")


def _refusal(source: Source, detail: str) -> ProblemError:
    errors = [InvalidField(pointer=source.pointer, detail=detail)]
    return ProblemError(422, "mask_without_shape", f"{source.part}: {detail}", errors=errors)
