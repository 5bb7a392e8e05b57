"""Records: how a job is written to a Redis hash and read from it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import TypeAdapter

from jobs.errors import UnreadableRecord
from jobs.model import (
    FAILURE_CODES,
    RECORD_VERSION,
    BlobRef,
    Failure,
    Inputs,
    Job,
    NewJob,
    Options,
    Preview,
    Progress,
    ResultDelivery,
    ResultInfo,
)
from jobs.status import Priority, Status

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Spec:
    """The part of a job that never changes."""

    params: Mapping[str, Any]
    inputs: Inputs
    options: Options
    request_id: str = ""
    traceparent: str | None = None
    retry_of: str | None = None


# They ignore fields that this version does not know, so that a newer one may add some.
_SPEC, _PROGRESS, _PREVIEW = TypeAdapter(Spec), TypeAdapter(Progress), TypeAdapter(Preview)
_FAILURE, _RESULT, _DELIVERY = TypeAdapter(Failure), TypeAdapter(ResultInfo), TypeAdapter(ResultDelivery)
# By the letter that expire.lua keeps: the first one, except for WebM.
PAST_MEDIA_TYPES = {
    "p": "image/png",
    "j": "image/jpeg",
    "w": "image/webp",
    "t": "image/tiff",
    "g": "image/gif",
    "m": "video/mp4",
    "v": "video/webm",
}
View = Sequence[Any]  # the reply of view() in common.lua: flat fields, position, wait in seconds, now, live workers


def encode_spec(new: NewJob) -> str:
    """Encode the part of a job that never changes."""
    spec = Spec(
        params=dict(new.params),
        inputs=new.inputs,
        options=new.options,
        request_id=new.request_id,
        traceparent=new.traceparent,
        retry_of=new.retry_of,
    )
    return encode(spec)


def encode(value: Spec | Progress | Preview | ResultInfo | ResultDelivery | Failure) -> str:
    """Encode a part of a job."""
    return json.dumps({name: item for name, item in asdict(value).items() if item is not None}, separators=(",", ":"))


def decode_view(view: View) -> Job:
    """Decode a job from the reply of a script; raise UnreadableRecord."""
    fields = view_fields(view)
    job_id = fields.get("id", "")
    try:
        if "past" in fields:
            return _decode_past(fields)
        version = int(fields.get("v", ""))
        if not 0 < version <= RECORD_VERSION:
            raise UnreadableRecord(job_id, f"it has version {version}, this nst reads up to {RECORD_VERSION}")
        return _decode(fields, view)
    except (KeyError, ValueError, TypeError) as error:
        raise UnreadableRecord(job_id, f"it is damaged ({type(error).__name__})") from error


def view_fields(view: View) -> dict[str, str]:
    """Return the fields of the record in the reply of a script."""
    return dict(zip(view[0][::2], view[0][1::2], strict=True))


def _decode(fields: Mapping[str, str], view: View) -> Job:
    _, position, wait, time, serving = view
    spec, now, created = _SPEC.validate_json(fields["spec"]), int(time), int(fields["created"])
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
        params=spec.params,
        inputs=spec.inputs,
        options=spec.options,
        request_id=spec.request_id,
        traceparent=spec.traceparent,
        retry_of=spec.retry_of,
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
        queue_position=position,
        queue_eta_seconds=None if wait is None else float(wait),
        serving=serving,
        worker=fields.get("worker"),
        progress=_part(_PROGRESS, fields.get("progress")),
        preview=_part(_PREVIEW, fields.get("preview")),
        failure=_part(_FAILURE, fields.get("failure")),
        result=_part(_RESULT, fields.get("result")),
        delivery=_part(_DELIVERY, fields.get("delivery")),
    )


def _decode_past(fields: Mapping[str, str]) -> Job:
    """Decode what expire.lua keeps of a job: its model, priority, states and times, the hash and size of its result."""
    model, priority, attempt, version, created, *rest = fields["past"].split(" ")
    start = int(created)
    started, finished, expires, run_ms, cancel = (None if value == "-" else int(value) for value in rest)
    ran, ended = run_ms or 0, finished or 0

    def moment(after: int | None) -> datetime | None:
        return None if after is None else _moment(start + after)

    code, result = fields.get("failure"), fields.get("result")
    kept = None if result is None else _decode_past_result(result)
    output_format = "png" if kept is None else kept.media_type.partition("/")[2]
    return Job(
        id=fields["id"],
        owner=fields["owner"],
        status=Status(fields["status"]),
        version=int(version),
        model=model,
        priority=next(item for item in Priority if item.value.startswith(priority)),
        params={},
        inputs=Inputs(content=BlobRef(name="", sha256="", bytes=0)),
        options=Options(output_format=output_format),
        request_id="",
        traceparent=None,
        retry_of=None,
        attempt=int(attempt),
        created_at=_moment(start),
        started_at=moment(started),
        finished_at=moment(finished),
        expires_at=moment(expires),
        cancel_requested_at=moment(cancel),
        expired=True,
        memory_saving=False,
        queue_seconds=max(0, ended - ran) / 1000,
        run_seconds=ran / 1000,
        queue_position=None,
        queue_eta_seconds=None,
        serving=None,
        worker=None,
        progress=None,
        preview=None,
        failure=None if code is None else Failure(code=code, message=FAILURE_CODES.get(code, code)),
        result=kept,
    )


def _decode_past_result(text: str) -> ResultInfo:
    width, height, size, letter, sha256 = text.split(" ")
    return ResultInfo(
        blob="",
        width=int(width),
        height=int(height),
        bytes=int(size),
        sha256=base64.b64decode(sha256)[:32].hex(),
        media_type=PAST_MEDIA_TYPES[letter],
    )


def blob_names(fields: Mapping[str, str]) -> frozenset[str]:
    """Return every blob that a record names, in any text of it, so that it works for records of other versions, too."""
    if "expired" in fields or "past" in fields:
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


def _part(adapter: TypeAdapter[T], text: str | None) -> T | None:
    return None if text is None else adapter.validate_json(text)


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _optional_moment(text: str | None) -> datetime | None:
    return None if text is None else _moment(int(text))
