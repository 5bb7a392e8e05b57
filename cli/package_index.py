"""The pages of a Python package index (https://packaging.python.org/en/latest/specifications/simple-repository-api/)."""

from __future__ import annotations

import html
import re
from contextlib import suppress
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

import httpx

from cli.downloads import without_password
from cli.errors import CommandError, InputError

URL = r"https?://[^/?#\s]+"
JSON = "application/vnd.pypi.simple.v1+json"


def file_url(index: str, package: str, file: str, *, client: httpx.Client) -> str:
    """Return the URL of a package's file on an index; raises InputError or CommandError naming the page."""
    page = _page(index, package)
    shown = without_password(page)
    try:
        response = client.get(page, headers={"Accept": f"{JSON}, text/html;q=0.1"})
        if not response.is_success:
            raise CommandError(f"{shown}: {response.status_code} {response.reason_phrase}")
        found = _files(response).get(file)
    except httpx.TransportError as error:
        message = f"cannot read {shown}: {error or type(error).__name__}"
        raise CommandError(f"{message}; name a package index that this machine reaches with --index-url") from None
    except (AttributeError, KeyError, TypeError, ValueError):
        raise CommandError(f"{shown} is not the page of a package on a package index") from None
    if found is None:
        raise CommandError(f"{shown} has no {file}")
    return str(response.url.join(found))


def _page(index: str, package: str) -> str:
    """Return the URL of a package's page; raises InputError if `index` is no URL."""
    page = re.sub(r"^[\w.-]+=", "", f"{index.rstrip('/')}/{package}/")  # uv lets an index have a name: NAME=URL
    with suppress(httpx.InvalidURL):
        if re.match(URL, page):
            return str(httpx.URL(page))
    raise InputError("--index-url (or UV_DEFAULT_INDEX, PIP_INDEX_URL) must be an http or https URL of a package index")


def _files(response: httpx.Response) -> dict[str, str]:
    """Return the links of a page by file name, from JSON or, on older indexes, from HTML."""
    if "json" in response.headers.get("content-type", ""):
        return {file["filename"]: file["url"] for file in response.json()["files"]}
    links = (html.unescape(link) for link in re.findall(r"""href=["']([^"']+)""", response.text))
    return {PurePosixPath(unquote(urlsplit(link).path)).name: link for link in links}
