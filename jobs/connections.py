"""Connections to Redis: timeouts, retries, and the translation of errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
import redis.asyncio
from redis.backoff import ExponentialBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.retry import Retry

from jobs.errors import StoreUnavailable
from jobs.settings import JobSettings

RETRIES = 2
CONNECTIONS = 64  # of one API process


def connect(settings: JobSettings) -> redis.Redis:
    """Make a synchronous client; it connects when first used."""
    retry = Retry(ExponentialBackoff(cap=0.5, base=0.05), RETRIES)
    client: redis.Redis = redis.Redis.from_url(settings.redis_url, retry=retry, **_options(settings))
    return client


def connect_async(settings: JobSettings) -> redis.asyncio.Redis:
    """Make an asynchronous client; it connects when first used.

    A call that finds all connections in use waits for one; redis-py's default pool would fail.
    """
    retry = redis.asyncio.retry.Retry(ExponentialBackoff(cap=0.5, base=0.05), RETRIES)
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        settings.redis_url,
        max_connections=CONNECTIONS,
        timeout=2 * settings.redis_timeout_seconds,
        retry=retry,
        **_options(settings),
    )
    client: redis.asyncio.Redis = redis.asyncio.Redis.from_pool(pool)
    return client


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


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn every failure of Redis into StoreUnavailable."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreUnavailable() from error
