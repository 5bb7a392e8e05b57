"""The multipart body of POST /v1/jobs for OpenAPI; the parameters and their bounds come from StyleConfig."""

from typing import Any

from api.submission.params import JobOptions
from nst_engine.paintings import STYLES
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.presets import PRESETS

INPUT_MEDIA_TYPES = ["image/jpeg", "image/png", "image/webp", "image/tiff", "image/avif", "image/heic"]
FILE = {"type": "string", "format": "binary"}
REF_TEMPLATE = "#/components/schemas/{model}"

_PICTURE_ENCODING = {"contentType": ", ".join(INPUT_MEDIA_TYPES)}
CREATE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"$ref": "#/components/schemas/NewJob"},
                "encoding": {
                    "content": _PICTURE_ENCODING,
                    "style": _PICTURE_ENCODING,
                    "mask": _PICTURE_ENCODING,
                    "params": {"contentType": "application/json"},
                },
            }
        },
    }
}


def new_job_schemas() -> dict[str, Any]:
    """Return the component schemas of the body."""
    run = StyleConfig.model_json_schema(ref_template=REF_TEMPLATE)
    job = JobOptions.model_json_schema(ref_template=REF_TEMPLATE)
    fields = {name: without_null(field) for name, field in {**run["properties"], **job["properties"]}.items()}
    # The models check these closed sets in code.
    fields["preset"]["enum"] = list(PRESETS)
    fields["style_name"]["enum"] = list(STYLES)
    job_params = {
        "title": "JobParams",
        "type": "object",
        "description": "Parameters of a job; what is left out comes from the preset.",
        "properties": fields,
        "additionalProperties": False,
    }
    new_job = {
        "title": "NewJob",
        "type": "object",
        "required": ["content"],
        "properties": {**_FILES_AND_PARAMS, **fields},
        "additionalProperties": False,
    }
    return {**run.get("$defs", {}), **job.get("$defs", {}), "JobParams": job_params, "NewJob": new_job}


_FILES_AND_PARAMS: dict[str, Any] = {
    "content": {**FILE, "description": "The photo: JPEG, PNG, WebP, TIFF, AVIF or HEIC."},
    "style": {"type": "array", "items": FILE, "minItems": 1, "maxItems": 8, "description": "1 to 8 style pictures."},
    "mask": {"type": "array", "items": FILE, "maxItems": 8, "description": "None, or one mask for each style."},
    "params": {
        "$ref": "#/components/schemas/JobParams",
        "description": "Parameters as one JSON part; or send them as form fields.",
    },
}


def without_null(field: dict[str, Any]) -> dict[str, Any]:
    """Remove the default, which the preset decides, and null, which forms, headers and queries cannot send."""
    field = {name: value for name, value in field.items() if name != "default"}
    choices = [choice for choice in field.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        field.pop("anyOf")
        field |= choices[0]
    return field
