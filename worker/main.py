"""The composition root of a worker: `python -m worker.main`."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from celery.exceptions import SecurityWarning

from jobs.connections import connect, refusal
from jobs.device_slots import DeviceSlots
from jobs.errors import JobsError, StorageFull, StorageMisconfigured, StoreUnavailable
from jobs.logs import configure_logging
from jobs.model import WorkerInfo
from jobs.queue import CeleryQueue, make_celery, queue_name
from jobs.settings import JobSettings
from jobs.storage.factory import open_blobs
from jobs.store.lease import WorkerStore
from jobs.store.reaper import Reaper
from jobs.webhooks.delivery import WebhookSettings, webhook_tasks
from jobs.worker_registry import WorkerRegistry
from nst_engine.machine.allocator import prepare_to_compute
from nst_engine.spec.errors import WeightsError
from nst_engine.spec.layers import NETWORKS
from nst_engine.version import __version__
from worker.apart import apart
from worker.attempt import WorkerContext
from worker.celery_task import Process, attach
from worker.devices.device_lease import DeviceLease, ending_on_sigterm, wait_for_device
from worker.devices.discovery import Device, DeviceError, find_devices
from worker.engine import Engine
from worker.maintenance import Maintenance, PeriodicTask
from worker.process_control import DrainFlag
from worker.registration import Registration
from worker.runner import Runner
from worker.settings import WorkerSettings

ANNOUNCE_SECONDS = 2.0
GONE_AFTER_SECONDS = 10.0
LOST_CHILD_SECONDS = 0.5  # Celery waits so long for the answer of a child that died; ours send none
EXIT_WRONG_SETTING = 2  # it would end so again: `nst up` does not start it again
EXIT_ABORTED = 70


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which networks a worker serves, where it may compute, and how a child builds its engine for a device."""

    models: tuple[str, ...]
    devices: tuple[Device, ...]
    make_engine: Callable[[str], Engine]


def torch_plan(settings: WorkerSettings) -> Plan:
    """Plan for the real engine; torch is imported before the fork, for a fast start, but no device is touched."""
    prepare_to_compute()
    from worker.torch_engine import TorchEngine, installed_models

    try:
        installed = installed_models(settings.weights_dir)
        devices = find_devices(settings.device)
    except WeightsError as error:
        raise _refused(error.message) from None
    except DeviceError as error:
        raise _refused(str(error)) from None
    models = settings.models or installed
    if unknown := sorted(set(models) - set(NETWORKS)):
        raise _refused(f"NST_MODELS: no network is called {unknown[0]}; there are {', '.join(NETWORKS)}")
    if missing := sorted(set(models) - set(installed)):
        raise _refused(f"no weights for {', '.join(missing)}: get them with `nst weights pull {missing[0]}`")
    if not models:
        raise _refused("no weights of any network here: get some with `nst weights pull`")

    def make_engine(device: str) -> Engine:
        return TorchEngine(device, weights_dir=settings.weights_dir, models=models, threads=settings.worker_threads)

    return Plan(models=models, devices=devices, make_engine=make_engine)


def run(jobs: JobSettings, settings: WorkerSettings, make_plan: Callable[[WorkerSettings], Plan] = torch_plan) -> None:
    """Run a worker until it is told to end."""
    configure_logging(settings.log_level)
    if trouble := apart(_storage_trouble, jobs):
        raise _refused(*trouble)
    _check_password(jobs)
    # Celery warns of root because of pickle; the messages here are JSON.
    warnings.simplefilter("ignore", SecurityWarning)
    plan, flag = make_plan(settings), DrainFlag()
    worker_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    seat = _seat(jobs, settings, plan, worker_id)
    keeper = Maintenance(partial(_chores, jobs))
    try:
        keeper.start()
        seat.keep(seconds=jobs.lease_seconds / 3, on_lost=partial(os.kill, os.getpid(), signal.SIGTERM))
        code = _serve(jobs, settings, plan, flag, worker_id, seat.device)
    finally:
        keeper.stop()
        seat.leave()
    raise SystemExit(EXIT_ABORTED if seat.lost else code)


def _serve(
    jobs: JobSettings, settings: WorkerSettings, plan: Plan, flag: DrainFlag, worker_id: str, device: Device
) -> int:
    """Take jobs until told to end, and return the exit code."""
    app = make_celery(jobs)
    app.conf.worker_consumer = "worker.consumer:QuickConsumer"
    app.conf.worker_lost_wait = LOST_CHILD_SECONDS
    build = partial(build_runner, jobs, settings, plan, flag, worker_id, device)
    kept = attach(app, Process(build, flag, settings.worker_nice), flag)
    worker = app.Worker(
        hostname=worker_id,
        queues=[queue_name(model, priority) for model in plan.models for priority in settings.priorities],
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
    code: int | None = worker.exitcode
    return code or 0


def _seat(jobs: JobSettings, settings: WorkerSettings, plan: Plan, worker_id: str) -> DeviceLease:
    """Take a device, or end the process if none falls free in time."""
    slots = DeviceSlots(connect(jobs), jobs, worker=worker_id)
    patience = settings.device_wait_seconds
    try:
        with ending_on_sigterm():
            return wait_for_device(plan.devices, slots, per_device=settings.per_device, patience=patience)
    except DeviceError as error:
        raise _refused(str(error), code=1) from None


def _refused(reason: str, code: int = EXIT_WRONG_SETTING) -> SystemExit:
    """Say on stderr why this worker cannot run, and return the end of the process."""
    sys.stderr.write(f"nst worker: {reason}\n")
    return SystemExit(code)


def _storage_trouble(jobs: JobSettings) -> tuple[str, int] | None:
    """Say what is wrong with the storage, and how to end; one that is full is well: the runner waits for room."""
    try:
        open_blobs(jobs).check()
    except StorageFull:
        return None
    except StorageMisconfigured as error:
        return str(error), EXIT_WRONG_SETTING
    except JobsError as error:
        return str(error), 1
    return None


def _chores(jobs: JobSettings) -> Sequence[PeriodicTask]:
    """Build what the keeper does, with connections of its own."""
    reaper = Reaper(connect(jobs), blobs=open_blobs(jobs), queue=CeleryQueue(make_celery(jobs)), settings=jobs)
    return [reaper.run, *webhook_tasks(connect(jobs), jobs, WebhookSettings())]


def _check_password(jobs: JobSettings) -> None:
    """End the process if Redis is there and refuses us; one that is not there yet may come."""
    try:
        reason = refusal(jobs)
    except StoreUnavailable:
        logging.getLogger(__name__).warning("Redis does not answer yet (NST_REDIS_URL)")
        return
    if reason is not None:
        raise _refused(reason)


def build_runner(
    jobs: JobSettings, settings: WorkerSettings, plan: Plan, flag: DrainFlag, worker_id: str, device: Device
) -> tuple[Runner, Registration]:
    """Build what a child process works with; every connection is its own."""
    engine, redis = plan.make_engine(device.name), connect(jobs)
    info = WorkerInfo(
        id=worker_id,
        host=socket.gethostname(),
        device=engine.device,
        models=plan.models,
        priorities=settings.priorities,
        version=__version__,
        started_at=time.time(),
    )
    presence = Registration(WorkerRegistry(redis, ttl_seconds=GONE_AFTER_SECONDS), info, seconds=ANNOUNCE_SECONDS)
    around = WorkerContext(
        store=WorkerStore(redis, jobs),
        blobs=open_blobs(jobs),
        queue=CeleryQueue(make_celery(jobs)),
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
