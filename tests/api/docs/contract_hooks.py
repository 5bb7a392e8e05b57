"""Hooks for schemathesis: make the generated creates meaningful, so that more than the refusals is exercised.

A schema cannot say what is inside a picture, that a style and a style's name exclude each other, or which layers a
network has. Cases that are meant to be wrong are left as they are.
"""

from __future__ import annotations

import base64
import io
from typing import Any

import schemathesis
from hypothesis import strategies as st
from PIL import Image
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData

CREATE = "create_job"
FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP", "image/tiff": "TIFF", "image/avif": "AVIF"}
# Which layers there are depends on the network, how many weights on the number of styles, and so on.
DEPENDENT = (
    *("content_layers", "style_layers", "style_blend", "webhook_url", "result_url", "init", "clamp"),
    *("mask", "mask_url", "mask_asset", "style_mask", "style_mask_url", "style_mask_asset", "layers_per_style"),
    *("style_url", "content_asset", "style_asset", "init_url", "init_asset", "init_job"),
)


EDITED: set[str] = set()


def picture(name: str, side: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, 144 - side), (side, 90, 40)).save(file, name)
    return file.getvalue()


def hostile() -> list[bytes]:
    return [b"", b"<svg/>", picture("PNG", 20)[:60], picture("GIF", 20)]


for media_type, name in FORMATS.items():
    good = [picture(name, side) for side in (56, 72, 80)]
    schemathesis.openapi.media_type(media_type, st.sampled_from(good * 4 + hostile()))
schemathesis.openapi.media_type("image/heic", st.just(picture("PNG", 32)))


DATA_URI = f"data:image/png;base64,{base64.b64encode(picture('PNG', 60)).decode()}"


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Take out what excludes each other, and more often than not what depends on other fields."""
    if _operation(case) != CREATE or not isinstance(case.body, dict) or case.meta is None:
        return
    if any(part.mode.is_negative for part in case.meta.components.values()):
        return
    EDITED.add(case.id)
    body, params = case.body, case.body.get("params")
    body.pop("content_asset", None)
    if case.media_type == "application/json":
        body["content_url"] = DATA_URI
    else:
        body.pop("content_url", None)
        if "content" not in body:
            body["content"] = picture("PNG", 60)
    if "style" in body:
        body.pop("style_name", None)
    elif "style_name" not in body:
        body["style_name"] = "waves"
    if isinstance(params, dict):
        for name in ("style_name", *body):
            params.pop(name, None)
    if len(repr(body)) % 4:
        for fields in (body, params if isinstance(params, dict) else {}):
            for name in DEPENDENT:
                fields.pop(name, None)


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Let a request be refused although the schema allows it, if it is refused as documented."""
    if isinstance(failure, AcceptedNegativeData) and case.id in EDITED:
        return False  # pictures are bytes, which look wrong when the edited form is checked against the schema again
    if not isinstance(failure, RejectedPositiveData):
        return True
    refused = _operation(case) in (CREATE, "create_asset") and response.status_code in (404, 413, 415, 422)
    # A picture is not available as a film, nor a film in another format than its own.
    refused |= _operation(case) == "get_result" and response.status_code in (406, 422)
    reused = b"idempotency_key_reused" in response.content  # a key belongs to one job
    return not (refused or reused)


def _operation(case: Any) -> str | None:
    found = case.operation.definition.raw.get("operationId")
    return found if isinstance(found, str) else None
