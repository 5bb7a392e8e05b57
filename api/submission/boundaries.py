"""What MIME allows around the boundaries of a multipart body (RFC 2046), and python-multipart refuses."""

import re

MAX_PADDING = 1000  # longer padding is left in, and the body is then malformed
PADDING = re.compile(rb"[ \t]*\r?")


class BoundaryFilter:
    """Leave out the lines before the first boundary, and the spaces and tabs after any."""

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._padded = re.compile(re.escape(self._delimiter) + rb"[ \t]+(?=\r\n)")
        self._held = b"\r\n"  # may be the beginning of a boundary and its padding; the first one begins a line, too
        self._begun = False

    def feed(self, chunk: bytes) -> bytes:
        """Take a piece of the body, and return what the parser may read."""
        text = self._held + chunk
        if self._delimiter in text:
            text = self._padded.sub(lambda _: self._delimiter, text)
        cut = self._end_of_known(text)
        text, self._held = text[:cut], text[cut:]
        return text if self._begun else self._without_preamble(text)

    def rest(self) -> bytes:
        """Return what is left at the end of the body."""
        return self._held if self._begun else self._without_preamble(self._held)

    def _end_of_known(self, text: bytes) -> int:
        """Return where the part of the text begins that the next piece may turn into a padded boundary."""
        size = len(self._delimiter)
        place = text.rfind(self._delimiter, max(0, len(text) - size - MAX_PADDING))
        if place >= 0 and PADDING.fullmatch(text, place + size):
            return place
        place = text.rfind(b"\r", max(0, len(text) - size))
        return place if place >= 0 and self._delimiter.startswith(text[place:]) else len(text)

    def _without_preamble(self, text: bytes) -> bytes:
        place = text.find(self._delimiter)
        self._begun = place >= 0
        return text[place + len(b"\r\n") :] if self._begun else b""
