"""The system under test: Redis, an API and two workers with a fake engine; one worker reaches Redis through a relay."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.relay import Relay
from tests.stack.stack import Stack

QUOTA_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds, and the counts that go with them; the defaults are those of the service, but for the upload timeout."""

    lease: float = 30.0
    reaper: float = 5.0
    checkpoint: float = 10.0
    step: float = 0.05
    upload_timeout: float = 20.0
    cut: float = 20.0
    longest_steps: int = 500
    cancels: int = 3

    @classmethod
    def quick(cls) -> Timing:
        """Return the timing of the short run."""
        return cls(lease=3, reaper=0.5, checkpoint=1, step=0.02, upload_timeout=6, cut=3, longest_steps=150, cancels=1)

    def environment(self) -> dict[str, str]:
        """Return it as settings."""
        return {
            "NST_LEASE_SECONDS": str(self.lease),
            "NST_HEARTBEAT_SECONDS": "1" if self.lease > 10 else "0.3",
            "NST_REAPER_SECONDS": str(self.reaper),
            "NST_CHECKPOINT_SECONDS": str(self.checkpoint),
            "NST_UPLOAD_TIMEOUT_SECONDS": str(self.upload_timeout),
            "NST_FAKE_STEP_SECONDS": str(self.step),
        }


class System(Stack):
    """A stack whose second worker can be cut off, and whose engines write down each iteration in a journal."""

    def __init__(self, folder: Path, timing: Timing) -> None:
        self.timing, self.journal = timing, folder / "journal"
        self.journal.touch()
        super().__init__(
            folder,
            fake_engine=True,
            NST_STORAGE_QUOTA_BYTES=str(QUOTA_BYTES),
            NST_FAKE_JOURNAL=str(self.journal),
            NST_WORKER_NICE="0",
            **timing.environment(),
        )
        self.relay = Relay(folder / "relay.sock", self.redis_files.socket)
        self.add_worker(NST_REDIS_URL=self.relay.url)

    async def run(self) -> None:
        """Start the relay and every process, and wait until all are ready."""
        await self.relay.start()
        await asyncio.to_thread(self.start)

    async def end(self) -> None:
        """End every process and the relay."""
        await asyncio.to_thread(self.close)
        await self.relay.stop()
