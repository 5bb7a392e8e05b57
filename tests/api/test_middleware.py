"""Request ids, security headers, unexpected errors, and URLs behind a proxy."""

import re

import pytest

from jobs.model import Job
from tests.api.conftest import Api, MakeApi, form

pytestmark = pytest.mark.anyio


async def test_each_response_has_a_request_id_that_the_job_remembers(api: Api) -> None:
    answer = await api.http.post("/v1/jobs", files=form(), headers={"X-Request-ID": "from-the-proxy-1"})
    assert answer.headers["x-request-id"] == "from-the-proxy-1"
    assert answer.json()["request_id"] == "from-the-proxy-1"
    made = await api.http.get("/v1/jobs", headers={"X-Request-ID": "bad id\twith\ttabs"})
    assert re.fullmatch(r"[0-9a-f]{32}", made.headers["x-request-id"])


class BrokenStore:
    async def get(self, job_id: str, owner: str) -> Job:
        raise ZeroDivisionError("/secret/path")

    async def aclose(self) -> None:
        pass


async def test_an_unexpected_error_reveals_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.services, "store", BrokenStore())
    answer = await api.http.get("/v1/jobs/x")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert "Zero" not in answer.text


@pytest.mark.parametrize("query", ["limit=1&limit=2", "status=queued&limit=1&%73tatus=queued", "cursor=&cursor"])
async def test_a_query_that_gives_a_parameter_twice_is_refused(api: Api, query: str) -> None:
    answer = await api.http.get(f"/v1/jobs?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [error["detail"] for error in answer.json()["errors"]] == ["given more than once"]
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


async def test_every_response_has_the_security_headers(api: Api) -> None:
    for path in ("/healthz", "/v1/jobs", "/nope", "/docs"):
        headers = (await api.http.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "server" not in headers


async def test_urls_contain_the_path_under_which_a_proxy_serves_the_api(make_api: MakeApi) -> None:
    api = await make_api(root_path="/nst")
    job = await api.create()
    assert job["urls"]["self"].startswith("/nst/v1/jobs/")
    header = await api.key()
    keyed = await api.create(header)
    url = keyed["urls"]["content"]
    # Not every proxy strips the prefix.
    for asked in (url.removeprefix("/nst"), url):
        assert (await api.http.get(asked)).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
async def test_pages_of_an_allowed_origin_may_send_every_method_and_header_of_the_api(
    make_api: MakeApi, method: str
) -> None:
    api = await make_api(cors_origins=("https://app.example",))
    document = str(api.app.openapi()).lower()
    names = {"range", "if-range", "if-none-match", "idempotency-key", "prefer", "last-event-id"}
    assert all(f"'{name}'" in document for name in names)
    others = {"authorization", "content-type", "x-request-id", "traceparent", "tracestate", "baggage", "cache-control"}
    headers = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": ", ".join(sorted({*names, *others})),
    }
    answer = await api.http.options("/v1/jobs/x/result", headers=headers)
    assert answer.status_code == 200, answer.text
