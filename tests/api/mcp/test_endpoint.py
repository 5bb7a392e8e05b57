"""The tools at /mcp, in one process with the API."""

from __future__ import annotations

import asyncio
import base64
import inspect
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CLIENT_CAPABILITIES_META_KEY, PROTOCOL_VERSION_META_KEY
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from PIL import Image

from api.mcp.endpoint import LARGE, MAX_LARGE_PER_KEY
from api.mcp.tools import PICTURES, make_server
from nst_client import AsyncClient
from tests.api.conftest import Api, MakeApi, picture, until
from tests.nst_engine.film import clips

pytestmark = pytest.mark.anyio
DATA_URI = "data:image/png;base64," + base64.b64encode(picture()).decode()
WAVES = {"content": DATA_URI, "style_name": "waves"}


@asynccontextmanager
async def agent(api: Api, headers: dict[str, str] | None = None) -> AsyncIterator[Client]:
    """Connect the package's own client to the API."""
    transport = httpx2.ASGITransport(app=api.app)
    async with (
        httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as http,
        Client(streamable_http_client("http://127.0.0.1/mcp", http_client=http)) as client,
    ):
        yield client


async def call(client: Client, name: str, **arguments: Any) -> Any:
    answer = await client.call_tool(name, arguments)
    assert not answer.is_error, answer.content
    return answer.content


async def test_the_tools_have_descriptions(api: Api) -> None:
    async with agent(api) as client:
        tools = (await client.list_tools()).tools
    assert {tool.name for tool in tools} == {"list_styles", "list_presets", "stylize", "get_job", "get_result"}
    assert all(tool.description for tool in tools)
    (stylize,) = [tool for tool in tools if tool.name == "stylize"]
    assert stylize.input_schema["required"] == ["content"]
    assert "path" not in stylize.input_schema["properties"]["content"]["description"]


async def test_an_agent_makes_a_picture_with_its_key(api: Api) -> None:
    header = await api.key()
    async with agent(api, header) as client:
        assert any('"waves"' in style.text for style in await call(client, "list_styles"))
        assert any('"default"' in preset.text for preset in await call(client, "list_presets"))
        (job,) = await call(client, "stylize", content=DATA_URI, style_name="waves", parameters={"max_size": 64})
        (listed,) = (await api.http.get("/v1/jobs", headers=header)).json()["jobs"]
        assert listed["id"] in job.text
        await asyncio.to_thread(lambda: api.worker.finish(api.worker.claim()))
        assert "succeeded" in (await call(client, "get_job", job_id=listed["id"]))[0].text
        (result,) = await call(client, "get_result", job_id=listed["id"])
    assert result.mime_type == "image/jpeg"
    assert Image.open(io.BytesIO(base64.b64decode(result.data))).format == "JPEG"


async def test_an_agent_is_told_where_the_film_of_a_job_is(api: Api) -> None:
    clip = clips.video(clips.pictures(2))
    job = await api.create(content=clip)
    await asyncio.to_thread(lambda: api.worker.finish(api.worker.claim(), clip, "video/mp4"))
    async with agent(api) as client:
        (answer,) = await call(client, "get_result", job_id=job["id"])
    assert "a film (video/mp4)" in answer.text
    assert f"/v1/jobs/{job['id']}/result" in answer.text


async def test_an_agent_goes_on_from_an_asset_and_an_earlier_job(api: Api) -> None:
    asset = (await api.http.post("/v1/assets", files={"content": ("x.png", picture())})).json()["asset"]
    earlier = await api.create()
    async with agent(api) as client:
        await call(client, "stylize", content=asset, style=[f"job:{earlier['id']}/content"])
    assert len((await api.http.get("/v1/jobs")).json()["jobs"]) == 2


async def test_a_job_that_does_not_end_in_time_is_returned_as_it_is(api: Api) -> None:
    async with agent(api) as client:
        (job,) = await call(client, "stylize", content=DATA_URI, style_name="waves", wait_seconds=0.1)
    assert "queued" in job.text


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("get_job", {"job_id": "nope"}, "There is no such job"),
        ("stylize", {"content": "/etc/passwd", "style_name": "waves"}, "is no https:// URL, data: URI, asset"),
        ("stylize", {"content": DATA_URI, "style": ["/etc/passwd"]}, "is no https:// URL, data: URI, asset"),
        ("stylize", {**WAVES, "parameters": {"steps": 0}}, "steps"),
        ("stylize", {"content": "http://127.0.0.1:1/x.png", "style_name": "waves"}, "content_url"),
    ],
)
async def test_a_refusal_tells_the_agent_why(api: Api, name: str, arguments: dict[str, Any], reason: str) -> None:
    async with agent(api) as client:
        answer = await client.call_tool(name, arguments)
    assert answer.is_error
    assert reason in answer.content[0].text  # type: ignore[union-attr]
    assert api.stored() == []


async def test_an_agent_elsewhere_cannot_name_files_of_the_service(api: Api) -> None:
    names: tuple[dict[str, Any], ...] = (
        {"masks": ["/etc/passwd"]},
        {"style_masks": ["/etc/passwd"]},
        {"init_image": "/etc/passwd"},
        {"parameters": {"masks": "/etc/passwd"}},
        {"parameters": {"style_masks": ["/etc/passwd"]}},
        {"parameters": {"init_image": "/etc/passwd"}},
        {"parameters": {"content": "/etc/passwd"}},
        {"parameters": {"init_asset": "/etc/passwd"}},
        {"parameters": {"file": "/etc/passwd"}},
    )
    async with agent(api) as client:
        for arguments in names:
            answer = await client.call_tool("stylize", {**WAVES, **arguments})
            assert answer.is_error, arguments
    assert api.stored() == []


async def test_no_parameter_can_name_a_file_that_the_client_reads() -> None:
    arguments = inspect.signature(AsyncClient.submit).parameters.values()
    assert {argument.name for argument in arguments if "Picture" in str(argument.annotation)} <= PICTURES
    assert not PICTURES & {"fps", "quality", "output_format"}  # parameters of the API that the client names, too


async def test_an_agent_on_this_machine_may_name_files(tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(b"the photo")
    (tmp_path / "beginning").write_bytes(b"the beginning")
    bodies = []

    def service(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        return httpx.Response(422)

    def connect(_: object) -> AsyncClient:
        return AsyncClient(transport=httpx.MockTransport(service))

    pictures = {"content": str(tmp_path / "photo"), "init_image": str(tmp_path / "beginning")}
    async with Client(make_server(connect, files=True)) as client:
        await client.call_tool("stylize", {**pictures, "style_name": "waves"})
    (body,) = bodies
    assert b"the photo" in body and b"the beginning" in body


async def test_a_key_is_needed_and_another_keys_job_is_unknown(api: Api) -> None:
    ann, bob = await api.key("ann"), await api.key("bob")
    job = await api.create(ann)
    for wrong in (None, {"Authorization": "Bearer nst_wrong"}):
        answer = await api.http.post("/mcp", json={}, headers=wrong)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    async with agent(api, bob) as client:
        answer = await client.call_tool("get_job", {"job_id": job["id"]})
    assert "There is no such job" in answer.content[0].text  # type: ignore[union-attr]


async def test_a_stream_of_messages_from_the_server_is_refused_because_there_are_none(api: Api) -> None:
    """The protocol lets a server refuse it so; the stream would stay open without an end."""
    for method in ("GET", "HEAD", "DELETE"):
        answer = await api.http.request(method, "/mcp", headers={"Accept": "text/event-stream"})
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST"), method


async def test_a_subscription_whose_stream_would_have_no_end_is_refused(api: Api) -> None:
    method, version = "subscriptions/listen", MODERN_PROTOCOL_VERSIONS[-1]
    meta = {PROTOCOL_VERSION_META_KEY: version, CLIENT_CAPABILITIES_META_KEY: {}}
    params = {"notifications": {"toolsListChanged": True}, "_meta": meta}
    headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": version, "Mcp-Method": method}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    answer = await asyncio.wait_for(api.http.post("/mcp", json=body, headers=headers), timeout=60)
    assert answer.json()["error"]["message"] == "Method not found", answer.text


async def test_a_call_that_arrives_slowly_or_is_too_large_is_refused_and_leaves_nothing(make_api: MakeApi) -> None:
    api = await make_api(upload_idle_seconds=0.05, max_body_bytes=1024)

    async def endless() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    slow = await api.http.post("/mcp", content=endless())
    large = await api.http.post("/mcp", content=b" " * 1025)
    assert (slow.status_code, slow.json()["code"]) == (408, "upload_too_slow")
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
    assert list(api.app.state.services.temporary_files.path.iterdir()) == []


async def test_a_key_has_few_calls_with_large_pictures_in_memory(api: Api) -> None:
    pixels = Image.effect_noise((1200, 1200), 90)
    file = io.BytesIO()
    pixels.save(file, "PNG")
    photo = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    async with agent(api) as client, asyncio.TaskGroup() as calls:
        for _ in range(MAX_LARGE_PER_KEY):
            calls.create_task(call(client, "stylize", content=photo, style_name="waves", wait_seconds=60))
        await until(lambda: len(api.redis.keys("nst:job:*")) == MAX_LARGE_PER_KEY)
        refused = await api.http.post("/mcp", content=b" " * (LARGE + 1))
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_uploads")
        assert await call(client, "list_styles")
        for _ in range(MAX_LARGE_PER_KEY):
            await asyncio.to_thread(lambda: api.worker.finish(api.worker.claim()))
    freed = await api.http.post("/mcp", content=b" " * (LARGE + 1))
    assert freed.status_code != 429


async def test_a_page_of_another_site_is_refused(api: Api) -> None:
    answer = await api.http.post("/mcp", json={}, headers={"Origin": "https://elsewhere.example"})
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_refused")
