"""Serving the web page."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.web_page import mount_page

pytestmark = pytest.mark.anyio


async def test_the_page_is_served_under_a_strict_policy(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html><title>t</title>")
    app = FastAPI()
    mount_page(app, tmp_path)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x") as http:
        answer = await http.get("/")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
