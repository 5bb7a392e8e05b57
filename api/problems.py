"""Error responses as RFC 9457 problem documents, for the service's own errors and the framework's."""

import errno
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Route

from jobs import errors as store
from nst_engine.spec.errors import ConfigError, EngineError, PictureError

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger(__name__)


class InvalidField(BaseModel):
    """A part of the request that is not valid."""

    pointer: str = Field(description="JSON pointer to the part.", examples=["#/max_size"])
    detail: str = Field(description="What is wrong with the part.")


class Problem(BaseModel):
    """An error response (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Not Found",
                "status": 404,
                "code": "job_unknown",
                "detail": "there is no such job",
                "request_id": "0198f1c2a7f07d5a9d0e3a4b5c6d7e8f",
            }
        }
    )

    type: str = Field("about:blank", description="Always about:blank; `code` identifies the error.")
    title: str = Field(description="Name of the HTTP status.")
    status: int = Field(description="HTTP status.")
    code: str = Field(description="What went wrong, for programs.")
    detail: str = Field(description="What went wrong, for people.")
    request_id: str = Field(description="Identifies the request in the logs.")
    errors: list[InvalidField] | None = Field(None, description="The parts of the request that are not valid.")


class ProblemError(Exception):
    """An error that is answered with a problem document."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[InvalidField] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.errors, self.headers = tuple(errors), dict(headers or {})


def invalid_parameters(*fields: InvalidField) -> ProblemError:
    """Make the 422 that names parameters with an invalid value."""
    detail = "; ".join(f"{field.pointer.removeprefix('#/')}: {field.detail}" for field in fields[:3])
    return ProblemError(422, "invalid_parameters", detail or "the parameters are not valid", errors=fields)


def problem_response(error: ProblemError, request_id: str) -> Response:
    """Return the response to an error."""
    body = Problem(
        title=HTTPStatus(error.status).phrase,
        status=error.status,
        code=error.code,
        detail=error.detail,
        request_id=request_id,
        errors=list(error.errors) or None,
    )
    content = body.model_dump_json(exclude_none=True)
    return Response(content, status_code=error.status, media_type=MEDIA_TYPE, headers=error.headers)


def register(app: FastAPI) -> None:
    """Answer every known error with a problem document; RequestMiddleware logs others and answers with a 500."""
    for kind in (ProblemError, HTTPException, RequestValidationError, EngineError, store.JobsError, OSError):
        app.add_exception_handler(kind, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code in (404, 405):
        error = _unmatched(request, error)
    problem = as_problem(error)
    return problem_response(problem, request.scope.get("nst.request_id", "-"))


def _unmatched(request: Request, error: HTTPException) -> HTTPException:
    """Return the error of a request that no route serves: a 405 if a route has its path.

    The page's files are mounted at `/`, so starlette finds no file where another method has a route.
    """
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))
    methods: set[str] = set()
    for route in request.app.routes:
        if isinstance(route, Route) and route.path_regex.fullmatch(path):
            methods |= route.methods or set()
    if "GET" in methods or (not methods and error.status_code == 405):
        methods |= {"GET", "HEAD"}  # every answer without its body, and the page's files
    if not methods or request.method in methods:
        return error
    return HTTPException(405, headers={"Allow": ", ".join(sorted(methods))})


def as_problem(error: Exception) -> ProblemError:
    """Return the problem that the client sees for an error; raises the error again if it is unexpected."""
    match error:
        case ProblemError():
            return error
        case HTTPException():
            status = HTTPStatus(error.status_code)
            detail = _FRAMEWORK_DETAILS.get(status, str(error.detail))
            return ProblemError(status, status.name.lower(), detail, headers=error.headers)
        case RequestValidationError():
            errors = [_invalid(item) for item in error.errors()]
            return ProblemError(422, "invalid_request", "the request is not valid", errors=errors)
        case ConfigError():
            fields = [InvalidField(pointer=pointer(p.field), detail=p.message) for p in error.problems]
            return ProblemError(422, "invalid_parameters", error.message, errors=fields)
        case PictureError():
            return ProblemError(PICTURE_STATUS.get(error.code, 415), error.code, error.message)
        case EngineError():
            return ProblemError(422, "invalid_parameters", error.message)
        case store.JobsError():
            return _job_problem(error)
        case OSError() if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _job_problem(store.StorageFull())
    raise error


# HTTP status, code and seconds after which to retry.
_JOB_PROBLEMS: Mapping[type[store.JobsError], tuple[int, str, int | None]] = {
    store.StoreUnavailable: (503, "store_unavailable", 5),
    store.QueueFull: (503, "queue_full", 30),
    store.QuotaExceeded: (429, "quota_exceeded", 60),
    store.JobNotFound: (404, "job_unknown", None),
    store.WrongState: (409, "wrong_state", None),
    store.KeyInUse: (409, "idempotency_key_in_use", 1),
    store.KeyReused: (422, "idempotency_key_reused", None),
    store.UnreadableRecord: (409, "record_unreadable", None),
    store.BlobNotFound: (410, "picture_gone", None),
    store.BlobTooLarge: (413, "picture_too_large", None),
    store.StorageFull: (507, "disk_full", 60),
    store.StorageUnavailable: (503, "storage_unavailable", 5),
}


def _job_problem(error: store.JobsError) -> ProblemError:
    status, code, seconds = _JOB_PROBLEMS.get(type(error), (500, "internal", None))
    # The message of the storage may name a path, which only the logs may show.
    detail = "the picture storage is not available" if isinstance(error, store.StorageUnavailable) else str(error)
    if status >= 500:
        log.error("%s: %s", code, error)
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    return ProblemError(status, code, detail, headers=headers)


_FRAMEWORK_DETAILS = {
    HTTPStatus.NOT_FOUND: "there is nothing at this URL",
    HTTPStatus.METHOD_NOT_ALLOWED: "this URL does not support the method",
}
PICTURE_STATUS = {
    **dict.fromkeys(("picture_too_large", "picture_too_slow"), 413),
    **dict.fromkeys(("film_too_large", "film_too_long", "film_too_many_frames"), 413),
    **dict.fromkeys(("picture_too_small", "picture_empty", "mask_without_shape"), 422),
    **dict.fromkeys(("film_too_small", "film_empty", "film_rate"), 422),
}


def pointer(path: str) -> str:
    """Return the JSON pointer to a parameter such as `style_layers.relu1_1`."""
    return "#/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in path.split("."))


def _invalid(item: Mapping[str, Any]) -> InvalidField:
    location, *names = (str(part) for part in item["loc"])
    return InvalidField(pointer=pointer(".".join(names) or location), detail=item["msg"])
