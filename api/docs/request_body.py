"""The multipart body of POST /v1/jobs for OpenAPI; the parameters' bounds and help come from StyleConfig."""

from typing import Any

from api.submission.params import JobOptions
from nst_engine.paintings import STYLES
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.presets import PRESETS

PICTURES = "image/jpeg, image/png, image/webp, image/tiff, image/avif, image/heic"
FILE: dict[str, Any] = {"type": "string", "format": "binary"}


def _schema() -> dict[str, Any]:
    params = {"$ref": "#/components/schemas/JobParams"}
    properties: dict[str, Any] = {
        "content": {**FILE, "description": "The photo: JPEG, PNG, WebP, TIFF, AVIF or HEIC."},
        "style": {
            "type": "array",
            "items": FILE,
            "minItems": 1,
            "maxItems": 8,
            "description": "1 to 8 style pictures.",
        },
        "mask": {"type": "array", "items": FILE, "maxItems": 8, "description": "None, or one mask for each style."},
        "params": {**params, "description": "Parameters as one JSON part; or send them as form fields."},
    }
    for name, field in _plain_fields().items():
        properties.setdefault(name, field)
    return {"type": "object", "required": ["content"], "properties": properties, "additionalProperties": False}


def _plain_fields() -> dict[str, Any]:
    schema = job_params_schema()
    return dict(schema["properties"])


def job_params_schema() -> dict[str, Any]:
    """Return the schema of the parameters: those of the run and those of the job."""
    run = StyleConfig.model_json_schema(ref_template="#/components/schemas/{model}")
    job = JobOptions.model_json_schema(ref_template="#/components/schemas/{model}")
    properties = {name: without_null(field) for name, field in {**run["properties"], **job["properties"]}.items()}
    # Closed sets that the models check by themselves.
    properties["preset"]["enum"] = list(PRESETS)
    properties["style_name"]["enum"] = list(STYLES)
    definitions = {**run.get("$defs", {}), **job.get("$defs", {})}
    return {
        "title": "JobParams",
        "type": "object",
        "description": "Parameters of a job; what is left out comes from the preset.",
        "properties": properties,
        "additionalProperties": False,
        "$defs": definitions,
    }


def without_null(field: dict[str, Any]) -> dict[str, Any]:
    """Leave out the default, which the preset decides, and null, which forms, headers and queries cannot send."""
    field = {name: value for name, value in field.items() if name != "default"}
    choices = [choice for choice in field.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        field.pop("anyOf")
        field |= choices[0]
    return field


CREATE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"$ref": "#/components/schemas/NewJob"},
                "encoding": {
                    "content": {"contentType": PICTURES},
                    "style": {"contentType": PICTURES},
                    "mask": {"contentType": PICTURES},
                    "params": {"contentType": "application/json"},
                },
            }
        },
    }
}


def new_job_schemas() -> dict[str, Any]:
    """Return the component schemas of the body."""
    params = job_params_schema()
    return {**params.pop("$defs"), "JobParams": params, "NewJob": {"title": "NewJob", **_schema()}}
