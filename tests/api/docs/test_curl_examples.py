"""The command that the reference shows for each operation works as it stands."""

import shlex
from pathlib import Path
from string import Template
from typing import Any

import httpx
import pytest

from api.docs.curl_examples import SAMPLES
from jobs.model import ResultInfo
from tests.api.conftest import Api, picture

pytestmark = pytest.mark.anyio
KEYLESS = {"get_health", "get_readiness"}


async def run(api: Api, command: str, folder: Path, **variables: str) -> httpx.Response:
    """Do what curl would do with the options that the samples use."""
    words = iter(shlex.split(Template(command).substitute(variables)))
    assert next(words) == "curl"
    method, url, headers, files = "", "", {}, {}
    for word in words:
        if word in ("-sS", "-sSN"):
            continue
        if word == "-o":
            next(words)
        elif word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "-F":
            name, _, value = next(words).partition("=")
            files[name] = (value[1:], (folder / value[1:]).read_bytes()) if value[0] == "@" else (None, value)
        else:
            assert not word.startswith("-"), word
            url = word
    given: dict[str, Any] = {"files": files} if files else {}
    return await api.http.request(method or ("POST" if files else "GET"), url, headers=headers, **given)


async def ended_job(api: Api, header: dict[str, str]) -> str:
    """Make a job that has ended well, with masks and a time-lapse."""
    job = await api.create(header, timelapse="true", mask=picture(), style_mask=picture())
    lease = api.worker.claim()
    film = api.services.blobs.put(f"{job['id']}/timelapse.webp", picture(name="WEBP"), "image/webp")
    blob = api.services.blobs.put(f"{job['id']}/result.png", picture(), "image/png")
    values: dict[str, Any] = {"width": 32, "height": 24, "media_type": "image/png", "timelapse": film}
    lease.complete(ResultInfo(blob=blob.name, bytes=blob.bytes, sha256=blob.sha256, **values))
    return str(job["id"])


async def test_every_operation_has_a_command(api: Api) -> None:
    operations = [item for path in api.app.openapi()["paths"].values() for item in path.values()]
    assert {operation["operationId"] for operation in operations} == set(SAMPLES)


@pytest.mark.parametrize("name", SAMPLES)
async def test_the_command_works(api: Api, tmp_path: Path, name: str) -> None:
    (tmp_path / "photo.jpg").write_bytes(picture(name="JPEG"))
    header = await api.key(operator=True)
    job = str((await api.create(header))["id"]) if name == "cancel_job" else await ended_job(api, header)
    asset = (await api.http.post("/v1/assets", files={"content": picture()}, headers=header)).json()["asset"]
    key = "" if name in KEYLESS else header["Authorization"].removeprefix("Bearer ")
    answer = await run(api, SAMPLES[name], tmp_path, NST="http://127.0.0.1", NST_KEY=key, JOB=job, ASSET=asset)
    assert answer.status_code in (200, 201, 202, 204), answer.text
