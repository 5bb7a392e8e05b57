"""Records: how a job is written to a Redis hash and read back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from jobs.errors import UnreadableRecord
from jobs.model import (
    RECORD_VERSION,
    BlobRef,
    Failure,
    Inputs,
    Job,
    NewJob,
    Options,
    Preview,
    Progress,
    ResultInfo,
)
from jobs.status import Priority, Status

T = TypeVar("T")
View = Sequence[Any]  # what view() of common.lua returns: flat fields, place in line, guess of the wait, now, workers


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """Where a waiting job stands; all None for one that does not wait."""

    position: int | None = None
    wait: float | None = None
    serving: int | None = None


def encode_spec(new: NewJob) -> str:
    """Write the part of a job that never changes."""
    spec = {
        "params": dict(new.params),
        "inputs": asdict(new.inputs),
        "options": asdict(new.options),
        "request_id": new.request_id,
        "retry_of": new.retry_of,
    }
    return json.dumps(spec, separators=(",", ":"))


def encode(value: Progress | Preview | ResultInfo | Failure) -> str:
    """Write one of the parts of a job that change as a whole."""
    return json.dumps({name: item for name, item in asdict(value).items() if item is not None}, separators=(",", ":"))


def decode_view(view: View) -> Job:
    """Read a job from what a script returned; raise UnreadableRecord."""
    _, position, wait, now, serving = view
    line = Line(position=position, wait=None if wait is None else float(wait), serving=serving)
    return decode(view_fields(view), now=int(now), line=line)


def view_fields(view: View) -> dict[str, str]:
    """Return the fields of the hash that a script returned."""
    return dict(zip(view[0][::2], view[0][1::2], strict=True))


def decode(fields: Mapping[str, str], *, now: int, line: Line) -> Job:
    """Read a job from the fields of its hash; unknown fields are passed over, so that a newer release may add some."""
    job_id = fields.get("id", "")
    try:
        version = int(fields.get("v", ""))
        if not 0 < version <= RECORD_VERSION:
            raise UnreadableRecord(job_id, f"it is of version {version}, this release reads up to {RECORD_VERSION}")
        return _decode(fields, now, line)
    except (KeyError, ValueError, TypeError) as error:
        raise UnreadableRecord(job_id, f"it is damaged ({type(error).__name__})") from error


def _decode(fields: Mapping[str, str], now: int, line: Line) -> Job:
    spec = json.loads(fields["spec"])
    created = int(fields["created"])
    finished = _number(fields.get("finished"))
    claimed = _number(fields.get("claimed"))
    run_ms = int(fields.get("run_ms", 0)) + (0 if claimed is None else max(0, now - claimed))
    return Job(
        id=fields["id"],
        owner=fields["owner"],
        status=Status(fields["status"]),
        version=int(fields["version"]),
        model=fields["model"],
        priority=Priority(fields["priority"]),
        params=spec["params"],
        inputs=_inputs(spec["inputs"]),
        options=_known(Options, spec["options"]),
        request_id=spec.get("request_id", ""),
        retry_of=spec.get("retry_of"),
        attempt=int(fields["attempt"]),
        created_at=_moment(created),
        started_at=_optional_moment(fields.get("started")),
        finished_at=_optional_moment(fields.get("finished")),
        expires_at=_optional_moment(fields.get("expires")),
        cancel_requested_at=_optional_moment(fields.get("cancel")),
        expired="expired" in fields,
        memory_saving="memory_saving" in fields,
        queue_seconds=max(0, (now if finished is None else finished) - created - run_ms) / 1000,
        run_seconds=run_ms / 1000,
        queue_position=line.position,
        queue_eta_seconds=line.wait,
        serving=line.serving,
        worker=fields.get("worker"),
        progress=_part(Progress, fields.get("progress")),
        preview=_part(Preview, fields.get("preview")),
        failure=_part(Failure, fields.get("failure")),
        result=_result(fields.get("result")),
    )


def blob_names(fields: Mapping[str, str]) -> frozenset[str]:
    """Name every blob that a record lists, also one that this release cannot read: any text that names one counts."""
    if "expired" in fields:
        return frozenset()
    owned = fields.get("id", "") + "/"
    names: set[str] = set()
    for part in ("spec", "preview", "checkpoint", "result"):
        try:
            names |= set(_strings(json.loads(fields.get(part, "null"))))
        except ValueError:
            continue
    return frozenset(name for name in names if name.startswith(owned))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _strings(item)


def _known(kind: type[T], values: Mapping[str, Any]) -> T:
    """Build a value from the fields that this release knows."""
    names = kind.__dataclass_fields__  # type: ignore[attr-defined]
    return kind(**{name: value for name, value in values.items() if name in names})


def _part(kind: type[T], text: str | None) -> T | None:
    return None if text is None else _known(kind, json.loads(text))


def _inputs(values: Mapping[str, Any]) -> Inputs:
    init = values.get("init_image")
    return Inputs(
        content=_known(BlobRef, values["content"]),
        styles=tuple(_known(BlobRef, item) for item in values.get("styles", ())),
        masks=tuple(_known(BlobRef, item) for item in values.get("masks", ())),
        init_image=None if init is None else _known(BlobRef, init),
        style_names=tuple(values.get("style_names", ())),
    )


def _result(text: str | None) -> ResultInfo | None:
    if text is None:
        return None
    values = json.loads(text)
    if values.get("timelapse") is not None:
        values["timelapse"] = _known(BlobRef, values["timelapse"])
    return _known(ResultInfo, values)


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _optional_moment(text: str | None) -> datetime | None:
    return None if text is None else _moment(int(text))
