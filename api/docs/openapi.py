"""The OpenAPI document: what FastAPI derives from the routes, and what it cannot know."""

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.docs.curl_examples import SAMPLES
from api.docs.request_body import new_job_schemas, without_null
from api.problems import Problem
from nst_engine.spec.presets import resolve

EXAMPLE_JOB = Path(__file__).parent / "example_job.json"
DESCRIPTION = """Neural style transfer as a service: send a photo and a painting and get the photo in its style.

Create a job with `POST /v1/jobs`, follow it with `GET /v1/jobs/{id}` or `/events`, download `/result`.
Every error response is a problem document (RFC 9457) with a `code` and a `request_id`.
"""
TAGS = [
    {"name": "jobs", "description": "Create, follow and cancel jobs."},
    {"name": "assets", "description": "Pictures that are uploaded once and used by several jobs."},
    {"name": "events", "description": "Server-sent events."},
    {"name": "pictures", "description": "Results, previews and inputs, with byte ranges and ETags."},
    {"name": "catalogue", "description": "Networks, presets and built-in styles."},
    {"name": "operation", "description": "Health, metrics, workers and usage."},
]


def install(app: FastAPI) -> None:
    """Make the app serve the complete document."""
    for route in app.routes:
        if isinstance(route, APIRoute):
            route.operation_id = route.name
    derive = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(derive())  # this sets app.openapi_schema
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(document: dict[str, Any]) -> None:
    schemas, paths = document["components"]["schemas"], document["paths"]
    for name, schema in new_job_schemas().items():
        schemas.setdefault(name, schema)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= {**problem.pop("$defs"), "Problem": problem}
    example = json.loads(EXAMPLE_JOB.read_text())
    schemas["JobView"]["example"] = {**example, "params": resolve().model_dump(mode="json")}
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for operations in paths.values():
        for operation in operations.values():
            operation["x-codeSamples"] = [{"lang": "Shell", "source": SAMPLES[operation["operationId"]]}]
            for parameter in operation.get("parameters", ()):
                _remove_null(parameter)
    _add_links(paths)


def _remove_null(parameter: dict[str, Any]) -> None:
    """Remove null from an optional parameter, because a header or query cannot send it."""
    schema = parameter["schema"]
    if not parameter.get("required"):
        default = {"default": schema["default"]} if "default" in schema else {}
        parameter["schema"] = without_null(schema) | default


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
    job_id = {"job_id": "$response.body#/id"}
    links = {
        name: {"operationId": name, "parameters": job_id, "description": f"Use the id with {name}."}
        for name in FOLLOW_UPS
    }
    created = paths["/v1/jobs"]["post"]["responses"]
    retried = paths["/v1/jobs/{job_id}/retry"]["post"]["responses"]
    for response in (created["200"], created["202"], retried["202"]):
        response["links"] = links
