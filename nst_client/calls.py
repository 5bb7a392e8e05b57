"""Requests to the service and how to read their responses; nothing here sends them."""

from __future__ import annotations

import base64
import json
import os
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from pathlib import Path
from typing import IO, Any, Generic, TypeVar, cast
from urllib.parse import quote, unquote_to_bytes

import httpx

from nst_client.errors import ArgumentError, ServiceError
from nst_client.job import Job, Page
from nst_client.usage import Usage

# The bytes of an image file, a file that is open in binary mode, its path, its https: or data: URL, an asset
# (sha256:…), a picture of a job (job:ID/result), or the name of a built-in style.
Picture = bytes | bytearray | memoryview | IO[bytes] | str | os.PathLike[str]
Pictures = Picture | Iterable[Picture] | None
T = TypeVar("T")
VISIBLE = re.compile("[!-~]+")  # what a header can carry of a key
DATA_URI = re.compile(r"data:[^,]*?(;base64)?,", re.IGNORECASE)
URLS = ("http://", "https://", "data:")
ASSETS = ("sha256:", "job:")


class StyleName(str):
    """The name of a built-in style, where it stands among other styles."""


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T]):
    """One request, with the options of httpx; all of them are safe to send twice. `read` converts the response."""

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    options: Mapping[str, Any] = field(default_factory=dict)

    def build(self, client: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """Build the request."""
        return client.build_request(self.method, self.path, **self.options)


def client_options(server: str, key: str | None, timeout: float) -> dict[str, Any]:
    """Return the options of an httpx client; proxies from the environment do not apply to this machine.

    Raises ArgumentError if no request can carry the key, or if the server is not a URL.
    """
    if not is_service_url(server):
        raise ArgumentError(f"{server!r} is not the URL of a service; write one such as http://127.0.0.1:8000")
    if key and not VISIBLE.fullmatch(key):
        raise ArgumentError("the API key contains a space, a line break or another character that no key has")
    return {
        "base_url": server,
        "headers": {"Authorization": f"Bearer {key}"} if key else {},
        "timeout": timeout,
        "follow_redirects": False,
        "trust_env": httpx.URL(server).host not in ("127.0.0.1", "::1", "localhost"),
    }


def is_service_url(url: str) -> bool:
    """Tell whether requests can go to paths below this URL: it has a scheme and a host, but no query or fragment."""
    try:
        parts = httpx.URL(url)
        is_http = parts.scheme in ("http", "https") and bool(parts.host)
    except (httpx.InvalidURL, UnicodeError):
        return False
    has_port = parts.port is None or 0 < parts.port < 2**16
    return is_http and has_port and not {"?", "#"} & set(url)


def submit(
    content: Picture,
    style: Pictures,
    *,
    style_name: str | Sequence[str] | None,
    masks: Pictures,
    style_masks: Pictures,
    init_image: Picture | None,
    film: Mapping[str, Any],
    parameters: Mapping[str, Any],
) -> Call[Job]:
    """Create a job; thanks to the idempotency key, a repeated request does not create another one."""
    form = {name: _format(name, value) for name, value in {**film, **parameters}.items() if value is not None}
    names = [style_name] if isinstance(style_name, str) else style_name or ()
    pictures = [
        ("content", content),
        *(("style", item) for item in _several(style)),
        *(("style", StyleName(name)) for name in names),
        *(("mask", item) for item in _several(masks)),
        *(("style_mask", item) for item in _several(style_masks)),
        *(("init", item) for item in _several(init_image)),
    ]
    files = [_part(part, picture) for part, picture in pictures]
    options = {"headers": _idempotency_key(), "data": form, "files": files}
    return Call(method="POST", path="/v1/jobs", read=_read_job, options=options)


def _part(part: str, picture: Picture) -> tuple[str, tuple[str | None, bytes | str]]:
    """Return a part of the form: a file, or a field with its URL or its name."""
    if isinstance(picture, str) and not picture:  # the service takes an empty field or file for one that was left out
        raise ArgumentError(f"{part}: the name is empty")
    if isinstance(picture, StyleName):
        return f"{part}_name", (None, picture)
    if isinstance(picture, str) and (uri := DATA_URI.match(picture)):  # the fields of a form are short
        picture = _decoded(part, picture[uri.end() :], is_base64=bool(uri[1]))
    elif isinstance(picture, str) and (kind := reference_kind(picture)):
        return f"{part}_{kind}", (None, picture)
    data = _read_bytes(part, picture)
    if not data:
        raise ArgumentError(f"{part}: the picture is empty")
    return part, (part, data)


def reference_kind(picture: str) -> str | None:
    """Return `url` or `asset` if the service has or fetches the picture; None for the path of a file."""
    if picture[:8].lower().startswith(URLS):
        return "url"
    return "asset" if picture.startswith(ASSETS) else None


def _decoded(part: str, text: str, *, is_base64: bool) -> bytes:
    """Return what a `data:` URI holds (RFC 2397)."""
    try:
        return base64.b64decode(text, validate=True) if is_base64 else unquote_to_bytes(text)
    except ValueError:
        raise ArgumentError(f"{part}: the data: URI is not valid base64") from None


def keep(picture: Picture) -> Call[str]:
    """Keep a picture for further jobs."""
    options = {"files": [_part("content", picture)]}
    return Call(method="POST", path="/v1/assets", read=_read_asset, options=options)


def discard(asset: str) -> Call[None]:
    """Delete a kept picture."""
    return Call(method="DELETE", path=_path("assets", asset), read=lambda _: None)


def get(job_id: str) -> Call[Job]:
    """Get a job."""
    return Call(method="GET", path=_path("jobs", job_id), read=_read_job)


def jobs(*, status: str | None, cursor: str | None, limit: int) -> Call[Page]:
    """List one page of jobs."""
    query = {"status": status, "limit": str(limit), "cursor": cursor}
    options = {"params": {name: value for name, value in query.items() if value}}
    return Call(
        method="GET", path="/v1/jobs", read=lambda response: Page.from_json(_read_json(response)), options=options
    )


def cancel(job_id: str) -> Call[Job]:
    """Cancel a job."""
    return Call(method="POST", path=_path("jobs", job_id, "cancel"), read=_read_job)


def retry(job_id: str) -> Call[Job]:
    """Create a job with the images and parameters of another one."""
    options = {"headers": _idempotency_key()}
    return Call(method="POST", path=_path("jobs", job_id, "retry"), read=_read_job, options=options)


def delete(job_id: str) -> Call[None]:
    """Delete a job and its images."""
    return Call(method="DELETE", path=_path("jobs", job_id), read=lambda _: None)


def image(job_id: str, name: str, form: str | None = None) -> Call[bytes]:
    """Download `result`, `preview` or `timelapse`, in the format `form`."""
    options = {"params": {"format": form}} if form else {}
    return Call(method="GET", path=_path("jobs", job_id, name), read=lambda response: response.content, options=options)


def events_path(job_id: str) -> str:
    """Return the path of a job's stream of events."""
    return _path("jobs", job_id, "events")


def catalogue(name: str) -> Call[tuple[Mapping[str, Any], ...]]:
    """List the built-in `styles` or the `presets`."""
    return Call(method="GET", path=f"/v1/{name}", read=lambda response: tuple(_read_json(response)[name]))


def usage(*, days: int, until: date | None, all_keys: bool) -> Call[tuple[Usage, ...]]:
    """Get the usage of a period."""
    last = until and f"{until:%Y-%m-%d}"  # a datetime is a date too, with another ISO format
    query = {"days": str(days), "until": last, "all_keys": all_keys and "true"}
    options = {"params": {name: value for name, value in query.items() if value}}
    return Call(
        method="GET",
        path="/v1/usage",
        read=lambda response: tuple(Usage.from_json(item) for item in _read_json(response)["usage"]),
        options=options,
    )


def _path(collection: str, item: str, *rest: str) -> str:
    """Return a path that names one item of a collection, whatever is in its id; raises ArgumentError."""
    if item in ("", ".", ".."):  # such a path would be that of the collection, or of what contains it
        raise ArgumentError(f"{item!r} is not an id")
    return "/".join(("/v1", collection, quote(item, safe=":", errors="replace"), *rest))


def _read_asset(response: httpx.Response) -> str:
    return str(_read_json(response)["asset"])


def _read_job(response: httpx.Response) -> Job:
    return Job.from_json(_read_json(response))


def _read_json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        message = f"the response of {response.url} is not JSON: is this the URL of an nst service?"
        raise ServiceError(response.status_code, {"detail": message}) from None


def _idempotency_key() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}


def _several(pictures: Pictures) -> Iterable[Picture]:
    """Return several pictures; a single one is not taken apart, although bytes, text and files can be iterated over."""
    if pictures is None:
        return ()
    known = isinstance(pictures, bytes | bytearray | memoryview | str | os.PathLike) or hasattr(pictures, "read")
    single = known or not isinstance(pictures, Iterable)  # the latter is refused when it is read
    return (cast(Picture, pictures),) if single else cast(Iterable[Picture], pictures)


def _read_bytes(part: str, picture: Picture) -> bytes:
    if isinstance(picture, bytes | bytearray | memoryview):
        return bytes(picture)
    if isinstance(picture, str | os.PathLike):
        return Path(picture).read_bytes()
    if not hasattr(picture, "read"):
        kind = type(picture).__name__
        raise ArgumentError(f"{part}: give the bytes of an image file, an open file, a path or a URL, not {kind}")
    data: Any = picture.read()
    if isinstance(data, str):
        raise ArgumentError("the file is open as text; open it in binary mode, such as open(path, 'rb')")
    return bytes(data)


def _format(name: str, value: Any) -> str:
    """Return a parameter as the text of a form field; raises ArgumentError for bytes, which are no text."""
    if isinstance(value, bytes | bytearray | memoryview):
        raise ArgumentError(f"{name}: write a text or a number, not bytes")
    if isinstance(value, Enum):
        value = value.value
    elif hasattr(value, "item") and not getattr(value, "shape", ()):  # a number of NumPy or PyTorch
        value = value.item()
    if isinstance(value, Mapping):
        return ",".join(f"{layer}:{_format(name, weight)}" for layer, weight in value.items())
    if isinstance(value, Iterable) and not isinstance(value, str):
        separator = ";" if name == "layers_per_style" else ","
        return separator.join(_format(f"an item of {name}", item) for item in value)
    # Other numbers, paths and ids have a text, of which the service says what is wrong.
    return json.dumps(value) if value is None or isinstance(value, bool | int | float) else str(value)
