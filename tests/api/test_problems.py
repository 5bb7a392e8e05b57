"""Errors of the layers below, as the refusals that a client sees."""

import errno

import pytest

from api.problems import as_problem
from jobs import errors as store
from nst_engine.spec.errors import ConfigError, EngineError, PictureError, Problem


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


def test_a_bad_parameter_is_pointed_at() -> None:
    problem = as_problem(ConfigError("bad", (Problem(field="style_layers.relu1_1", message="no weight"),)))
    assert [(field.pointer, field.detail) for field in problem.errors] == [("#/style_layers/relu1_1", "no weight")]


def test_what_is_no_refusal_is_raised_again() -> None:
    with pytest.raises(PermissionError):
        as_problem(PermissionError(errno.EACCES, "Permission denied"))
