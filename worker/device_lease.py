"""The lease on the device that a worker computes on, and the wait for a free device."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from jobs.device_slots import DeviceSlots
from jobs.errors import StoreUnavailable
from nst_engine.machine.devices import Device
from worker.maintenance import PeriodicTask

log = logging.getLogger(__name__)
RETRY_SECONDS = 1.0


class DeviceTakenError(Exception):
    """No device fell free in time."""


class DeviceLease:
    """One device, leased through a slot in Redis; devices without a slot, such as the CPU, are shared by everyone."""

    def __init__(self, device: Device, slots: DeviceSlots, slot: str | None) -> None:
        self.device = device
        self.lost = False
        self._slots = slots
        self._slot = slot
        self._renewals: PeriodicTask | None = None

    def keep(self, *, seconds: float, on_lost: Callable[[], None]) -> None:
        """Renew the lease every so many seconds until it is released; call `on_lost` if another worker took it."""

        def renew() -> None:
            if not self.lost and not self.renew():
                log.critical("the lease of %s expired and another worker took the device", self.device.name)
                on_lost()

        if self._slot is not None:
            self._renewals = PeriodicTask(
                renew, name=f"the renewal of the lease of {self.device.name}", seconds=seconds
            )
            self._renewals.start()

    def renew(self) -> bool:
        """Renew the lease, also if Redis has forgotten it; False if another worker has the device."""
        if self._slot is not None:
            self.lost = not self._slots.acquire(self._slot)
        return not self.lost

    def release(self) -> None:
        """Free the device for the next worker; if Redis is unreachable, the lease expires by itself."""
        if self._renewals is not None:
            self._renewals.stop(wait_seconds=RETRY_SECONDS)
        if self._slot is not None:
            with suppress(StoreUnavailable):
                self._slots.release(self._slot)


def lease_device(devices: Sequence[Device], slots: DeviceSlots, *, per_device: int) -> DeviceLease | None:
    """Lease the first free device, each device once before any is shared; None if all slots are taken."""
    for number in range(per_device):
        for device in devices:
            slot = None if device.uuid is None else f"{device.uuid}:{number}"
            if slot is None or slots.acquire(slot):
                return DeviceLease(device, slots, slot)
    return None


def wait_for_device(
    devices: Sequence[Device],
    slots: DeviceSlots,
    *,
    per_device: int,
    max_seconds: float | None,
    sleep: Callable[[float], None] = time.sleep,
) -> DeviceLease:
    """Lease a device, waiting until one is free; raises DeviceTakenError after `max_seconds`, if given."""
    logged, waited = "", 0.0
    while True:
        reason = _all_taken(devices, per_device)
        try:
            lease = lease_device(devices, slots, per_device=per_device)
        except StoreUnavailable:
            lease, reason = None, "Redis, which holds the device leases, does not answer (NST_REDIS_URL)"
        if lease is not None:
            return lease
        if max_seconds is not None and waited >= max_seconds:
            raise DeviceTakenError(reason)
        if logged != reason:
            log.warning("%s; waiting", reason)
            logged = reason
        sleep(RETRY_SECONDS)
        waited += RETRY_SECONDS


def _all_taken(devices: Sequence[Device], per_device: int) -> str:
    names = ", ".join(device.name for device in devices)
    limit = "one worker" if per_device == 1 else f"{per_device} workers"
    return f"every device is taken: {names} ({limit} per device, NST_PER_DEVICE)"
