"""Taking a multipart body in as it streams: limits hold while it arrives, files go to disk, names are never used."""

import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import anyio
from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from api.problems import InvalidField, ProblemError
from api.settings import ApiSettings

FILE_PARTS = ("content", "style", "mask")


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One file of the request, on disk under a name of ours."""

    part: str
    path: Path
    size: int
    sha256: str


@dataclass(kw_only=True)
class Form:
    """What a multipart body held."""

    files: list[Upload] = field(default_factory=list)
    fields: list[tuple[str, str]] = field(default_factory=list)

    def uploads(self, part: str) -> list[Upload]:
        """Return the files of one part, in their order."""
        return [upload for upload in self.files if upload.part == part]


@asynccontextmanager
async def received(request: Request, settings: ApiSettings, *, folder: Path, seconds: float) -> AsyncIterator[Form]:
    """Receive the body into a folder of its own under `folder`, which is gone afterwards."""
    boundary = _boundary(request)
    _check_declared_length(request, settings)
    folder.mkdir(parents=True, exist_ok=True)
    own = Path(tempfile.mkdtemp(prefix="upload-", dir=folder))
    try:
        yield await _receive(
            request, _Intake(settings, own, boundary), seconds=seconds, idle_seconds=settings.upload_idle_seconds
        )
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data":
        raise ProblemError(415, "not_multipart", "send the job as multipart/form-data")
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= 200:
        raise ProblemError(400, "multipart_malformed", "the multipart boundary is missing or too long")
    return boundary


def _check_declared_length(request: Request, settings: ApiSettings) -> None:
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > settings.max_body_bytes:
        raise _too_large("body", settings.max_body_bytes)


async def _receive(request: Request, intake: "_Intake", *, seconds: float, idle_seconds: float) -> Form:
    chunks = request.stream().__aiter__()
    try:
        with anyio.fail_after(seconds):
            while True:
                with anyio.fail_after(idle_seconds):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return intake.finished()
                intake.write(chunk)
    except TimeoutError:
        raise ProblemError(408, "upload_too_slow", "the request body did not arrive in time") from None
    except FormParserError:
        raise ProblemError(400, "multipart_malformed", "the multipart body is malformed") from None
    except ClientDisconnect:
        raise ProblemError(400, "upload_incomplete", "the client went away before the body was complete") from None
    finally:
        intake.close()


def _too_large(what: str, limit: int) -> ProblemError:
    # The rest of the body is not read, so the connection cannot be used again.
    shown = f"{limit / 2**20:g} MiB" if limit >= 2**20 else f"{limit / 2**10:g} KiB"
    return ProblemError(413, f"{what}_too_large", f"the {what} is larger than {shown}", headers={"Connection": "close"})


class _Intake:
    """Follow the parser through the parts and keep count."""

    def __init__(self, settings: ApiSettings, folder: Path, boundary: bytes) -> None:
        self._settings, self._folder = settings, folder
        self._form = Form()
        self._total = self._params = self._parts = 0
        self._header, self._value, self._disposition = b"", b"", b""
        self._name: str | None = None
        self._text = bytearray()
        self._file: BinaryIO | None = None
        self._hash = hashlib.sha256()
        self._size = 0
        self._ended = False
        callbacks = {name: getattr(self, f"_{name}") for name in _CALLBACKS}
        self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]

    def write(self, chunk: bytes) -> None:
        self._total += len(chunk)
        if self._total > self._settings.max_body_bytes:
            raise _too_large("body", self._settings.max_body_bytes)
        self._parser.write(chunk)

    def finished(self) -> Form:
        self._parser.finalize()
        if not self._ended:
            raise ProblemError(400, "upload_incomplete", "the multipart body ends before its last boundary")
        return self._form

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > self._settings.max_fields + 2 * self._settings.max_styles + 1:
            raise ProblemError(413, "too_many_fields", "the form has too many fields", headers={"Connection": "close"})
        self._disposition = self._header = self._value = b""
        self._name = None

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if not name or len(name) > 100:
            raise ProblemError(400, "multipart_malformed", "a part of the form has no usable name")
        self._name = name
        self._text = bytearray()
        if name in FILE_PARTS:
            self._check_file_count(name)
            self._file = (self._folder / f"{len(self._form.files)}.upload").open("xb")
            self._hash, self._size = hashlib.sha256(), 0
        elif b"filename" in options and name != "params":
            error = InvalidField(pointer="#/form", detail="files are sent as content, style or mask")
            raise ProblemError(
                422, "unknown_part", "the form has a file under a name that is not known", errors=[error]
            )

    def _check_file_count(self, name: str) -> None:
        most = 1 if name == "content" else self._settings.max_styles
        if len(self._form.uploads(name)) >= most:
            errors = [InvalidField(pointer=f"#/{name}", detail=f"at most {most}")]
            raise ProblemError(422, "too_many_files", f"the form has more than {most} {name} files", errors=errors)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._file is not None:
            self._size += len(piece)
            if self._size > self._settings.max_file_bytes:
                raise _too_large("file", self._settings.max_file_bytes)
            self._hash.update(piece)
            self._file.write(piece)
            return
        self._params += len(piece)
        if self._params > self._settings.max_params_bytes:
            raise _too_large("parameters", self._settings.max_params_bytes)
        self._text += piece

    def _on_part_end(self) -> None:
        if self._file is not None:
            path = Path(self._file.name)
            self.close()
            upload = Upload(part=str(self._name), path=path, size=self._size, sha256=self._hash.hexdigest())
            self._form.files.append(upload)
            return
        try:
            self._form.fields.append((str(self._name), self._text.decode("utf-8")))
        except UnicodeDecodeError:
            raise ProblemError(400, "multipart_malformed", "a form field is not UTF-8 text") from None

    def _on_end(self) -> None:
        self._ended = True


_CALLBACKS = (
    "on_part_begin",
    "on_header_field",
    "on_header_value",
    "on_header_end",
    "on_headers_finished",
    "on_part_data",
    "on_part_end",
    "on_end",
)
