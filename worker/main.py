"""The composition root of a worker: `python -m worker.main`."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from pydantic import ValidationError

from jobs.connections import connect, refusal
from jobs.device_slots import DeviceSlots
from jobs.errors import JobsError, StorageFull, StorageMisconfigured, StoreUnavailable
from jobs.logs import configure_logging
from jobs.model import WorkerInfo
from jobs.queue import CeleryQueue, make_celery, queue_name
from jobs.settings import JobSettings, settings_problem
from jobs.storage.factory import open_blobs
from jobs.store.lease import WorkerStore
from jobs.store.reaper import Reaper
from jobs.tracing import configure_tracing
from jobs.webhooks.delivery import Webhooks, WebhookSettings
from jobs.webhooks.outbox import Outbox
from jobs.worker_registry import WorkerRegistry
from nst_engine.machine.allocator import configure_cpu_runtime
from nst_engine.machine.devices import select_devices
from nst_engine.spec.errors import DeviceError
from nst_engine.version import __version__
from worker.celery_task import WorkerProcess, serve
from worker.context import WorkerContext
from worker.device_lease import DeviceLease, DeviceTakenError, wait_for_device
from worker.engine import EngineFactory, WorkerSetupError
from worker.films.run import film_folders
from worker.maintenance import Maintenance, PeriodicTask
from worker.process_control import DrainFlag, call_in_fork, exit_on_sigterm
from worker.registration import Registration
from worker.runner import Runner
from worker.settings import WorkerSettings

log = logging.getLogger(__name__)
ANNOUNCE_SECONDS = 5.0
FOLDER_SECONDS = 60.0  # between two checks for what killed workers left behind
WEBHOOK_SECONDS = 2.0  # between two checks for webhooks that are due
EXIT_WRONG_SETTING = 2  # `nst up` does not restart a worker that exits with this code
EXIT_ABORTED = 70

MakeEngines = Callable[[WorkerSettings], EngineFactory]


def load_torch_engines(settings: WorkerSettings) -> EngineFactory:
    """Load torch before the fork, so that child processes start fast, and set the process up for it first."""
    configure_cpu_runtime()
    from worker.torch_engine import torch_engines

    return torch_engines(settings)


def run(jobs: JobSettings, settings: WorkerSettings, make_engines: MakeEngines = load_torch_engines) -> None:
    """Run a worker until it is told to stop, and end the process."""
    configure_logging(settings.log_level)
    if refused := call_in_fork(_check_storage, jobs):
        raise _exit(*refused)
    _check_redis(jobs)
    try:
        engines = make_engines(settings)
    except WorkerSetupError as error:
        raise _exit(str(error)) from None
    worker_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    lease = _lease_device(jobs, settings, engines, worker_id)
    maintenance, flag = Maintenance(partial(_periodic_tasks, jobs, WebhookSettings())), DrainFlag()
    build = partial(_build_runner, jobs, settings, engines, flag=flag, worker_id=worker_id, device=lease.device.name)
    process = WorkerProcess(build, flag, nice=settings.worker_nice)
    queues = [queue_name(model, priority) for model in engines.models for priority in settings.priorities]
    try:
        maintenance.start()
        lease.keep(seconds=jobs.lease_seconds / 3, on_lost=partial(os.kill, os.getpid(), signal.SIGTERM))
        code = serve(make_celery(jobs), process, flag, name=worker_id, queues=queues)
    finally:
        maintenance.stop()
        lease.release()
    raise SystemExit(EXIT_ABORTED if lease.lost or flag.aborted else code)


def _build_runner(
    jobs: JobSettings,
    settings: WorkerSettings,
    engines: EngineFactory,
    *,
    flag: DrainFlag,
    worker_id: str,
    device: str,
) -> tuple[Runner, Registration]:
    """Build what the child process works with, on connections of its own."""
    configure_tracing("worker")
    redis = connect(jobs)
    info = WorkerInfo(
        id=worker_id,
        host=socket.gethostname(),
        device=device,
        models=engines.models,
        priorities=settings.priorities,
        version=__version__,
        started_at=time.time(),
    )
    registration = Registration(WorkerRegistry(redis, jobs), info, seconds=ANNOUNCE_SECONDS)
    context = WorkerContext(
        store=WorkerStore(redis, jobs),
        blobs=open_blobs(jobs),
        queue=CeleryQueue(make_celery(jobs)),
        engine=engines.make(device),
        registration=registration,
        draining=flag,
        abort=partial(os._exit, EXIT_ABORTED),
        jobs=jobs,
        settings=settings,
    )
    return Runner(context), registration


def _periodic_tasks(jobs: JobSettings, webhooks: WebhookSettings) -> Sequence[PeriodicTask]:
    """Build the tasks of the maintenance process, on connections of its own."""
    configure_tracing("worker")
    redis = connect(jobs)
    blobs = open_blobs(jobs)
    reaper = Reaper(redis, blobs=blobs, queue=CeleryQueue(make_celery(jobs)), settings=jobs)
    deliveries = Webhooks(redis, Outbox(redis, jobs), webhooks, blobs=blobs)
    return [
        PeriodicTask(reaper.round, name="the reaper", seconds=jobs.reaper_seconds / 2),
        PeriodicTask(film_folders(jobs).sweep, name="the removal of old folders", seconds=FOLDER_SECONDS),
        PeriodicTask(deliveries.deliver_due, name="webhook delivery", seconds=WEBHOOK_SECONDS),
    ]


def _lease_device(jobs: JobSettings, settings: WorkerSettings, engines: EngineFactory, worker_id: str) -> DeviceLease:
    """Lease a device, or end the process if none falls free in time."""
    slots = DeviceSlots(connect(jobs), jobs, worker=worker_id)
    per_device, max_seconds = settings.per_device, settings.device_wait_seconds
    try:
        devices = select_devices(settings.device, engines.devices)
        with exit_on_sigterm():
            return wait_for_device(devices, slots, per_device=per_device, max_seconds=max_seconds)
    except DeviceError as error:
        raise _exit(f"NST_DEVICE: {error.message}") from None
    except DeviceTakenError as error:
        raise _exit(str(error), code=1) from None


def _check_storage(jobs: JobSettings) -> tuple[str, int] | None:
    """Return what is wrong with the storage, and an exit code. A full one is fine: the runner waits for room."""
    try:
        open_blobs(jobs).check()
    except StorageFull:
        return None
    except StorageMisconfigured as error:
        return str(error), EXIT_WRONG_SETTING
    except JobsError as error:
        return str(error), 1
    return None


def _check_redis(jobs: JobSettings) -> None:
    """End the process if Redis refuses the connection; a Redis that does not answer yet may still come up."""
    try:
        reason = refusal(jobs)
    except StoreUnavailable:
        log.warning("Redis does not answer yet (NST_REDIS_URL)")
        return
    if reason is not None:
        raise _exit(reason)


def _exit(reason: str, code: int = EXIT_WRONG_SETTING) -> SystemExit:
    """Say on stderr why this worker cannot run, and return what ends the process."""
    sys.stderr.write(f"nst worker: {reason}\n")
    return SystemExit(code)


def main() -> None:
    """Run with the settings of the environment, or name the one that is wrong."""
    try:
        jobs, settings, _ = JobSettings(), WorkerSettings(), WebhookSettings()
    except ValidationError as error:
        raise _exit(settings_problem(error)) from None
    run(jobs, settings)


if __name__ == "__main__":
    main()
