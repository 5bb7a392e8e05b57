"""Access to the Redis of the running service, for the operators' commands."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from cli.errors import CommandError

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from jobs.settings import JobSettings

Result = TypeVar("Result")


def job_settings() -> JobSettings:
    """Read the settings; without NST_REDIS_URL, use the Redis that `nst up` runs in the data folder, if it is there."""
    from cli.local_service.redis_server import RedisFiles
    from cli.settings import load_settings
    from jobs.settings import JobSettings

    settings = load_settings(JobSettings)
    embedded = RedisFiles(folder=settings.data_dir.absolute() / "redis")
    if "NST_REDIS_URL" in os.environ or not embedded.socket.exists():
        return settings
    return settings.model_copy(update={"redis_url": embedded.url})


def with_redis(operation: Callable[[Redis], Awaitable[Result]]) -> Result:
    """Run an operation on the service's Redis; raises CommandError if Redis does not respond."""
    return asyncio.run(_with_redis(operation))


async def _with_redis(operation: Callable[[Redis], Awaitable[Result]]) -> Result:
    from jobs.connections import connect_async
    from jobs.errors import JobsError, StoreUnavailable

    redis = connect_async(job_settings())
    try:
        return await operation(redis)
    except StoreUnavailable:
        raise CommandError("Redis does not respond: start `nst up`, or set NST_REDIS_URL") from None
    except JobsError as error:
        raise CommandError(str(error)) from None
    finally:
        await redis.aclose()
