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


def no_redis(settings: JobSettings) -> str:
    """Say where no Redis responds, and what to do."""
    from cli.settings import without_secrets

    if "NST_REDIS_URL" in os.environ:
        return f"Redis does not respond at {without_secrets(settings.redis_url)}: start it, or correct NST_REDIS_URL"
    return (
        f"Redis does not respond: no `nst up` runs in the data folder {settings.data_dir.absolute()}; start it, or set "
        "NST_DATA_DIR to the folder of a running one (its --data-dir), or NST_REDIS_URL"
    )


def with_redis(operation: Callable[[Redis], Awaitable[Result]]) -> Result:
    """Run an operation on the service's Redis; raises CommandError if Redis does not respond."""
    return asyncio.run(_with_redis(operation))


async def _with_redis(operation: Callable[[Redis], Awaitable[Result]]) -> Result:
    from jobs.connections import connect_async
    from jobs.errors import JobsError, StoreUnavailable

    settings = job_settings()
    redis = connect_async(settings)
    try:
        return await operation(redis)
    except StoreUnavailable:
        raise CommandError(no_redis(settings)) from None
    except JobsError as error:
        raise CommandError(str(error)) from None
    finally:
        await redis.aclose()
