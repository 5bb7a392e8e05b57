"""The bodies of POST /v1/jobs for OpenAPI; the parameters and their bounds come from StyleConfig."""

from typing import Any

from api.submission.params import JobOptions
from api.submission.sources import ASSET, MAX_STYLES
from nst_engine.paintings import STYLES
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.presets import PRESETS

INPUT_MEDIA_TYPES = ["image/jpeg", "image/png", "image/webp", "image/tiff", "image/avif", "image/heic"]
FILE = {"type": "string", "format": "binary"}
REF_TEMPLATE = "#/components/schemas/{model}"

FILM_MEDIA_TYPES = ["video/mp4", "video/quicktime", "video/webm", "image/gif", "image/webp", "image/png"]
_PICTURE_ENCODING = {"contentType": ", ".join(INPUT_MEDIA_TYPES)}
_CONTENT_ENCODING = {"contentType": ", ".join(dict.fromkeys(INPUT_MEDIA_TYPES + FILM_MEDIA_TYPES))}
CREATE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"$ref": "#/components/schemas/NewJob"},
                "encoding": {
                    "content": _CONTENT_ENCODING,
                    "style": _PICTURE_ENCODING,
                    "mask": _PICTURE_ENCODING,
                    "style_mask": _PICTURE_ENCODING,
                    "params": {"contentType": "application/json"},
                },
            },
            "application/json": {
                "schema": {"$ref": "#/components/schemas/NewJobFromUrls"},
                "example": {
                    "content_url": "https://pictures.example.com/photo.jpg",
                    "style_name": "waves",
                    "max_size": 512,
                },
            },
        },
    }
}


ASSET_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"$ref": "#/components/schemas/NewAsset"},
                "encoding": {"content": _PICTURE_ENCODING},
            },
            "application/json": {
                "schema": {"$ref": "#/components/schemas/NewAssetFromUrl"},
                "example": {"content_url": "https://pictures.example.com/photo.jpg"},
            },
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
    fields["init"]["description"] += " A form may send the picture itself: a file with this name implies `image`."
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
        "description": "A job as a form.",
        "properties": {**_FILES_AND_PARAMS, **_SOURCES, **fields},
        "additionalProperties": False,
    }
    from_urls = {
        "title": "NewJobFromUrls",
        "type": "object",
        "description": "A job as JSON, in which every picture is an https URL, a data: URI or an asset.",
        "properties": {**_SOURCES, **fields},
        "additionalProperties": False,
    }
    new_asset = {
        "title": "NewAsset",
        "type": "object",
        "description": "A picture to keep, as a form.",
        "properties": {
            "content": {**FILE, "description": "The picture: JPEG, PNG, WebP, TIFF, AVIF or HEIC."},
            "content_url": _SOURCES["content_url"],
        },
        "additionalProperties": False,
    }
    asset_from_url = {
        "title": "NewAssetFromUrl",
        "type": "object",
        "description": "The https URL or data: URI of a picture to keep.",
        "required": ["content_url"],
        "properties": {"content_url": _SOURCES["content_url"]},
        "additionalProperties": False,
    }
    bodies = {
        "JobParams": job_params,
        "NewJob": new_job,
        "NewJobFromUrls": from_urls,
        "NewAsset": new_asset,
        "NewAssetFromUrl": asset_from_url,
    }
    return {**run.get("$defs", {}), **job.get("$defs", {}), **bodies}


def _one_or_several(item: dict[str, Any], count: int) -> dict[str, Any]:
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1, "maxItems": count}]}


_FILES_AND_PARAMS: dict[str, Any] = {
    "content": {
        **FILE,
        "description": "The photo: JPEG, PNG, WebP, TIFF, AVIF or HEIC. Or a film: MP4, MOV, WebM, GIF, animated WebP "
        "or PNG.",
    },
    "style": {"type": "array", "items": FILE, "minItems": 1, "maxItems": 8, "description": "1 to 8 style pictures."},
    "mask": {"type": "array", "items": FILE, "maxItems": 8, "description": "None, or one mask for each style."},
    "style_mask": {
        "type": "array",
        "items": FILE,
        "maxItems": 8,
        "description": "None, or for each style a mask of the part of it that counts.",
    },
    "params": {
        "$ref": "#/components/schemas/JobParams",
        "description": "Parameters as one JSON part; or send them as form fields.",
    },
}
_URL = {"type": "string", "minLength": 1}
_ASSET = {"type": "string", "pattern": f"^({ASSET.pattern})$"}
_NAME = {"type": "string", "enum": list(STYLES)}
_SOURCES: dict[str, Any] = {
    "content_url": {**_URL, "description": "Public https URL or data: URI of the photo, instead of a file."},
    "style_url": {
        **_one_or_several(_URL, MAX_STYLES),
        "description": "Public https URLs or data: URIs of style pictures.",
    },
    "content_asset": {**_ASSET, "description": "An asset as photo, or a picture of one of your jobs."},
    "style_asset": {
        **_one_or_several(_ASSET, MAX_STYLES),
        "description": "Assets as style pictures, or pictures of your jobs.",
    },
    **{
        f"{part}_{kind}": {**_one_or_several(schema, MAX_STYLES), "description": f"{what} {masks}."}
        for part, masks in (("mask", "masks"), ("style_mask", "masks of the styles"))
        for kind, schema, what in (("url", _URL, "Public https URLs or data: URIs of"), ("asset", _ASSET, "Assets as"))
    },
    "init_url": {**_URL, "description": "Public https URL or data: URI of the picture to start from."},
    "init_asset": {**_ASSET, "description": "An asset to start from, or a picture of one of your jobs."},
    "init_job": {
        "type": "string",
        "format": "uuid",
        "description": "Start from the result of this job of yours, which must have succeeded.",
    },
    "style_name": {
        **_one_or_several(_NAME, MAX_STYLES),
        "description": "Built-in styles (see GET /v1/styles), instead of or besides style pictures.",
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
