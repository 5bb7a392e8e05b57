"""The reference at /docs."""

import pytest

from tests.api.conftest import Api

pytestmark = pytest.mark.anyio


async def test_the_reference_lists_every_operation_and_loads_nothing_from_elsewhere(api: Api) -> None:
    answer = await api.http.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    for item in api.app.openapi()["paths"].values():
        for operation in item.values():
            assert f"id={operation['operationId']}" in answer.text
    assert "http://" not in answer.text
    assert "https://" not in answer.text.replace("https:// URL", "").replace("https://host", "")
    assert all(f"<code>{variable}</code>" in answer.text for variable in ("$NST", "$NST_KEY", "$JOB", "$ASSET"))
    assert "<script" not in answer.text
    assert (await api.http.get("/docs.css")).headers["content-type"].startswith("text/css")
