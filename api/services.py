"""The parts that the routes work with, made once at start and handed to each request."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from api.builtin_styles import BuiltinStyles
from api.decoding.conversions import Conversions
from api.decoding.pool import Decoder
from api.event_hub import EventHub
from api.long_poll import LongPoll
from api.metrics import Metrics
from api.schemas import JobSerializer
from api.security.concurrency import ConcurrencyLimit
from api.security.key_watch import KeyWatch
from api.security.keyless_access import KeylessAccess
from api.security.rate_limits import RateLimits
from api.security.signed_urls import Signer
from api.settings import ApiSettings
from api.submission.assets import Assets
from api.submission.create import JobCreator
from api.submission.job_request import JobRequests
from jobs.api_keys import ApiKeys
from jobs.settings import JobSettings
from jobs.storage.blobs import Blobs
from jobs.storage.temporary_files import TemporaryFiles
from jobs.store.job_store import JobStore
from jobs.usage import UsageReader
from jobs.worker_registry import AsyncWorkerRegistry

MAX_UPLOADS, MAX_UPLOADS_PER_KEY = 1024, 128  # received, fetched or decoded


def _limit_uploads() -> ConcurrencyLimit:
    detail = "too many jobs and pictures are being uploaded"
    return ConcurrencyLimit("too_many_uploads", detail, per_key=MAX_UPLOADS_PER_KEY, total=MAX_UPLOADS)


@dataclass(kw_only=True)
class Services:
    """The parts of a running API; `draining` is set when the server is about to stop."""

    settings: ApiSettings
    job_settings: JobSettings
    store: JobStore
    workers: AsyncWorkerRegistry
    usage: UsageReader
    blobs: Blobs
    api_keys: ApiKeys
    key_watch: KeyWatch
    keyless_access: KeylessAccess
    rate_limits: RateLimits
    signer: Signer
    event_hub: EventHub
    long_poll: LongPoll
    decoder: Decoder
    conversions: Conversions
    temporary_files: TemporaryFiles
    builtin_styles: BuiltinStyles
    job_requests: JobRequests
    assets: Assets
    job_creator: JobCreator
    metrics: Metrics
    job_serializer: JobSerializer = field(default_factory=JobSerializer)
    event_heartbeat_seconds: float = 15.0  # an event stream that is silent for this long gets a comment
    draining: bool = False
    uploads: ConcurrencyLimit = field(default_factory=_limit_uploads)
    open_streams: Counter[str] = field(default_factory=Counter)  # by owner


async def get_services(request: Request) -> Services:
    """Return the parts of the running API; asynchronous because FastAPI calls others in a thread."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


ServicesDep = Annotated[Services, Depends(get_services)]
