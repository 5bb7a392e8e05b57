"""The URLs that webhooks may reach."""

from collections.abc import Collection

import pytest

from jobs.webhooks.url_guard import AddressRefusedError, AddressUnknownError, check_url, destination, is_public

PUBLIC = "93.184.216.34"


def resolver(*addresses: str):  # type: ignore[no-untyped-def]
    def resolve(host: str, port: int) -> Collection[str]:
        return addresses

    return resolve


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "ftp://example.com/",
        "https://",
        "https:///path",
        "example.com/hook",
        "https://user:pw@example.com/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://exa mple.com/",
        "https://example.com\\@127.0.0.1/",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://nst.localhost/",
        "https://printer.local/",
        "https://metadata.google.internal/",
        "https://intranet/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://0/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://100.64.0.1/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:8.8.8.8]/",
        "https://[::127.0.0.1]/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://[ff02::1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[2001:0:7f00:1::]/",
        "https://[::1",
        "https://[fec0::1]/",
        "https://[3fff::1]/",
        "https://[2001:db8::1]/",
        "https://[5f00::1]/",
        "https://[100::1]/",
        "https://168.63.129.16/",
        "https://192.88.99.1/",
        "https://192.0.0.9/",
        "https://api.default.svc/",
        "https://api.default.SVC./",
        "https://api.default.svc.cluster.local/",
        "https://vault.service.consul/",
        "https://host.docker.internal/",
        "https://router.home.arpa/",
        "https://box.localdomain/",
    ],
)
def test_refuses_without_asking_anyone(url: str) -> None:
    with pytest.raises(AddressRefusedError):
        check_url(url)


@pytest.mark.parametrize("url", ["https://example.com/hook?a=1", "https://example.com:8443/", f"https://{PUBLIC}/"])
def test_takes_public_addresses(url: str) -> None:
    assert destination(url, resolver=resolver(PUBLIC)).address == PUBLIC


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "168.63.129.16", "fec0::1", "::1", "::ffff:10.0.0.1", "fe80::1%eth0"],
)
def test_refuses_a_public_name_of_a_private_address(address: str) -> None:
    with pytest.raises(AddressRefusedError):
        destination("https://rebind.example.com/", resolver=resolver(address))


def test_refuses_a_name_with_one_private_address_among_public_ones() -> None:
    with pytest.raises(AddressRefusedError):
        destination("https://example.com/", resolver=resolver(PUBLIC, "10.0.0.1"))


def test_a_name_is_resolved_once_and_that_address_is_used() -> None:
    """A name that is public when it is checked and private when it is used gains nothing."""
    answers = iter([(PUBLIC,), ("127.0.0.1",)])
    place = destination("https://rebind.example.com/", resolver=lambda host, port: next(answers))
    assert (place.address, place.host) == (PUBLIC, "rebind.example.com")
    assert next(answers) == ("127.0.0.1",)


def test_a_name_without_an_address_may_have_one_later() -> None:
    with pytest.raises(AddressUnknownError):
        destination("https://example.com/", resolver=resolver())


def test_listed_hosts_may_be_private_and_without_tls() -> None:
    place = destination("http://127.0.0.1:9000/hook", allowed_hosts=("127.0.0.1:9000",), resolver=resolver("127.0.0.1"))
    assert (place.scheme, place.port, place.target) == ("http", 9000, "/hook")
    with pytest.raises(AddressRefusedError):
        destination("http://127.0.0.1:9001/", allowed_hosts=("127.0.0.1:9000",), resolver=resolver("127.0.0.1"))


def test_public_means_public() -> None:
    import ipaddress

    assert is_public(ipaddress.ip_address("2606:4700::1111"))
    assert not is_public(ipaddress.ip_address("192.0.0.1"))
