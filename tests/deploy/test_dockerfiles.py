"""The Dockerfiles fit each other; `make images-test` builds and runs them."""

import re
import tomllib

import pytest

from tests.deploy.files import ROOT, no_settings

FILES = ("Dockerfile.api", "Dockerfile.worker")


def text(name: str) -> str:
    return (ROOT / name).read_text()


def copied(name: str) -> set[str]:
    """Return the folders that the last stage takes from the repository."""
    return set(re.findall(r"^COPY (\w+) \w+$", text(name).split("FROM ${BASE}")[-1], re.MULTILINE))


@pytest.mark.parametrize("name", FILES)
def test_the_base_is_pinned_and_can_be_another(name: str) -> None:
    assert re.search(r"^ARG BASE=python:3\.11\.\d+-slim-bookworm@sha256:[0-9a-f]{64}$", text(name), re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+)", text(name), re.MULTILINE)) == {"${BASE}"}


@pytest.mark.parametrize("name", FILES)
def test_every_variable_set_is_a_setting(name: str) -> None:
    assert no_settings(set(re.findall(r"\b(NST_\w+)=", text(name)))) == set()


def test_both_images_are_built_alike() -> None:
    bases, tools = zip(
        *((re.search(r"ARG BASE=.*", text(n)), re.search(r"ARG UV.*", text(n))) for n in FILES), strict=True
    )
    assert len({found[0] for found in bases if found}) == len({found[0] for found in tools if found}) == 1


def test_each_image_takes_its_own_part_of_the_code() -> None:
    assert copied("Dockerfile.api") == {"nst_engine", "nst_client", "jobs", "api", "cli"}
    assert copied("Dockerfile.worker") == {"nst_engine", "jobs", "worker", "cli"}


def test_what_is_copied_is_let_through_to_the_build() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert allowed == copied("Dockerfile.api") | copied("Dockerfile.worker") | {"pyproject.toml", "uv.lock"}


@pytest.mark.parametrize("name", FILES)
def test_the_extras_that_are_installed_exist(name: str) -> None:
    known = tomllib.loads(text("pyproject.toml"))["project"]["optional-dependencies"]
    asked = re.findall(r"--extra (\w+)", text(name))
    assert asked and set(asked) <= set(known)
