"""The URLs of clients that the service may call."""

from collections.abc import Collection

import pytest

from jobs.outbound.url_guard import AddressRefusedError, AddressUnknownError, check_url, destination, is_public
from tests.jobs.outbound.hostile_urls import NOT_CALLED

PUBLIC = "93.184.216.34"


def resolver(*addresses: str):  # type: ignore[no-untyped-def]
    def resolve(host: str, port: int) -> Collection[str]:
        return addresses

    return resolve


@pytest.mark.parametrize("url", NOT_CALLED)
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
