"""`nst workers`: list the running workers."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from cli.redis_client import job_settings, with_redis

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from jobs.model import WorkerInfo


def workers(as_json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """List the running workers: device, networks, speed and current job."""
    from cli.terminal import console, table

    found = with_redis(_live)
    if as_json:
        typer.echo(json.dumps([asdict(worker) for worker in found], indent=2))
    elif not found:
        typer.echo("no workers are running", err=True)
    else:
        columns = ("WORKER", "HOST", "DEVICE", "STATE", "JOB", "MODELS", "ITERATIONS/S", "VERSION")
        console().print(table(columns, [_row(worker) for worker in found]))


async def _live(redis: Redis) -> tuple[WorkerInfo, ...]:
    from jobs.worker_registry import AsyncWorkerRegistry

    return await AsyncWorkerRegistry(redis, job_settings()).live()


def _row(worker: WorkerInfo) -> tuple[str, ...]:
    speed = " ".join(f"{model} {rate:.1f}" for model, rate in worker.speed.items())
    models = " ".join(worker.models)
    return worker.id, worker.host, worker.device, worker.state, worker.job or "", models, speed, worker.version
