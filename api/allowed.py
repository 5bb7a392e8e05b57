"""Which methods a path answers to, for the Allow header of a 405: routers name only those of the route they tried."""

import re
from typing import Any

from fastapi import FastAPI
from starlette.routing import compile_path


def allowed_methods(app: FastAPI, path: str) -> str:
    """Return the Allow header of a path."""
    found: set[str] = set()
    for pattern, methods in _table(app):
        if pattern.fullmatch(path):
            found |= methods
    if not found or ("GET" in found and not path.endswith("/events")):
        found |= {"GET", "HEAD"}  # the page's files, and every answer without its body
    return ", ".join(sorted(found))


def _table(app: FastAPI) -> list[tuple[re.Pattern[str], set[str]]]:
    paths: dict[str, dict[str, Any]] = app.openapi()["paths"]
    return [(compile_path(path)[0], {method.upper() for method in item}) for path, item in paths.items()]
