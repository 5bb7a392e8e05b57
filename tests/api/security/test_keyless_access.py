"""Without keys: this machine only, and no other site's page."""

import pytest

from api.security.keyless_access import host_name, is_loopback
from tests.api.conftest import Api, MakeApi, form

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "nst.localhost"])
async def test_this_machines_host_names_are_allowed(api: Api, host: str) -> None:
    assert (await api.http.get("/v1/jobs", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil.example", "[x"])
async def test_other_host_names_are_refused(api: Api, host: str) -> None:
    """A page may bind its own name to 127.0.0.1, but its requests name it."""
    answer = await api.http.get("/v1/jobs", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (403, "host_refused")


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
