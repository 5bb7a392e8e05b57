"""Receiving a multipart body as a stream: limits apply while it arrives, and files are written to disk.

File names that the client sends are never used.
"""

import hashlib
from collections import Counter
from pathlib import Path
from typing import BinaryIO

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from api.problems import InvalidField, ProblemError
from api.settings import ApiSettings
from api.submission.body import receive_body, too_large
from api.submission.boundaries import BoundaryFilter
from api.submission.sources import INIT, PARTS, SavedFile, too_many_pictures

MAX_FIELDS = 128  # parts of a form that are not files
MAX_PARAMS_BYTES = 64 * 1024  # all fields together
MAX_NAME_LENGTH = 100
MAX_BOUNDARY_LENGTH = 200
PLAIN_ENCODINGS = ("", "7bit", "8bit", "binary")


Entry = tuple[str, "str | SavedFile"]  # a part of the form: its name, and its text or its file


async def received_form(request: Request, settings: ApiSettings, folder: Path, *, timeout: float) -> list[Entry]:
    """Receive a form and return its parts in their order; the files are written to `folder`."""
    parser = _FormParser(settings, folder, _boundary(request))
    try:
        await receive_body(request, settings, parser.write, timeout=timeout)
        return parser.finish()
    except FormParserError:
        raise _malformed("the multipart body is malformed") from None
    finally:
        parser.close()


def _boundary(request: Request) -> bytes:
    _, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= MAX_BOUNDARY_LENGTH:
        raise _malformed("the multipart boundary is missing or too long")
    return boundary


def _malformed(detail: str) -> ProblemError:
    return ProblemError(400, "multipart_malformed", detail)


class _FormParser:
    """Collect a form from the callbacks of MultipartParser and enforce the limits."""

    def __init__(self, settings: ApiSettings, folder: Path, boundary: bytes) -> None:
        self._settings, self._folder = settings, folder
        self._entries: list[Entry] = []
        self._files: Counter[str] = Counter()
        self._params_bytes = self._file_bytes = self._parts = 0
        self._header, self._value, self._disposition, self._encoding = b"", b"", b"", b""
        self._name, self._is_file, self._has_file_name = "", False, False
        self._text = bytearray()
        self._file: BinaryIO | None = None
        self._hash = hashlib.sha256()
        self._boundaries = BoundaryFilter(boundary)
        self._ended = False
        callbacks = {name[1:]: getattr(self, name) for name in dir(self) if name.startswith("_on_")}
        self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]

    def write(self, chunk: bytes) -> None:
        self._parser.write(self._boundaries.feed(chunk))

    def finish(self) -> list[Entry]:
        self._parser.write(self._boundaries.rest())
        self._parser.finalize()
        if not self._ended:
            raise ProblemError(400, "upload_incomplete", "the multipart body ends before its last boundary")
        return self._entries

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_FIELDS + sum(PARTS.values()):
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
        self._has_file_name = bool(options.get(b"filename"))
        self._is_file = self._name in PARTS and (self._name != INIT or self._has_file_name)
        if self._has_file_name and not self._is_file and self._name != "params":
            errors = [InvalidField(pointer="#/form", detail=f"files are sent as {', '.join(PARTS)}")]
            raise ProblemError(422, "unknown_part", "the form has a file with an unknown name", errors=errors)

    def _check_encoding(self) -> None:
        encoding = self._encoding.decode("ascii", "replace").strip().lower()
        if encoding not in PLAIN_ENCODINGS:
            detail = f"has Content-Transfer-Encoding: {encoding[:40]}; send it as binary"
            errors = [InvalidField(pointer=f"#/{self._name}", detail=detail)]
            raise ProblemError(415, "transfer_encoding_unsupported", f"{self._name} {detail}", errors=errors)

    def _begin_file(self) -> None:
        if self._files[self._name] >= PARTS[self._name]:
            raise too_many_pictures(self._name)
        self._file = (self._folder / f"{self._files.total()}.upload").open("xb")
        self._files[self._name] += 1
        self._hash, self._file_bytes = hashlib.sha256(), 0

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._is_file and self._file is None:
            self._begin_file()
        if self._file is not None:
            self._file_bytes += len(piece)
            if self._file_bytes > self._settings.max_file_bytes:
                raise too_large("file", self._settings.max_file_bytes)
            self._hash.update(piece)
            self._file.write(piece)
            return
        self._params_bytes += len(piece)
        if self._params_bytes > MAX_PARAMS_BYTES:
            raise too_large("parameters", MAX_PARAMS_BYTES)
        self._text += piece

    def _on_part_end(self) -> None:
        if self._is_file and self._file is None:
            if not self._has_file_name:
                return  # a browser's file input without a file
            self._begin_file()
        if self._file is not None:
            saved = SavedFile(path=Path(self._file.name), sha256=self._hash.hexdigest())
            self.close()
            self._entries.append((self._name, saved))
            return
        try:
            self._entries.append((self._name, self._text.decode("utf-8")))
        except UnicodeDecodeError:
            raise _malformed("a form field is not UTF-8 text") from None

    def _on_end(self) -> None:
        self._ended = True
