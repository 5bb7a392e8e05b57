"""Whether the keys of open event streams are still active."""

import time
from collections.abc import Callable

from jobs.api_keys import ApiKeys
from jobs.errors import StoreUnavailable


class KeyWatch:
    """Look up each key at most once per interval, however many streams it has."""

    def __init__(self, keys: ApiKeys, *, seconds: float = 3.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._keys, self._clock = keys, clock
        self._known: dict[str, tuple[float, bool]] = {}  # when a key was looked up, and whether it was active

    async def is_active(self, key_id: str) -> bool:
        """Tell whether the key was active at most `seconds` ago; keep the last answer while Redis does not answer."""
        looked_up, active = self._known.get(key_id, (None, True))
        now = self._clock()
        if looked_up is not None and now - looked_up < self.seconds:
            return active
        self._known[key_id] = now, active  # the other streams of the key do not look it up too
        try:
            active = await self._keys.is_active(key_id)
        except StoreUnavailable:
            return active
        self._known[key_id] = now, active
        return active
