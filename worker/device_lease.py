"""The lease on the device that a worker computes on, and the wait for a free device."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from jobs.device_slots import DeviceSlots
from jobs.errors import StoreUnavailable
from nst_engine.machine.devices import Device

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
        self._released = threading.Event()

    def keep(self, *, seconds: float, on_lost: Callable[[], None]) -> None:
        """Renew the lease every so many seconds, in a thread, until it is lost or released."""
        if self._slot is not None:
            threading.Thread(target=self._renew, args=(seconds, on_lost), name="device-lease", daemon=True).start()

    def renew(self) -> None:
        """Renew the lease; if Redis is unreachable, log it and leave the lease to the next renewal."""
        if self._slot is None:
            return
        try:
            self.lost = not self._slots.acquire(self._slot)
        except StoreUnavailable as error:
            log.warning("the lease of %s was not renewed: %s", self.device.name, error)

    def release(self) -> None:
        """Free the device for the next worker; if Redis is unreachable, the lease expires by itself."""
        self._released.set()
        if self._slot is not None:
            with suppress(StoreUnavailable):
                self._slots.release(self._slot)

    def _renew(self, seconds: float, on_lost: Callable[[], None]) -> None:
        while not self._released.wait(seconds):
            self.renew()
            if self.lost and not self._released.is_set():
                log.critical("the lease of %s expired and another worker took the device", self.device.name)
                on_lost()
                return


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
