"""Server-sent events of a job."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event of a job; `type` is `status`, `progress`, `preview` or `completed`."""

    id: str
    type: str
    data: Mapping[str, Any]


class EventParser:
    """Parses the lines of an event stream, and remembers the last id so that the stream can be resumed."""

    def __init__(self) -> None:
        self.last_id = ""
        self._type, self._data = "", ""

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of a request for the events after the last one."""
        return {"Accept": "text/event-stream", "Last-Event-ID": self.last_id or "0"}

    def feed(self, line: str) -> Event | None:
        """Parse one line; return an event if the line, a blank one, ends it."""
        if line:
            name, _, value = line.partition(":")
            self._set(name, value.removeprefix(" "))
            return None
        kind, data, self._type, self._data = self._type, self._data, "", ""
        return Event(id=self.last_id, type=kind or "message", data=json.loads(data)) if data else None

    def _set(self, name: str, value: str) -> None:
        if name == "event":
            self._type = value
        elif name == "data":
            self._data = f"{self._data}\n{value}" if self._data else value
        elif name == "id":
            self.last_id = value
