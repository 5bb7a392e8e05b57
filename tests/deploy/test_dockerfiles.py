"""The Dockerfiles match each other; `make images-test` builds and runs them."""

import re
import tomllib

import pytest

from tests.deploy.files import ROOT, no_settings

FILES = ("Dockerfile.api", "Dockerfile.worker")
LOCKED = tomllib.loads((ROOT / "uv.lock").read_text())["package"]


def text(name: str) -> str:
    return (ROOT / name).read_text()


def copied(name: str) -> set[str]:
    """Return the folders of the repository that the last stage copies."""
    return set(re.findall(r"^COPY (\w+) \w+$", text(name).split("FROM ${BASE}")[-1], re.MULTILINE))


@pytest.mark.parametrize("name", FILES)
def test_the_base_is_pinned_and_can_be_replaced(name: str) -> None:
    assert re.search(r"^ARG BASE=python:3\.11\.\d+-slim-bookworm@sha256:[0-9a-f]{64}$", text(name), re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+)", text(name), re.MULTILINE)) == {"${BASE}"}


@pytest.mark.parametrize("name", FILES)
def test_every_variable_is_a_setting(name: str) -> None:
    assert no_settings(set(re.findall(r"\b(NST_\w+)=", text(name)))) == set()


def test_both_images_use_the_same_base_and_uv() -> None:
    for line in (r"ARG BASE=.*", r"RUN .*\n.*pip install .*"):
        assert len({found[0] for name in FILES if (found := re.search(line, text(name)))}) == 1


@pytest.mark.parametrize("name", FILES)
def test_uv_is_installed_with_its_hashes(name: str) -> None:
    assert re.search(r"pip install .*--require-hashes --requirement deploy/requirements/uv\.txt$", text(name), re.M)


def test_the_hashes_of_uv_are_those_of_the_lock() -> None:
    (uv,) = (found for found in LOCKED if found["name"] == "uv")
    name, *hashes = (line.strip(" \\") for line in text("deploy/requirements/uv.txt").splitlines())
    assert name == f"uv=={uv['version']}"
    assert set(hashes) == {f"--hash={file['hash']}" for file in (uv["sdist"], *uv["wheels"])}


def test_torch_for_the_cpu_has_the_version_of_the_lock() -> None:
    locked = {f"{p['name']}=={p['version']}+cpu" for p in LOCKED if p["name"] in ("torch", "torchvision")}
    assert set(re.findall(r"^[a-z]\S+", text("deploy/requirements/torch-cpu.txt"), re.MULTILINE)) == locked


def test_nothing_is_installed_from_two_indexes_at_once() -> None:
    """A package of the same name in the other index would be taken."""
    assert not re.search(r"--index[ =]|--extra-index-url|unsafe", text("Dockerfile.worker"))


def test_the_cpu_build_asks_for_hashes() -> None:
    """All but PyTorch's own wheels come from the lock; those have hashes once `make requirements` has written them."""
    steps = [line for line in text("Dockerfile.worker").split("&&") if "uv pip install" in line]
    assert len(steps) == 2 and "--require-hashes" in steps[0] and '"$@"' in steps[1]
    assert "then set -- --require-hashes;" in text("Dockerfile.worker")


def test_the_cpu_build_leaves_out_the_libraries_of_cuda() -> None:
    (pattern,) = re.findall(r"kept = !/(.*?)/", text("Dockerfile.worker"))
    names = {package["name"] for package in LOCKED}
    left_out = {name for name in names if re.match(pattern, name)}
    assert {"torch", "torchvision", "triton"} < left_out
    assert all(name.startswith(("torch", "triton", "nvidia-", "cuda-")) for name in left_out)
    assert not {name for name in names - left_out if "nvidia" in name or "cuda" in name}


def test_each_image_holds_only_its_packages() -> None:
    assert copied("Dockerfile.api") == {"nst_engine", "nst_client", "jobs", "api", "cli"}
    assert copied("Dockerfile.worker") == {"nst_engine", "jobs", "worker", "cli"}


def test_dockerignore_admits_what_is_copied() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert allowed == copied("Dockerfile.api") | copied("Dockerfile.worker") | {
        "pyproject.toml",
        "uv.lock",
        "deploy/requirements",
    }


@pytest.mark.parametrize("name", FILES)
def test_installed_extras_exist(name: str) -> None:
    known = tomllib.loads(text("pyproject.toml"))["project"]["optional-dependencies"]
    asked = re.findall(r"--extra (\w+)", text(name))
    assert asked and set(asked) <= set(known)
