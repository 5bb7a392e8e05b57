"""`nst mcp` and /mcp of a real service, with the client of the `mcp` package."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from PIL import Image

from nst_engine.paintings import paint
from tests.stack.service import Service

pytestmark = pytest.mark.acceptance


async def stylize(target: Any, content: str) -> Image.Image:
    """Stylize a picture as an agent does, and return the result."""
    async with Client(target) as client:
        quick = {"max_size": 48, "steps": 3}
        arguments = {"content": content, "style_name": "waves", "parameters": quick, "wait_seconds": 60}
        started = await client.call_tool("stylize", arguments)
        assert not started.is_error, started.content
        job = json.loads(started.content[0].text)  # type: ignore[union-attr]
        while job["status"] in ("queued", "running"):
            answer = await client.call_tool("get_job", {"job_id": job["id"]})
            job = json.loads(answer.content[0].text)  # type: ignore[union-attr]
        assert job["status"] == "succeeded"
        result = await client.call_tool("get_result", {"job_id": job["id"]})
        return Image.open(io.BytesIO(base64.b64decode(result.content[0].data)))  # type: ignore[union-attr]


def test_an_agent_stylizes_a_file_over_stdio(service: Service, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    paint("pointillism", 64).save(photo)
    server = StdioServerParameters(command=sys.executable, args=["-m", "cli", "mcp", "--server", service.url])
    picture = asyncio.run(stylize(stdio_client(server), str(photo)))
    assert (picture.format, picture.size) == ("JPEG", (48, 48))


def test_an_agent_stylizes_a_data_uri_over_http(service: Service) -> None:
    file = io.BytesIO()
    paint("pointillism", 64).save(file, "PNG")
    uri = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    picture = asyncio.run(stylize(f"{service.url}/mcp", uri))
    assert (picture.format, picture.size) == ("JPEG", (48, 48))
