"""Where the pictures of a request come from: files, addresses and built-in styles, in the order of the request."""

import base64
import binascii
import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from api.problems import InvalidField, ProblemError, invalid_parameters
from api.submission.body import too_large
from jobs.outbound.url_guard import AddressRefusedError, check_url
from nst_engine.paintings import STYLES

MAX_STYLES = 8
MAX_URL_LENGTH = 2000
# The parts that are pictures, and how many of each a job takes.
PARTS: Mapping[str, int] = {"content": 1, "style": MAX_STYLES, "mask": MAX_STYLES, "style_mask": MAX_STYLES, "init": 1}
MASKS = ("mask", "style_mask")
URL_FIELDS = {f"{part}_url": part for part in PARTS}
ASSET_FIELDS = {f"{part}_asset": part for part in PARTS}
STYLE_NAME = "style_name"
INIT, INIT_JOB = "init", "init_job"  # `init` is also a parameter: only a file of that name is a picture
JOB_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# The fields that name a picture, and the part that it is.
FIELDS: Mapping[str, str] = {**URL_FIELDS, **ASSET_FIELDS, STYLE_NAME: "style", INIT_JOB: INIT}
CONTENT_ADDRESS = re.compile(r"sha256:([0-9a-f]{64})")
JOB_PICTURE = re.compile(r"job:([0-9a-f-]{36})/(result|content|style/[0-9])")
ASSET = re.compile(f"{CONTENT_ADDRESS.pattern}|{JOB_PICTURE.pattern}")
DATA_URI = re.compile(r"data:([^,]*?)(;base64)?,", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class SavedFile:
    """A file of the request, written to a temporary folder."""

    path: Path
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Source(ABC):
    """A picture of the request; `index` counts the pictures of a part from 0, `pointer` is where it was given."""

    part: str
    index: int
    pointer: str

    @property
    def name(self) -> str:
        """Return what a job calls the picture: content, style-0, mask-0 and so on."""
        return self.part if PARTS[self.part] == 1 else f"{self.part}-{self.index}"

    @property
    @abstractmethod
    def identity(self) -> str:
        """Return what tells this picture from others."""


@dataclass(frozen=True, kw_only=True)
class Upload(Source):
    """A picture in a file: sent, fetched or decoded from a `data:` URI."""

    path: Path
    sha256: str

    @property
    def identity(self) -> str:
        return f"sha256:{self.sha256}"


@dataclass(frozen=True, kw_only=True)
class Address(Source):
    """A picture to fetch."""

    url: str

    @property
    def identity(self) -> str:
        return self.url


@dataclass(frozen=True, kw_only=True)
class BuiltinStyle(Source):
    """A style that the service has."""

    style: str

    @property
    def identity(self) -> str:
        return f"style:{self.style}"


@dataclass(frozen=True, kw_only=True)
class AssetReference(Source):
    """A picture that the service has: an asset (`sha256:…`) or one of a job (`job:ID/result`)."""

    asset: str

    @property
    def identity(self) -> str:
        """Return the content address, which is that of an upload of the same bytes, or the job's picture."""
        return self.asset


@dataclass(frozen=True, kw_only=True)
class ResultOfJob(Source):
    """The result of an earlier job of the same owner."""

    job: str

    @property
    def identity(self) -> str:
        return f"job:{self.job}/result"


Pair = tuple[str, Any]


def take_sources(
    pairs: Sequence[Pair], folder: Path, *, hosts: Collection[str], max_file_bytes: int
) -> tuple[list[Source], list[Pair]]:
    """Separate the pictures of a request from its parameters; raises ProblemError.

    Pictures in `data:` URIs are written to `folder`. `hosts` lists the addresses that need not be public.
    """
    sources: list[Source] = []
    counts: Counter[str] = Counter()
    numbers: Counter[str] = Counter()
    rest: list[Pair] = []
    for name, value in _single_values(pairs):
        part = name if isinstance(value, SavedFile) else FIELDS.get(name)
        if part is None:
            rest.append((name, value))
            continue
        if counts[part] >= PARTS[part]:
            raise too_many_pictures(part)
        pointer = f"#/{name}" if PARTS[part] == 1 else f"#/{name}/{numbers[name]}"
        place = {"part": part, "index": counts[part], "pointer": pointer}
        source = _source(name, value, place, folder, hosts)
        if isinstance(source, Upload) and source.path.stat().st_size > max_file_bytes:
            raise too_large("file", max_file_bytes)
        sources.append(source)
        counts[part] += 1
        numbers[name] += 1
    return sources, rest


def too_many_pictures(part: str) -> ProblemError:
    """Make the 422 of a request with too many pictures of a part."""
    limit = PARTS[part]
    errors = [InvalidField(pointer=f"#/{part}", detail=f"at most {limit}")]
    detail = f"the request has more than {limit} {part} picture{'s' if limit > 1 else ''}"
    return ProblemError(422, "too_many_files", detail, errors=errors)


def _single_values(pairs: Sequence[Pair]) -> Sequence[Pair]:
    """Give each picture a pair of its own: a list counts as several fields, and an empty field as left out."""
    found: list[Pair] = []
    for name, value in pairs:
        if name not in FIELDS:
            found.append((name, value))
            continue
        if isinstance(value, str) and value.startswith("["):
            value = _json_list(name, value)
        found += [(name, item) for item in (value if isinstance(value, list) else [value]) if item != ""]
    return found


def _json_list(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _invalid(f"#/{name}", "not a JSON list") from None


def _source(name: str, value: Any, place: dict[str, Any], folder: Path, hosts: Collection[str]) -> Source:
    pointer = place["pointer"]
    if isinstance(value, SavedFile):
        return Upload(**place, path=value.path, sha256=value.sha256)
    if not isinstance(value, str):
        raise _invalid(pointer, "not a text")
    if name == STYLE_NAME:
        if value not in STYLES:
            raise _invalid(f"#/{STYLE_NAME}", f"no such style; one of {', '.join(STYLES)}")
        return BuiltinStyle(**place, style=value)
    if name == INIT_JOB:
        if not JOB_ID.fullmatch(value):
            raise _invalid(pointer, "not the id of a job")
        return ResultOfJob(**place, job=value)
    if name in ASSET_FIELDS:
        if not ASSET.fullmatch(value):
            raise _invalid(pointer, "write sha256:… as POST /v1/assets answers, or job:ID/result, /content or /style/0")
        return AssetReference(**place, asset=value)
    if value[:5].lower() == "data:":
        path = folder / f"{place['part']}-{place['index']}.data"
        data = _data(value, pointer)
        path.write_bytes(data)
        return Upload(**place, path=path, sha256=hashlib.sha256(data).hexdigest())
    if len(value) > MAX_URL_LENGTH:
        raise _invalid(pointer, f"the URL has more than {MAX_URL_LENGTH} characters")
    try:
        check_url(value, allowed_hosts=hosts)
    except AddressRefusedError as error:
        raise _invalid(pointer, str(error)) from None
    return Address(**place, url=value)


def _data(uri: str, pointer: str) -> bytes:
    """Decode a `data:` URI (RFC 2397)."""
    match = DATA_URI.match(uri)
    if match is None:
        raise _invalid(pointer, "not a data: URI; write data:image/png;base64,…")
    try:
        if not match[2]:
            return unquote_to_bytes(uri[match.end() :])
        return base64.b64decode(uri[match.end() :], validate=True)
    except UnicodeEncodeError:  # half of a surrogate pair
        raise _invalid(pointer, "the data: URI has characters that are no text") from None
    except (binascii.Error, ValueError):
        raise _invalid(pointer, "the data: URI is not valid base64") from None


def _invalid(pointer: str, detail: str) -> ProblemError:
    return invalid_parameters(InvalidField(pointer=pointer, detail=detail))
