"""Errors as the problem documents that a client sees."""

import errno
import re

import pytest

from api.problems import as_problem
from jobs import errors as store
from nst_engine.spec.errors import ConfigError, EngineError, PictureError, Problem
from tests.api.conftest import Api, MakeApi


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ConfigError("steps: too few", (Problem(field="steps", message="too few"),)), 422, "invalid_parameters"),
        (EngineError("no such layer"), 422, "invalid_parameters"),
        (PictureError("picture_too_small", "too small"), 422, "picture_too_small"),
        (PictureError("picture_animated", "it moves"), 415, "picture_animated"),
        (OSError(errno.ENOSPC, "No space left on device", "/var/lib/nst/x"), 507, "disk_full"),
        (store.StorageUnavailable("/var/lib/nst is away"), 503, "storage_unavailable"),
    ],
)
def test_an_error_has_its_status_and_code_and_names_no_path(error: Exception, status: int, code: str) -> None:
    problem = as_problem(error)
    assert (problem.status, problem.code) == (status, code)
    assert "/var" not in problem.detail
    assert ("Retry-After" in problem.headers) == (status > 500)


def test_a_wrong_parameter_has_a_pointer() -> None:
    problem = as_problem(ConfigError("bad", (Problem(field="style_layers.relu1_1", message="no weight"),)))
    assert [(field.pointer, field.detail) for field in problem.errors] == [("#/style_layers/relu1_1", "no weight")]


def test_an_unexpected_error_is_raised_again() -> None:
    with pytest.raises(PermissionError):
        as_problem(PermissionError(errno.EACCES, "Permission denied"))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nope", 404, "not_found"),
        ("GET", "/v1/jobs/", 404, "not_found"),
        ("PUT", "/v1/jobs", 405, "method_not_allowed"),
        ("GET", "/v1/jobs?limit=x", 422, "invalid_request"),
        ("POST", "/v1/jobs", 415, "not_multipart"),
    ],
)
async def test_the_frameworks_own_errors_are_problems_too(
    api: Api, method: str, path: str, status: int, code: str
) -> None:
    answer = await api.http.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.json()["status"] == status


@pytest.mark.anyio
async def test_a_405_lists_the_methods_of_the_path(api: Api) -> None:
    assert (await api.http.put("/v1/jobs")).headers["allow"] == "GET, HEAD, POST"
    assert (await api.http.put("/v1/jobs/x")).headers["allow"] == "DELETE, GET, HEAD"


@pytest.mark.anyio
async def test_every_route_answers_a_method_that_it_does_not_have_with_its_methods(make_api: MakeApi) -> None:
    api = await make_api(root_path="/nst")
    for template, operations in api.app.openapi()["paths"].items():
        path = re.sub(r"{\w+}", "x", template)
        methods = {method.upper() for method in operations} | ({"HEAD"} if "get" in operations else set())
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - methods:
            for prefix in ("", "/nst"):
                answer = await api.http.request(method, prefix + path)
                allow = set(answer.headers.get("allow", "").split(", "))
                assert (answer.status_code, allow) == (405, methods), f"{method} {prefix}{path}"


@pytest.mark.anyio
async def test_a_url_without_a_route_has_no_methods(api: Api) -> None:
    for method in ("GET", "HEAD", "POST", "DELETE"):
        assert (await api.http.request(method, "/nope")).status_code == 404
