"""A client generated from the OpenAPI document compiles and runs a job."""

import importlib
import io
import json
import py_compile
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.api.conftest import picture
from tests.stack.stack import Stack

pytestmark = pytest.mark.acceptance

# The generator supports only one media type for binary responses.
OVERRIDES = {f"image/{name}": "application/octet-stream" for name in ("png", "jpeg", "webp", "tiff")}


@pytest.fixture(scope="module")
def client(service: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    folder = tmp_path_factory.mktemp("client")
    (folder / "openapi.json").write_bytes(httpx.get(f"{service.url}/openapi.json").content)
    (folder / "config.json").write_text(json.dumps({"content_type_overrides": OVERRIDES, "post_hooks": []}))
    command = [str(Path(sys.executable).with_name("openapi-python-client")), "generate", "--fail-on-warning"]
    command += ["--path", "openapi.json", "--meta", "none", "--config", "config.json", "--output-path", "generated"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("generated")
    finally:
        sys.path.remove(str(folder))


def part(client: ModuleType, name: str) -> Any:
    return importlib.import_module(f"{client.__name__}.{name}")


def test_every_file_of_it_compiles(client: ModuleType) -> None:
    files = sorted(Path(str(client.__file__)).parent.rglob("*.py"))
    assert len(files) > 30
    for file in files:
        py_compile.compile(str(file), doraise=True)


def test_it_runs_a_job(client: ModuleType, service: Stack) -> None:
    models, types = part(client, "models"), part(client, "types")
    caller = client.AuthenticatedClient(base_url=service.url, token=service.create_key()[1], timeout=60)
    files = [types.File(payload=io.BytesIO(picture((48, 32), color))) for color in ((9, 9, 200), (200, 9, 9))]
    form = models.NewJob(content=files[0], style=[files[1]], max_size=48, steps=5, seed=3)
    job = part(client, "api.jobs.create_job").sync(client=caller, body=form, prefer="wait=50")
    assert (job.status, job.params.seed) == (models.Status.SUCCEEDED, 3)
    result = part(client, "api.pictures.get_result").sync(job.id, client=caller, format_=models.GetResultFormat.JPEG)
    assert Image.open(io.BytesIO(result.payload.read())).format == "JPEG"
    listed = part(client, "api.jobs.list_jobs").sync(client=caller)
    assert [found.id for found in listed.jobs] == [job.id]


def test_it_reads_a_refusal(client: ModuleType, service: Stack) -> None:
    caller = client.AuthenticatedClient(base_url=service.url, token=service.create_key()[1])
    problem = part(client, "api.jobs.get_job").sync("nope", client=caller)
    assert (problem.status, problem.code) == (404, "job_unknown")
