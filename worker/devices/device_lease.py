"""The device that a worker has for its own while it lives, and the wait for one."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from jobs.device_slots import DeviceSlots
from jobs.errors import StoreUnavailable
from worker.devices.discovery import Device, DeviceError

log = logging.getLogger(__name__)
LOOK_SECONDS = 1.0


class DeviceLease:
    """One device, and the slot that is held for it."""

    def __init__(self, device: Device, slots: DeviceSlots, slot: str | None) -> None:
        self.device = device
        self.lost = False
        self._slots = slots
        self._slot = slot
        self._left = threading.Event()

    def keep(self, *, seconds: float, on_lost: Callable[[], None]) -> None:
        """Renew the lease every so many seconds, from a thread, until `leave`."""
        if self._slot is not None:
            threading.Thread(target=self._renew, args=(seconds, on_lost), name="seat", daemon=True).start()

    def renew(self) -> None:
        """Renew the lease once; a store that is down is borne until it is back."""
        if self._slot is None:
            return
        try:
            self.lost = not self._slots.acquire(self._slot)
        except StoreUnavailable as error:
            log.warning("the lease of %s was not renewed: %s", self.device.name, error)

    def leave(self) -> None:
        """Give the device to whoever waits for it; if that fails its lease runs out."""
        self._left.set()
        if self._slot is not None:
            with suppress(StoreUnavailable):
                self._slots.release(self._slot)

    def _renew(self, seconds: float, on_lost: Callable[[], None]) -> None:
        while not self._left.wait(seconds):
            self.renew()
            if self.lost and not self._left.is_set():
                log.critical("another worker has %s now: this one was not heard of for too long", self.device.name)
                on_lost()
                return


def find_seat(devices: Sequence[Device], slots: DeviceSlots, *, per_device: int) -> DeviceLease | None:
    """Take the first free slot, of every device the first before any second one; None if all are taken."""
    for number in range(per_device):
        for device in devices:
            slot = None if device.slot is None else f"{device.slot}:{number}"
            if slot is None or slots.acquire(slot):
                return DeviceLease(device, slots, slot)
    return None


def wait_for_device(
    devices: Sequence[Device],
    slots: DeviceSlots,
    *,
    per_device: int,
    patience: float | None,
    wait: Callable[[float], None] = time.sleep,
) -> DeviceLease:
    """Take a device, waiting until one is free; raise DeviceError after so many seconds, never if None."""
    said, waited = "", 0.0
    while True:
        reason = _taken(devices, per_device)
        try:
            seat = find_seat(devices, slots, per_device=per_device)
        except StoreUnavailable:
            seat, reason = None, "Redis does not answer (NST_REDIS_URL), which keeps account of the devices"
        if seat is not None:
            return seat
        if patience is not None and waited >= patience:
            raise DeviceError(reason)
        if said != reason:
            log.warning("%s; waiting", reason)
            said = reason
        wait(LOOK_SECONDS)
        waited += LOOK_SECONDS


def _taken(devices: Sequence[Device], per_device: int) -> str:
    names = ", ".join(device.name for device in devices)
    share = "a worker" if per_device == 1 else f"{per_device} workers"
    return f"every device is taken: {names} ({share} each, NST_PER_DEVICE)"


@contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """End the process at a SIGTERM while it waits; one that is the first of a container would not end by itself."""

    def end(*_: int | FrameType | None) -> None:
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
