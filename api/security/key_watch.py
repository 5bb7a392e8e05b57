"""Whether the callers of open event streams and waits may still use the service."""

import time
from collections.abc import Callable

from api.security.caller import Caller
from api.security.keyless_access import KeylessAccess
from jobs.api_keys import ApiKeys
from jobs.errors import StoreUnavailable


class KeyWatch:
    """Look up each key at most once per interval, however many streams it has."""

    def __init__(
        self,
        keys: ApiKeys,
        keyless_access: KeylessAccess,
        *,
        seconds: float = 3.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seconds = seconds
        self._keys, self._keyless_access, self._clock = keys, keyless_access, clock
        self._known: dict[str, tuple[float, bool]] = {}  # when a key was looked up, and whether it was active

    async def is_active(self, caller: Caller) -> bool:
        """Tell whether the caller's key is active or, without one, whether no key exists, as of `seconds` ago at most.

        While Redis does not answer, keep the last answer.
        """
        try:
            if not caller.keyed:
                return not await self._keyless_access.had_keys()
            return await self._is_key_active(caller.owner)
        except StoreUnavailable:
            return self._known.get(caller.owner, (None, True))[1]

    async def _is_key_active(self, key_id: str) -> bool:
        looked_up, active = self._known.get(key_id, (None, True))
        now = self._clock()
        if looked_up is not None and now - looked_up < self.seconds:
            return active
        self._known[key_id] = now, active  # the other streams of the key do not look it up too
        active = await self._keys.is_active(key_id)
        self._known[key_id] = now, active
        return active
