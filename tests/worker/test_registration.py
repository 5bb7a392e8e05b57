from dataclasses import replace

import pytest

from jobs.connections import connect
from jobs.settings import JobSettings
from jobs.worker_registry import WorkerRegistry
from tests.waiting import until
from tests.worker.conftest import INFO
from worker.registration import Registration


@pytest.fixture
def registry(job_settings: JobSettings) -> WorkerRegistry:
    return WorkerRegistry(connect(job_settings), job_settings)


def test_workers_of_this_host_count_if_they_use_the_same_kind_of_device(registry: WorkerRegistry) -> None:
    registration = Registration(registry, INFO, seconds=60)
    assert registration.count_workers_here() == 1  # not announced yet
    others = [("two", INFO.host, INFO.device), ("three", "elsewhere", INFO.device), ("four", INFO.host, "cuda:0")]
    for name, host, device in others:
        registry.announce(replace(INFO, id=name, host=host, device=device))
    registration.announce()
    assert registration.count_workers_here() == 2


def test_a_worker_that_cannot_reach_redis_counts_itself(job_settings: JobSettings) -> None:
    unreachable = job_settings.model_copy(update={"redis_url": "unix:///nowhere/redis.sock"})
    registry = WorkerRegistry(connect(unreachable), unreachable)
    assert Registration(registry, INFO, seconds=60).count_workers_here() == 1


def test_a_worker_is_listed_again_after_redis_has_forgotten_it(registry: WorkerRegistry) -> None:
    registration = Registration(registry, INFO, seconds=0.01)
    registration.start()
    assert [worker.id for worker in registry.live()] == [INFO.id]
    registry.retire(INFO)
    until(registry.live, "the worker was not announced again", seconds=10)
    registration.stop()


def test_a_worker_that_stops_is_no_longer_listed(registry: WorkerRegistry) -> None:
    registration = Registration(registry, INFO, seconds=60)
    registration.start()
    registration.stop()
    assert registry.live() == ()
