"""The lease on the device that a worker computes on."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import redis

from jobs.connections import connect
from jobs.device_slots import DeviceSlots
from jobs.settings import JobSettings
from nst_engine.machine.devices import Device
from worker.device_lease import DeviceLease, DeviceTakenError, lease_device, wait_for_device

CPU = Device(name="cpu")
TWO = (Device(name="cuda:0", uuid="GPU-a"), Device(name="cuda:1", uuid="GPU-b"))
As = Callable[[str], DeviceSlots]


@pytest.fixture
def as_worker(job_settings: JobSettings) -> As:
    return lambda worker: DeviceSlots(connect(job_settings), job_settings, worker=worker)


@pytest.fixture
def raw(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url, decode_responses=True, protocol=2)


def take(slots: DeviceSlots, *, per_device: int = 1) -> str | None:
    lease = lease_device(TWO, slots, per_device=per_device)
    return None if lease is None else lease.device.name


def test_each_worker_gets_another_device_until_none_is_left(as_worker: As) -> None:
    assert [take(as_worker(name)) for name in ("w1", "w2", "w3")] == ["cuda:0", "cuda:1", None]


def test_every_device_has_one_worker_before_any_has_two(as_worker: As) -> None:
    taken = [take(as_worker(name), per_device=2) for name in ("w1", "w2", "w3", "w4", "w5")]
    assert taken == ["cuda:0", "cuda:1", "cuda:0", "cuda:1", None]


def test_any_number_of_workers_share_a_cpu(as_worker: As) -> None:
    assert all(lease_device([CPU], as_worker(name), per_device=1) for name in ("w1", "w2"))


def test_a_released_device_is_free_at_once(as_worker: As) -> None:
    lease = lease_device(TWO[:1], as_worker("w1"), per_device=1)
    assert lease is not None
    lease.release()
    assert take(as_worker("w2")) == "cuda:0"


def test_a_late_release_does_not_free_the_device_of_another(as_worker: As, raw: redis.Redis) -> None:
    lease = lease_device(TWO[:1], as_worker("w1"), per_device=1)
    assert lease is not None
    raw.delete("nst:slot:GPU-a:0")  # the lease is over
    take(as_worker("w2"))
    lease.release()
    assert raw.get("nst:slot:GPU-a:0") == "w2"


def test_the_lease_of_a_silent_worker_expires(as_worker: As, raw: redis.Redis) -> None:
    take(as_worker("w1"))
    assert 0 < raw.pttl("nst:slot:GPU-a:0") <= 3000  # type: ignore[operator]


def test_a_lease_is_renewed_also_when_redis_has_forgotten_it(as_worker: As, raw: redis.Redis) -> None:
    lease = lease_device(TWO, as_worker("w1"), per_device=1)
    assert lease is not None
    raw.flushall()
    lease.renew()
    assert not lease.lost
    assert raw.get("nst:slot:GPU-a:0") == "w1"


def test_a_worker_whose_lease_expired_learns_that_another_has_its_device(as_worker: As, raw: redis.Redis) -> None:
    lease, lost = lease_device(TWO, as_worker("w1"), per_device=1), threading.Event()
    assert lease is not None
    raw.set("nst:slot:GPU-a:0", "w2")
    lease.keep(seconds=0.01, on_lost=lost.set)
    assert lost.wait(5)
    assert lease.lost


def test_a_worker_waits_until_a_device_is_free(as_worker: As, caplog: pytest.LogCaptureFixture) -> None:
    leases = [lease_device(TWO, as_worker(name), per_device=1) for name in ("w1", "w2")]
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3 and leases[1] is not None:
            leases[1].release()

    lease = wait_for_device(TWO, as_worker("w3"), per_device=1, max_seconds=None, sleep=wait)
    assert (lease.device.name, len(waits)) == ("cuda:1", 3)
    assert caplog.messages == ["every device is taken: cuda:0, cuda:1 (one worker per device, NST_PER_DEVICE); waiting"]


def test_a_worker_that_may_not_wait_says_that_all_are_taken(as_worker: As) -> None:
    for name in ("w1", "w2"):
        take(as_worker(name))
    with pytest.raises(DeviceTakenError, match="every device is taken: cuda:0, cuda:1"):
        wait_for_device(TWO, as_worker("w3"), per_device=1, max_seconds=0)


def test_without_redis_a_worker_waits_for_it_before_it_takes_a_device(as_worker: As) -> None:
    away = DeviceSlots(
        redis.Redis(port=1, protocol=2, retry=None), JobSettings(redis_url="redis://127.0.0.1:1"), worker="w1"
    )
    with pytest.raises(DeviceTakenError, match="Redis, which holds the device leases, does not answer"):
        wait_for_device(TWO, away, per_device=1, max_seconds=2, sleep=lambda _: None)


def test_a_device_without_a_slot_is_never_lost(as_worker: As) -> None:
    lease = DeviceLease(CPU, as_worker("w1"), None)
    lease.renew()
    lease.release()
    assert not lease.lost
