"""Addresses of sentinels, for the store and for Celery."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobs.queue import broker_url, make_celery
from jobs.settings import JobSettings, SentinelAddress, sentinel_address

FULL = "redis+sentinel://ann:p%2Fw@a:1,[::1]:2,c/nst/3?sentinel_password=s%26t"


def test_an_address_names_sentinels_service_database_and_passwords() -> None:
    assert sentinel_address("redis+sentinel://a/nst") == SentinelAddress(sentinels=(("a", 26379),), service="nst")
    assert sentinel_address(FULL) == SentinelAddress(
        sentinels=(("a", 1), ("::1", 2), ("c", 26379)),
        service="nst",
        database=3,
        username="ann",
        password="p/w",
        sentinel_password="s&t",
    )


def test_an_address_with_tls_is_the_same_but_for_that() -> None:
    address = sentinel_address(FULL)
    assert address is not None
    assert sentinel_address(FULL.replace("redis+", "rediss+")) == replace(address, tls=True)


@pytest.mark.parametrize("rest", ["a:1", "/nst", "a:x/nst", "a:1,/nst", "a/nst/x", "a b/nst", "a/nst#x"])
def test_what_is_no_address_is_refused(rest: str) -> None:
    assert sentinel_address(f"redis+sentinel://{rest}") is None
    with pytest.raises(ValueError, match=r"redis\+sentinel://HOST:PORT"):
        JobSettings(redis_url=f"redis+sentinel://{rest}")


def test_celery_asks_the_same_sentinels() -> None:
    urls = "sentinel://ann:p%2Fw@a:1/3;sentinel://ann:p%2Fw@[::1]:2/3;sentinel://ann:p%2Fw@c:26379/3"
    assert broker_url(FULL) == urls
    options = make_celery(JobSettings(redis_url=FULL)).conf.broker_transport_options
    assert (options["master_name"], options["sentinel_kwargs"]["password"]) == ("nst", "s&t")
