"""The composition root of a worker: `python -m worker.main`."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from celery.exceptions import SecurityWarning
from redis.exceptions import AuthenticationError, RedisError, ResponseError

import nst_engine
from jobs.broker import CeleryPermits, make_celery
from jobs.connections import connect
from jobs.errors import JobsError, StorageFull
from jobs.lease import WorkerStore
from jobs.model import WorkerInfo
from jobs.permits import queue_name
from jobs.reaper import Reaper
from jobs.settings import JobSettings
from jobs.storage import open_blobs
from jobs.webhooks import WebhookSettings, webhook_chores
from jobs.workers import Roster
from worker.devices import DeviceError, check_device, choose_device
from worker.drain import DrainFlag
from worker.engine import Engine
from worker.keeper import Keeper
from worker.logs import set_up_logs
from worker.presence import Presence
from worker.run import Surroundings
from worker.runner import Runner
from worker.settings import WorkerSettings
from worker.task import Process, attach

ANNOUNCE_SECONDS = 2.0
GONE_AFTER_SECONDS = 10.0
EXIT_ABORTED = 70


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which networks a worker serves, and how a child builds its engine."""

    models: tuple[str, ...]
    make_engine: Callable[[], Engine]


def torch_plan(settings: WorkerSettings) -> Plan:
    """Plan for the real engine; torch is imported before the fork, for a fast start, but no device is touched."""
    # Threads that spin while they wait take the cores from everything else: ten times slower on a busy machine.
    # Read when torch is loaded, so it cannot be a setting of torch.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from worker.torch_engine import TorchEngine, installed_models

    installed = installed_models(settings.weights_dir)
    missing = sorted(set(settings.models) - set(installed))
    if missing:
        raise SystemExit(
            f"nst worker: no weights for {', '.join(missing)}: get them with `nst weights pull {missing[0]}`"
        )
    try:
        check_device(settings.device)
    except DeviceError as error:
        raise SystemExit(f"nst worker: {error}") from None
    models = settings.models or installed
    if not models:
        raise SystemExit("nst worker: no weights of any network here: get some with `nst weights pull`")

    def make_engine() -> Engine:
        device = choose_device(settings.device)
        return TorchEngine(device, weights_dir=settings.weights_dir, models=models, threads=settings.worker_threads)

    return Plan(models=models, make_engine=make_engine)


def run(jobs: JobSettings, settings: WorkerSettings, make_plan: Callable[[WorkerSettings], Plan] = torch_plan) -> None:
    """Run a worker until it is told to end."""
    set_up_logs(settings.log_level)
    try:
        blobs = open_blobs(jobs)
        with suppress(StorageFull):  # that passes; the runner waits for it
            blobs.check()
    except JobsError as error:
        raise SystemExit(f"nst worker: {error}") from None
    _check_password(jobs)
    # Celery warns of root because of pickle; the messages here are JSON.
    warnings.simplefilter("ignore", SecurityWarning)
    plan, flag = make_plan(settings), DrainFlag()
    app = make_celery(jobs)
    app.conf.worker_consumer = "worker.consumer:QuickConsumer"
    worker_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    process = Process(partial(build_runner, jobs, settings, plan, flag, worker_id), flag, settings.worker_nice)
    reaper = Reaper(connect(jobs), blobs=blobs, permits=CeleryPermits(make_celery(jobs)), settings=jobs)
    keeper = Keeper([reaper.run, *webhook_chores(connect(jobs), jobs, WebhookSettings())])
    kept = attach(app, process, keeper, flag)
    queues = [queue_name(model, priority) for model in plan.models for priority in settings.priorities]
    worker = app.Worker(
        hostname=worker_id,
        queues=queues,
        pool="prefork",
        concurrency=1,
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    worker.start()
    del kept
    raise SystemExit(worker.exitcode)


def _check_password(jobs: JobSettings) -> None:
    """End the process if Redis is there and refuses us; one that is not there yet may come."""
    redis = connect(jobs)
    try:
        redis.ping()
    except (AuthenticationError, ResponseError) as error:
        raise SystemExit(f"nst worker: Redis refuses the user or password of NST_REDIS_URL ({error})") from None
    except (RedisError, OSError):
        logging.getLogger(__name__).warning("Redis does not answer yet (NST_REDIS_URL)")
    finally:
        redis.close()


def build_runner(
    jobs: JobSettings, settings: WorkerSettings, plan: Plan, flag: DrainFlag, worker_id: str
) -> tuple[Runner, Presence]:
    """Build what a child process works with; every connection is its own."""
    engine, redis = plan.make_engine(), connect(jobs)
    info = WorkerInfo(
        id=worker_id,
        host=socket.gethostname(),
        device=engine.device,
        models=plan.models,
        priorities=settings.priorities,
        version=nst_engine.__version__,
        started_at=time.time(),
    )
    presence = Presence(Roster(redis, ttl_seconds=GONE_AFTER_SECONDS), info, seconds=ANNOUNCE_SECONDS)
    around = Surroundings(
        store=WorkerStore(redis, jobs),
        blobs=open_blobs(jobs),
        permits=CeleryPermits(make_celery(jobs)),
        engine=engine,
        presence=presence,
        draining=flag,
        abort=partial(os._exit, EXIT_ABORTED),
        jobs=jobs,
        settings=settings,
    )
    return Runner(around), presence


if __name__ == "__main__":
    run(JobSettings(), WorkerSettings())
