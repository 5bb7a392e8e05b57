"""The keeper: a thread of the worker's parent process that reaps and calls whoever delivers webhooks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

log = logging.getLogger(__name__)


class Keeper:
    """Runs chores in threads of their own until stopped; each is given a wait that says when to stop."""

    def __init__(self, chores: Sequence[Callable[[Callable[[float], bool]], None]]) -> None:
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=chore, args=(self._stopped.wait,), name=f"keeper-{index}", daemon=True)
            for index, chore in enumerate(chores)
        ]

    def start(self) -> None:
        """Start the chores."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Tell the chores to stop; they are daemons and hold up nothing."""
        self._stopped.set()
