"""Receiving a multipart body as a stream: limits apply while it arrives, and files are written to disk.

File names that the client sends are never used.
"""

import hashlib
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
from api.temporary_files import TemporaryFiles

FILE_PARTS = ("content", "style", "mask")
MAX_FIELDS = 128  # parts of a form that are not files
MAX_PARAMS_BYTES = 64 * 1024  # all fields together
MAX_STYLES = 8
MAX_NAME_LENGTH = 100
MAX_BOUNDARY_LENGTH = 200
PLAIN_ENCODINGS = ("", "7bit", "8bit", "binary")


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file of the form; `index` counts the files of its part from 0."""

    part: str
    index: int
    path: Path
    sha256: str

    @property
    def name(self) -> str:
        """Return what a job calls the picture: content, style-0, mask-0 and so on."""
        return self.part if self.part == "content" else f"{self.part}-{self.index}"


@dataclass(kw_only=True)
class Form:
    """The files and text fields of a multipart body."""

    uploads: list[Upload] = field(default_factory=list)
    fields: list[tuple[str, str]] = field(default_factory=list)

    def part(self, name: str) -> list[Upload]:
        """Return the files of one part in their order."""
        return [upload for upload in self.uploads if upload.part == name]


@asynccontextmanager
async def received_form(
    request: Request, settings: ApiSettings, temporary_files: TemporaryFiles, *, timeout: float
) -> AsyncIterator[Form]:
    """Receive the body; its files are removed at the end of the block."""
    boundary = _boundary(request)
    _check_declared_length(request, settings)
    with temporary_files.folder("upload-") as folder:
        yield await _receive(request, _FormParser(settings, folder, boundary), settings, timeout)


def _boundary(request: Request) -> bytes:
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    if media_type != b"multipart/form-data":
        raise ProblemError(415, "not_multipart", "send the job as multipart/form-data")
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= MAX_BOUNDARY_LENGTH:
        raise _malformed("the multipart boundary is missing or too long")
    return boundary


def _check_declared_length(request: Request, settings: ApiSettings) -> None:
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > settings.max_body_bytes:
        raise _too_large("body", settings.max_body_bytes)


async def _receive(request: Request, parser: "_FormParser", settings: ApiSettings, timeout: float) -> Form:
    chunks = request.stream().__aiter__()
    try:
        with anyio.fail_after(timeout):
            while True:
                with anyio.fail_after(settings.upload_idle_seconds):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return parser.finish()
                parser.write(chunk)
    except TimeoutError:
        raise ProblemError(408, "upload_too_slow", "the request body did not arrive in time") from None
    except FormParserError:
        raise _malformed("the multipart body is malformed") from None
    except ClientDisconnect:
        raise ProblemError(400, "upload_incomplete", "the client disconnected before the body was complete") from None
    finally:
        parser.close()


def _malformed(detail: str) -> ProblemError:
    return ProblemError(400, "multipart_malformed", detail)


def _too_large(what: str, limit: int) -> ProblemError:
    # The rest of the body is not read, so the connection cannot be reused.
    shown = f"{limit / 2**20:g} MiB" if limit >= 2**20 else f"{limit / 2**10:g} KiB"
    return ProblemError(413, f"{what}_too_large", f"the {what} is larger than {shown}", headers={"Connection": "close"})


class _FormParser:
    """Collect a form from the callbacks of MultipartParser and enforce the limits."""

    def __init__(self, settings: ApiSettings, folder: Path, boundary: bytes) -> None:
        self._settings, self._folder = settings, folder
        self._form = Form()
        self._body_bytes = self._params_bytes = self._file_bytes = self._parts = 0
        self._header, self._value, self._disposition, self._encoding = b"", b"", b"", b""
        self._name, self._is_file, self._has_file_name = "", False, False
        self._text = bytearray()
        self._file: BinaryIO | None = None
        self._hash = hashlib.sha256()
        self._delimiter, self._preamble = b"\r\n--" + boundary, b"\r\n"
        self._begun = self._ended = False
        callbacks = {name[1:]: getattr(self, name) for name in dir(self) if name.startswith("_on_")}
        self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]

    def write(self, chunk: bytes) -> None:
        self._body_bytes += len(chunk)
        if self._body_bytes > self._settings.max_body_bytes:
            raise _too_large("body", self._settings.max_body_bytes)
        if not self._begun:
            chunk = self._without_preamble(chunk)
        self._parser.write(chunk)

    def _without_preamble(self, chunk: bytes) -> bytes:
        """Leave out the lines that MIME allows before the first boundary, which python-multipart refuses."""
        text = self._preamble + chunk
        found = text.find(self._delimiter)
        self._begun = found >= 0
        self._preamble = text[-len(self._delimiter) :]
        return text[found + len(b"\r\n") :] if self._begun else b""

    def finish(self) -> Form:
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
        if self._parts > MAX_FIELDS + 2 * MAX_STYLES + 1:
            raise ProblemError(413, "too_many_fields", "the form has too many fields", headers={"Connection": "close"})
        self._disposition = self._encoding = self._header = self._value = b""

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        elif self._header.lower() == b"content-transfer-encoding":
            self._encoding = self._value
        self._header = self._value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if not 0 < len(self._name) <= MAX_NAME_LENGTH:
            raise _malformed("a part of the form has no name, or a name that is too long")
        self._check_encoding()
        self._text = bytearray()
        self._is_file, self._has_file_name = self._name in FILE_PARTS, bool(options.get(b"filename"))
        if self._has_file_name and not self._is_file and self._name != "params":
            errors = [InvalidField(pointer="#/form", detail="files are sent as content, style or mask")]
            raise ProblemError(422, "unknown_part", "the form has a file with an unknown name", errors=errors)

    def _check_encoding(self) -> None:
        encoding = self._encoding.decode("ascii", "replace").strip().lower()
        if encoding not in PLAIN_ENCODINGS:
            detail = f"has Content-Transfer-Encoding: {encoding[:40]}; send it as binary"
            errors = [InvalidField(pointer=f"#/{self._name}", detail=detail)]
            raise ProblemError(415, "transfer_encoding_unsupported", f"{self._name} {detail}", errors=errors)

    def _begin_file(self) -> None:
        limit = 1 if self._name == "content" else MAX_STYLES
        if len(self._form.part(self._name)) >= limit:
            errors = [InvalidField(pointer=f"#/{self._name}", detail=f"at most {limit}")]
            detail = f"the form has more than {limit} {self._name} files"
            raise ProblemError(422, "too_many_files", detail, errors=errors)
        self._file = (self._folder / f"{len(self._form.uploads)}.upload").open("xb")
        self._hash, self._file_bytes = hashlib.sha256(), 0

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._is_file and self._file is None:
            self._begin_file()
        if self._file is not None:
            self._file_bytes += len(piece)
            if self._file_bytes > self._settings.max_file_bytes:
                raise _too_large("file", self._settings.max_file_bytes)
            self._hash.update(piece)
            self._file.write(piece)
            return
        self._params_bytes += len(piece)
        if self._params_bytes > MAX_PARAMS_BYTES:
            raise _too_large("parameters", MAX_PARAMS_BYTES)
        self._text += piece

    def _on_part_end(self) -> None:
        if self._is_file and self._file is None:
            if not self._has_file_name:
                return  # a browser's file input without a file
            self._begin_file()
        if self._file is not None:
            path, index = Path(self._file.name), len(self._form.part(self._name))
            self.close()
            sha256 = self._hash.hexdigest()
            self._form.uploads.append(Upload(part=self._name, index=index, path=path, sha256=sha256))
            return
        try:
            self._form.fields.append((self._name, self._text.decode("utf-8")))
        except UnicodeDecodeError:
            raise _malformed("a form field is not UTF-8 text") from None

    def _on_end(self) -> None:
        self._ended = True
