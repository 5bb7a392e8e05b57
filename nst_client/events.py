"""Server-sent events of a job: lines in, events out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to a job: `status`, `progress`, `preview` or `completed`."""

    id: str
    type: str
    data: Mapping[str, Any]


class EventParser:
    """Put lines together to events; remembers the last id, for a stream that is taken up again."""

    def __init__(self) -> None:
        self.last_id = ""
        self._type, self._data = "", ""

    def feed(self, line: str) -> Event | None:
        """Take one line in; a blank one ends an event and returns it."""
        if line:
            name, _, value = line.partition(":")
            self._take(name, value.removeprefix(" "))
            return None
        kind, data, self._type, self._data = self._type, self._data, "", ""
        return Event(id=self.last_id, type=kind or "message", data=json.loads(data)) if data else None

    def _take(self, name: str, value: str) -> None:
        if name == "event":
            self._type = value
        elif name == "data":
            self._data = f"{self._data}\n{value}" if self._data else value
        elif name == "id":
            self.last_id = value
