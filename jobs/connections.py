"""Connections to Redis, which may follow a failover: timeouts, retries, and the translation of errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.retry import Retry

from jobs.errors import StoreUnavailable
from jobs.settings import JobSettings, SentinelAddress, sentinel_address

RETRIES = 2
CONNECTIONS = 64  # of one API process


def connect(settings: JobSettings, *, decode: bool = True) -> redis.Redis:
    """Make a synchronous client; it connects when first used. Without `decode`, replies are bytes."""
    retry = Retry(ExponentialBackoff(cap=0.5, base=0.05), RETRIES)
    options = {**_options(settings), "decode_responses": decode, "retry": retry}
    client: redis.Redis
    if (address := sentinel_address(settings.redis_url)) is None:
        client = redis.Redis.from_url(settings.redis_url, **options)
    else:
        sentinel = _sentinel(redis.sentinel.Sentinel, settings, address, Retry(NoBackoff(), 1))
        client = sentinel.master_for(address.service, **options, **_primary_options(address))
    return client


def connect_async(settings: JobSettings) -> redis.asyncio.Redis:
    """Make an asynchronous client; it connects when first used.

    A call that finds all connections in use waits for one; redis-py's default pool would fail.
    """
    retry = redis.asyncio.retry.Retry(ExponentialBackoff(cap=0.5, base=0.05), RETRIES)
    limits = {"max_connections": CONNECTIONS, "timeout": 2 * settings.redis_timeout_seconds}
    options = {**_options(settings), **limits, "retry": retry}
    pool: redis.asyncio.ConnectionPool
    if (address := sentinel_address(settings.redis_url)) is None:
        pool = redis.asyncio.BlockingConnectionPool.from_url(settings.redis_url, **options)
    else:
        once = redis.asyncio.retry.Retry(NoBackoff(), 1)
        sentinel = _sentinel(redis.asyncio.sentinel.Sentinel, settings, address, once)
        make: Any = _BlockingSentinelPool
        pool = make(address.service, sentinel, **options, **_primary_options(address))
    client: redis.asyncio.Redis = redis.asyncio.Redis.from_pool(pool)
    return client


class _BlockingSentinelPool(redis.asyncio.sentinel.SentinelConnectionPool, redis.asyncio.BlockingConnectionPool):
    """A pool of connections to the primary, whoever that is, in which a call waits for a free one."""


def refusal(settings: JobSettings) -> str | None:
    """Return why Redis refuses the connection, None if it does not; raise StoreUnavailable if it cannot be reached."""
    with store_errors(), connect(settings) as client:
        try:
            client.ping()
        except (AuthenticationError, ResponseError) as error:
            return f"Redis refuses the user or password of NST_REDIS_URL ({error})"
    return None


def _options(settings: JobSettings) -> dict[str, Any]:
    return {
        "decode_responses": True,
        "protocol": 2,
        "socket_timeout": settings.redis_timeout_seconds,
        "socket_connect_timeout": settings.redis_timeout_seconds,
        "health_check_interval": 15,
    }


def _sentinel(make: Any, settings: JobSettings, address: SentinelAddress, retry: Any) -> Any:
    """Make a client of the sentinels, which asks the next one if one does not answer."""
    options = {**_options(settings), "password": address.sentinel_password, "ssl": address.tls, "retry": retry}
    return make(address.sentinels, sentinel_kwargs=options)


def _primary_options(address: SentinelAddress) -> dict[str, Any]:
    return {
        "db": address.database,
        "username": address.username,
        "password": address.password,
        "ssl": address.tls,
    }


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn every failure of Redis into StoreUnavailable."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreUnavailable(refused=isinstance(error, ResponseError)) from error
