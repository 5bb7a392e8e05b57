"""The running service's Redis, as the operators' commands reach it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from cli.errors import CommandError

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from jobs.settings import JobSettings

Answer = TypeVar("Answer")


def job_settings() -> JobSettings:
    """Read the settings; without NST_REDIS_URL the Redis is that of an `nst up` in the data folder, if one runs."""
    from cli.local_service.redis_server import RedisFiles
    from jobs.settings import JobSettings

    settings = JobSettings()
    embedded = RedisFiles(folder=settings.data_dir.absolute() / "redis")
    if "NST_REDIS_URL" in os.environ or not embedded.socket.exists():
        return settings
    return settings.model_copy(update={"redis_url": embedded.url})


def asked(question: Callable[[Redis], Awaitable[Answer]]) -> Answer:
    """Ask the service's Redis something; raises CommandError if it does not answer."""
    return asyncio.run(_asked(question))


async def _asked(question: Callable[[Redis], Awaitable[Answer]]) -> Answer:
    from jobs.connections import connect_async
    from jobs.errors import JobsError, StoreUnavailable

    redis = connect_async(job_settings())
    try:
        return await question(redis)
    except StoreUnavailable:
        raise CommandError("Redis does not answer: start `nst up`, or set NST_REDIS_URL") from None
    except JobsError as error:
        raise CommandError(str(error)) from None
    finally:
        await redis.aclose()
