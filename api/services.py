"""What the routes work with: made once at the composition root, handed to each request."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from weakref import WeakValueDictionary

from fastapi import Depends, Request

from api.bodies import Bodies
from api.decoding.pool import DecoderPool
from api.event_hub import EventHub
from api.metrics import Metrics
from api.security.rate_limits import Rates
from api.security.signed_urls import Signer
from api.settings import ApiSettings
from jobs.api_keys import ApiKeys
from jobs.settings import JobSettings
from jobs.storage.blobs import Blobs
from jobs.store.job_store import JobStore
from jobs.worker_registry import AsyncWorkerRegistry


@dataclass(kw_only=True)
class Services:
    """The parts of a running API; `draining` is set when the server is about to stop."""

    settings: ApiSettings
    job_settings: JobSettings
    client: JobStore
    workers: AsyncWorkerRegistry
    blobs: Blobs
    keys: ApiKeys
    rates: Rates
    signer: Signer
    hub: EventHub
    darkroom: DecoderPool
    metrics: Metrics
    bodies: Bodies = field(default_factory=Bodies)
    painting: asyncio.Lock = field(default_factory=asyncio.Lock)
    draining: bool = False
    waiting: int = 0
    turns: WeakValueDictionary[str, asyncio.Semaphore] = field(default_factory=WeakValueDictionary)
    listening: Counter[str] = field(default_factory=Counter)

    def turn(self, owner: str) -> asyncio.Semaphore:
        """Return what an owner holds while its pictures are decoded: nobody can take all of the decoders."""
        found = self.turns.get(owner)
        if found is None:
            found = self.turns[owner] = asyncio.Semaphore(max(1, self.settings.decoders - 1))
        return found

    @property
    def incoming(self) -> Path:
        """Folder that request bodies are received into."""
        return self.job_settings.data_dir / "incoming"


async def services(request: Request) -> Services:
    """Return the parts of the running API; asynchronous, because others would be called in a thread."""
    found = request.app.state.services
    assert isinstance(found, Services)
    return found


ServicesDep = Annotated[Services, Depends(services)]
