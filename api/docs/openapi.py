"""The OpenAPI document: what FastAPI derives from the routes, and what it cannot know."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from api.docs.curl_examples import SAMPLES
from api.docs.example_job import example_job
from api.docs.request_body import new_job_schemas, without_null
from api.problems import Problem

DESCRIPTION = """Neural style transfer as a service: send a photo and a painting and get the photo in its style.

Create a job with `POST /v1/jobs`, follow it with `GET /v1/jobs/{id}` or `/events`, download `/result`.
Every error response is a problem document (RFC 9457) with a `code` and a `request_id`.
"""
TAGS = [
    {"name": "jobs", "description": "Create, follow and cancel jobs."},
    {"name": "events", "description": "Server-sent events."},
    {"name": "pictures", "description": "Results, previews and inputs, with byte ranges and ETags."},
    {"name": "catalogue", "description": "Networks, presets and built-in styles."},
    {"name": "operation", "description": "Health, metrics and workers."},
]


def install(app: FastAPI) -> None:
    """Make the app serve the complete document."""

    for route in app.routes:
        if isinstance(route, APIRoute):
            route.operation_id = route.name

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
        separate_input_output_schemas=app.separate_input_output_schemas,
    )
    schemas = document["components"]["schemas"]
    for name, schema in new_job_schemas().items():
        schemas.setdefault(name, schema)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= {**problem.pop("$defs"), "Problem": problem}
    schemas["JobView"]["example"] = example_job()
    _add_samples(document["paths"])
    _add_links(document["paths"])
    _drop_nulls(document["paths"])
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return document


def _add_samples(paths: dict[str, Any]) -> None:
    for item in paths.values():
        for operation in item.values():
            operation["x-codeSamples"] = [{"lang": "Shell", "source": SAMPLES[operation["operationId"]]}]


# The operations that take the id of a new job.
FOLLOW_UPS = (
    "get_job",
    "cancel_job",
    "retry_job",
    "delete_job",
    "get_events",
    "get_result",
    "get_preview",
    "get_content",
)


def _add_links(paths: dict[str, Any]) -> None:
    links = {
        name: {
            "operationId": name,
            "parameters": {"job_id": "$response.body#/id"},
            "description": f"Use the id with {name}.",
        }
        for name in FOLLOW_UPS
    }
    created = paths["/v1/jobs"]["post"]["responses"]
    retried = paths["/v1/jobs/{job_id}/retry"]["post"]["responses"]
    for answer in (created["200"], created["202"], retried["202"]):
        answer["links"] = links


def _drop_nulls(paths: dict[str, Any]) -> None:
    """Remove null from optional parameters, because a header or query cannot send it."""
    for item in paths.values():
        for operation in item.values():
            for parameter in operation.get("parameters", ()):
                if not parameter.get("required"):
                    default = {"default": parameter["schema"]["default"]} if "default" in parameter["schema"] else {}
                    parameter["schema"] = without_null(parameter["schema"]) | default
