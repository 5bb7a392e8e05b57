"""A Redis server for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from cli.local_service.redis_server import RedisFiles, find_redis, is_ready, prepare_folder, redis_command
from tests.stack.process import Process, clean_environment


def redis_process(files: RedisFiles, *options: str) -> Process:
    """Return a server, not yet started, that keeps its data in a folder and listens on a Unix socket there."""
    return Process(
        "redis",
        redis_command(find_redis(), files, options=options),
        environment=clean_environment(),
        log=files.folder / "redis.log",
        is_ready=lambda: is_ready(files),
    )


@contextmanager
def running_redis(folder: Path, *options: str) -> Iterator[RedisFiles]:
    """Run a server until the block ends; the folder's path must be short, because that of a socket must be."""
    files = prepare_folder(folder)
    with redis_process(files, *options) as process:
        process.wait_until_ready()
        yield files


def count_commands(client: redis.Redis) -> int:
    """Return how many commands the server has served, including those in scripts."""
    stats = client.info("commandstats")
    return sum(entry["calls"] for name, entry in stats.items() if name != "cmdstat_info")
