"""Without keys: this machine only, and no other site's page."""

from pathlib import Path

import httpx
import pytest

from api.security.keyless_access import host_name, is_loopback
from jobs.api_keys import KEYS_REQUIRED
from jobs.settings import JobSettings
from tests.api.conftest import Api, MakeApi, form

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "nst.localhost"])
async def test_this_machines_host_names_are_allowed(api: Api, host: str) -> None:
    assert (await api.http.get("/v1/jobs", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "localhost.evil.example",
        "[x",
        "@localhost",
        "a@localhost",
        "localhost..",
        "localhost:",
        "localhost:8000:1",
        ".localhost",
        "a..localhost",
        "localhost/",
        "localhost#",
        "localhost?",
        "127.0.0.1\\@evil.example",
        "[::1]evil",
        "local\thost",
        "127.1",
        "0x7f000001",
        "::1",
        "",
    ],
)
async def test_other_host_names_are_refused(api: Api, host: str) -> None:
    """A page may bind its own name to 127.0.0.1, but its requests name it."""
    answer = await api.http.get("/v1/jobs", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (403, "host_refused")


async def test_two_host_headers_are_refused(api: Api) -> None:
    answer = await api.http.get("/v1/jobs", headers=[("Host", "localhost"), ("Host", "localhost")])
    assert (answer.status_code, answer.json()["code"]) == (403, "host_refused")


async def get_from(api: Api, peer: str, path: str = "/v1/jobs", **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=api.app, client=(peer, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        return await http.get(path, headers=headers)


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/workers", "/metrics"])
async def test_other_machines_are_refused_whatever_host_they_name(api: Api, path: str) -> None:
    answer = await get_from(api, "192.168.1.7", path)
    assert (answer.status_code, answer.json()["code"]) == (403, "peer_refused")
    assert (await get_from(api, "127.0.0.1", path)).status_code == 200


PROXY_HEADERS = """
Forwarded Forwarded-For Via X-Forwarded X-Forwarded-By X-Forwarded-For X-Forwarded-Host X-Forwarded-Port
X-Forwarded-Server X_Forwarded_For X-Original-Forwarded-For X-Original-Host X-Real-IP X-Client-IP Client-IP
True-Client-IP Fly-Client-IP Fastly-Client-IP X-Cluster-Client-IP X-Azure-ClientIP X-Azure-SocketIP
X-AppEngine-User-IP X-ProxyUser-Ip X-Remote-Addr CF-Connecting-IP CF-Connecting-IPv6 CF-Ray Cdn-Loop
X-Envoy-External-Address
"""


async def test_what_a_proxy_on_this_machine_forwards_is_refused(api: Api) -> None:
    for name in PROXY_HEADERS.split():
        answer = await get_from(api, "127.0.0.1", **{name: "127.0.0.1"})
        assert (answer.status_code, answer.json()["code"]) == (403, "peer_refused"), name


async def test_headers_that_only_look_like_those_of_a_proxy_are_allowed(api: Api) -> None:
    for name in ("User-Agent", "X-Request-ID", "Traceparent", "Last-Event-ID", "Viable", "Sec-CH-UA", "X-Ship-To"):
        assert (await get_from(api, "127.0.0.1", **{name: "x"})).status_code == 200, name


async def test_a_service_started_for_other_machines_asks_for_a_key(make_api: MakeApi) -> None:
    api = await make_api(host="0.0.0.0")
    assert (await get_from(api, "127.0.0.1")).status_code == 401


async def test_insecure_no_auth_serves_other_machines(make_api: MakeApi) -> None:
    api = await make_api(host="0.0.0.0", insecure_no_auth=True)
    assert (await get_from(api, "192.168.1.7")).status_code == 200


@pytest.mark.parametrize("insecure", [False, True])
@pytest.mark.parametrize("noticed_by", ["keyless request", "keyed request", "start"])
async def test_a_service_that_had_a_key_stays_closed_when_redis_loses_it(
    make_api: MakeApi, insecure: bool, noticed_by: str
) -> None:
    """In the same process and after a restart."""
    api = await make_api(insecure_no_auth=insecure)
    header = await api.key()
    if noticed_by == "start":
        api = await make_api(insecure_no_auth=insecure)
    else:
        await api.http.get("/v1/jobs", headers=header if noticed_by == "keyed request" else None)
    api.redis.flushall()
    assert (await get_from(api, "127.0.0.1")).status_code == 401
    restarted = await make_api(insecure_no_auth=insecure)
    for path in ("/v1/jobs", "/v1/workers", "/metrics"):
        assert (await get_from(restarted, "127.0.0.1", path)).status_code == 401


async def test_a_restart_opens_the_service_only_after_its_keys_and_the_file_are_gone(
    make_api: MakeApi, job_settings: JobSettings
) -> None:
    file = Path(job_settings.data_dir) / KEYS_REQUIRED
    api = await make_api()
    await api.key()
    (key,) = await api.services.api_keys.list()
    await api.services.api_keys.revoke(key.id)
    assert (await get_from(api, "127.0.0.1")).status_code == 401
    file.unlink()
    assert (await get_from(await make_api(), "127.0.0.1")).status_code == 401
    await api.services.api_keys.forget_revoked()
    assert (await get_from(await make_api(), "127.0.0.1")).status_code == 401
    file.unlink()
    assert (await get_from(api, "127.0.0.1")).status_code == 401
    assert (await get_from(await make_api(), "127.0.0.1")).status_code == 200


async def test_listed_host_names_are_allowed(make_api: MakeApi) -> None:
    api = await make_api(allowed_hosts=("nst.lan",))
    assert (await api.http.get("/v1/jobs", headers={"Host": "nst.lan:8000"})).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "http://localhost"])
async def test_pages_of_other_origins_are_refused(api: Api, origin: str) -> None:
    headers = {"Origin": origin, "Host": "127.0.0.1:8000"}
    answer = await api.http.post("/v1/jobs", files=form(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_refused")
    assert api.stored() == []


async def test_the_services_own_page_is_allowed(api: Api) -> None:
    headers = {"Origin": "http://127.0.0.1:8000", "Host": "127.0.0.1:8000"}
    assert (await api.http.get("/v1/jobs", headers=headers)).status_code == 200


async def test_a_page_at_the_same_address_with_tls_is_allowed_if_it_asks_its_own_origin(api: Api) -> None:
    """A program on this machine may end TLS; without one, the page is another's."""
    page = {"Origin": "https://localhost", "Host": "localhost"}
    for site, status in (("same-origin", 200), ("same-site", 403), ("cross-site", 403)):
        answer = await api.http.get("/v1/jobs", headers={**page, "Sec-Fetch-Site": site})
        assert answer.status_code == status, site
    assert (await api.http.get("/v1/jobs", headers=page)).status_code == 403


async def test_images_in_pages_of_other_sites_are_refused(api: Api) -> None:
    """An <img> sends no Origin, but browsers say where it is from."""
    assert (await api.http.get("/v1/jobs", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert (await api.http.get("/v1/jobs", headers=followed)).status_code == 200


async def test_only_listed_origins_may_read_responses(make_api: MakeApi) -> None:
    closed = await make_api()
    answer = await closed.http.get("/v1/jobs", headers={"Origin": "https://app.example"})
    assert "access-control-allow-origin" not in answer.headers
    listed = await make_api(cors_origins=("https://app.example",))
    answer = await listed.http.get("/v1/jobs", headers={"Origin": "https://app.example"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://app.example")
    other = await listed.http.get("/healthz", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


async def test_a_preflight_lists_the_allowed_headers(make_api: MakeApi) -> None:
    api = await make_api(cors_origins=("https://app.example",))
    headers = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,idempotency-key,prefer",
    }
    answer = await api.http.options("/v1/jobs", headers=headers)
    assert answer.status_code == 200
    assert "Idempotency-Key" in answer.headers["access-control-allow-headers"]


async def test_with_keys_any_host_name_is_allowed(api: Api) -> None:
    header = await api.key()
    assert (await api.http.get("/v1/jobs", headers={**header, "Host": "nst.example"})).status_code == 200


@pytest.mark.parametrize(
    ("host", "name"), [("a.example:80", "a.example"), ("[::1]:80", "::1"), ("LOCALHOST.", "localhost"), ("[", "")]
)
def test_the_name_is_parsed_from_a_host_header(host: str, name: str) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("0.0.0.0", False), ("localhost", True), ("", False)],
)
def test_loopback_addresses_are_recognized(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
