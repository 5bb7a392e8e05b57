"""What is asked of the service, and how its answers are read; nothing here sends anything."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from nst_client.errors import ServiceError

Picture = bytes | str | Path  # the file's bytes, or where it is


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request; every one of them may be sent twice without harm."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[tuple[str, tuple[str, bytes]]] = ()

    def sent_by(self, client: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """Build the request."""
        return client.build_request(
            self.method,
            self.path,
            params=dict(self.query) or None,
            headers=dict(self.headers),
            data=dict(self.form) or None,
            files=list(self.files) or None,
        )


def create(
    content: Picture,
    styles: Sequence[Picture],
    *,
    style_name: str | None = None,
    masks: Sequence[Picture] = (),
    parameters: Mapping[str, Any] | None = None,
) -> Call:
    """Ask for a job; its key makes a repeated request the same job."""
    form = {name: _written(value) for name, value in (parameters or {}).items() if value is not None}
    if style_name is not None:
        form["style_name"] = style_name
    pictures = [("content", content), *(("style", style) for style in styles), *(("mask", mask) for mask in masks)]
    return Call(
        method="POST",
        path="/v1/jobs",
        headers={"Idempotency-Key": uuid.uuid4().hex},
        form=form,
        files=[(part, (part, _bytes(picture))) for part, picture in pictures],
    )


def look(job_id: str) -> Call:
    """Ask how a job is."""
    return Call(method="GET", path=f"/v1/jobs/{job_id}")


def jobs(*, status: str | None, cursor: str | None, limit: int) -> Call:
    """Ask for a page of own jobs."""
    query = {"status": status, "cursor": cursor, "limit": str(limit)}
    return Call(method="GET", path="/v1/jobs", query={name: value for name, value in query.items() if value})


def act(job_id: str, what: str) -> Call:
    """Ask that a job be canceled (`cancel`) or repeated (`retry`)."""
    headers = {"Idempotency-Key": uuid.uuid4().hex} if what == "retry" else {}
    return Call(method="POST", path=f"/v1/jobs/{job_id}/{what}", headers=headers)


def delete(job_id: str) -> Call:
    """Ask that a job and its pictures be removed."""
    return Call(method="DELETE", path=f"/v1/jobs/{job_id}")


def picture(job_id: str, what: str, form: str | None = None) -> Call:
    """Ask for `result`, `preview` or `timelapse`."""
    return Call(method="GET", path=f"/v1/jobs/{job_id}/{what}", query={"format": form} if form else {})


def is_local(server: str) -> bool:
    """Tell whether a service is on this machine, where the environment's proxies have no business."""
    return httpx.URL(server).host in ("127.0.0.1", "::1", "localhost")


def refusal(answer: httpx.Response) -> ServiceError:
    """Read why the service refused."""
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    return ServiceError(answer.status_code, problem if isinstance(problem, dict) else {})


def headers(key: str | None) -> dict[str, str]:
    """Return what every request carries."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def _bytes(picture: Picture) -> bytes:
    return picture if isinstance(picture, bytes) else Path(picture).read_bytes()


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return ",".join(f"{name}:{weight}" for name, weight in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(str(item) for item in value)
    return value if isinstance(value, str) else json.dumps(value)
