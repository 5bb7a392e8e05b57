from dataclasses import replace

from jobs.connections import connect
from jobs.settings import JobSettings
from jobs.worker_registry import WorkerRegistry
from tests.worker.conftest import INFO
from worker.registration import Registration


def test_the_workers_of_this_machine_are_counted_by_their_kind_of_device(job_settings: JobSettings) -> None:
    roster = WorkerRegistry(connect(job_settings), job_settings)
    registration = Registration(roster, INFO, seconds=60)
    assert registration.count_here() == 1  # not announced yet
    others = [("two", INFO.host, INFO.device), ("three", "elsewhere", INFO.device), ("four", INFO.host, "cuda:0")]
    for name, host, device in others:
        roster.announce(replace(INFO, id=name, host=host, device=device))
    registration.announce()
    assert registration.count_here() == 2


def test_a_worker_that_cannot_ask_counts_itself(job_settings: JobSettings) -> None:
    away = job_settings.model_copy(update={"redis_url": "unix:///nowhere/redis.sock"})
    assert Registration(WorkerRegistry(connect(away), away), INFO, seconds=60).count_here() == 1
