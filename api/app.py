"""The composition root: makes the application and its services from settings."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from importlib.util import find_spec

from anyio import to_thread
from fastapi import FastAPI
from limits.aio.storage import RedisStorage
from redis.asyncio import Redis
from starlette.middleware.cors import CORSMiddleware

from api import problems
from api.builtin_styles import BuiltinStyles
from api.decoding.conversions import Conversions
from api.decoding.pool import Decoder, DecoderPool
from api.docs import openapi, page
from api.event_hub import EventHub
from api.long_poll import LongPoll
from api.metrics import Metrics
from api.middleware import RequestMiddleware, UniqueQueryMiddleware
from api.routes import assets, catalogue, events, health, jobs, results, usage, workers
from api.security.key_watch import KeyWatch
from api.security.keyless_access import KeyHistory, KeylessAccess
from api.security.rate_limits import RateLimits
from api.security.signed_urls import Signer
from api.services import Services
from api.settings import ApiSettings
from api.submission.assets import Assets
from api.submission.create import JobCreator
from api.submission.job_request import JobRequests
from api.web_page import mount_page
from jobs.api_keys import ApiKeys
from jobs.connections import connect_async
from jobs.queue import CeleryQueue, make_celery
from jobs.service_secret import service_secret
from jobs.settings import JobSettings
from jobs.storage.factory import open_blobs
from jobs.storage.temporary_files import TemporaryFiles
from jobs.store.assets import AssetStore
from jobs.store.job_store import JobStore
from jobs.store.reaper import SWEEP_ROUNDS
from jobs.usage import UsageReader
from jobs.worker_registry import AsyncWorkerRegistry
from nst_engine.version import __version__

FRESH_SECONDS = 1.0  # maximum age of `queue_seconds` and `run_seconds` in an answer
CORS_METHODS = ["GET", "HEAD", "POST", "DELETE"]
CORS_REQUEST_HEADERS = [
    *("Authorization", "Cache-Control", "Content-Type", "Idempotency-Key", "If-None-Match", "If-Range"),
    *("Last-Event-ID", "Prefer", "Range", "X-Request-ID"),
    *("Traceparent", "Tracestate", "Baggage"),  # browsers' tracing sends all three
]
CORS_RESPONSE_HEADERS = ["ETag", "Location", "Retry-After", "X-Request-ID", "Content-Range", "Content-Disposition"]


def make_decoder(settings: ApiSettings) -> Decoder:
    """Make the pool of decoder processes; they start when they are needed."""
    return DecoderPool(
        processes=settings.decoders,
        max_pixels=settings.max_pixels,
        seconds=settings.picture_seconds,
        memory_bytes=settings.picture_memory_bytes,
    )


def create_app(
    settings: ApiSettings | None = None,
    job_settings: JobSettings | None = None,
    *,
    make_decoder: Callable[[ApiSettings], Decoder] = make_decoder,
) -> FastAPI:
    """Make the application; it connects to nothing before it starts."""
    settings, job_settings = settings or ApiSettings(), job_settings or JobSettings()
    metrics = Metrics()
    app = FastAPI(
        title="nst",
        version=__version__,
        description=openapi.DESCRIPTION,
        lifespan=lambda app: _running(app, settings, job_settings, metrics, make_decoder(settings)),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        openapi_tags=openapi.TAGS,
        separate_input_output_schemas=False,
    )
    problems.register(app)
    app.add_exception_handler(events.AllReceivedError, events.stop_reconnecting)
    for module in (jobs, assets, events, results, catalogue, workers, usage, health, page):
        app.router.routes.extend(module.router.routes)  # include_router would match every path twice
    openapi.install(app)
    if find_spec("mcp"):  # the extra is installed
        from api.mcp.endpoint import mount_mcp

        app.state.mcp = mount_mcp(app, max_body_bytes=settings.max_body_bytes)
    mount_page(app)
    _add_middleware(app, settings, metrics)
    return app


def _add_middleware(app: FastAPI, settings: ApiSettings, metrics: Metrics) -> None:
    app.add_middleware(UniqueQueryMiddleware)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=CORS_METHODS,
            allow_headers=CORS_REQUEST_HEADERS,
            expose_headers=CORS_RESPONSE_HEADERS,
            max_age=600,
        )
    app.add_middleware(
        RequestMiddleware, metrics=metrics, root_path=settings.root_path, shared_with=settings.cors_origins
    )


@asynccontextmanager
async def _running(
    app: FastAPI, settings: ApiSettings, job_settings: JobSettings, metrics: Metrics, decoder: Decoder
) -> AsyncIterator[None]:
    """Run the services and, if it is installed, the endpoint for agents."""
    endpoint = getattr(app.state, "mcp", None)
    async with (
        _running_services(app, settings, job_settings, metrics, decoder),
        endpoint.run() if endpoint else nullcontext(),
    ):
        yield


@asynccontextmanager
async def _running_services(
    app: FastAPI, settings: ApiSettings, job_settings: JobSettings, metrics: Metrics, decoder: Decoder
) -> AsyncIterator[None]:
    """Make the services, and close them when the application stops."""
    services = await _make_services(settings, job_settings, connect_async(job_settings), metrics, decoder)
    app.state.services = services
    pause_seconds = SWEEP_ROUNDS * job_settings.reaper_seconds
    sweeping = asyncio.create_task(_sweep_forever(services.temporary_files, pause_seconds))
    try:
        yield
    finally:
        services.draining = True
        sweeping.cancel()
        await services.event_hub.close()
        await services.decoder.close()
        await services.store.aclose()


async def _make_services(
    settings: ApiSettings, job_settings: JobSettings, redis: Redis, metrics: Metrics, decoder: Decoder
) -> Services:
    store = JobStore(redis, CeleryQueue(make_celery(job_settings)), job_settings, fresh_seconds=FRESH_SECONDS)
    blobs = await to_thread.run_sync(open_blobs, job_settings)
    workers, api_keys, event_hub = AsyncWorkerRegistry(redis, job_settings), ApiKeys(redis), EventHub(store)
    builtin_styles = BuiltinStyles(job_settings.data_dir / "paintings")
    keyless_access = KeylessAccess(api_keys, settings, KeyHistory(job_settings.data_dir))
    await keyless_access.start()
    key_watch = KeyWatch(api_keys, keyless_access)
    temporary_files = TemporaryFiles(
        job_settings.data_dir / "incoming", max_age_seconds=job_settings.upload_timeout_seconds
    )
    conversions = Conversions(decoder, blobs, temporary_files)
    assets = Assets(
        assets=AssetStore(redis, job_settings), store=store, blobs=blobs, decoder=decoder, conversions=conversions
    )
    secret = settings.secret.get_secret_value().encode() if settings.secret else await service_secret(redis)
    return Services(
        settings=settings,
        job_settings=job_settings,
        store=store,
        workers=workers,
        usage=UsageReader(redis),
        blobs=blobs,
        api_keys=api_keys,
        key_watch=key_watch,
        keyless_access=keyless_access,
        rate_limits=_make_rate_limits(settings, redis),
        signer=Signer(secret, seconds=settings.picture_url_seconds),
        event_hub=event_hub,
        long_poll=LongPoll(store, event_hub, key_watch),
        decoder=decoder,
        conversions=conversions,
        temporary_files=temporary_files,
        builtin_styles=builtin_styles,
        job_requests=JobRequests(settings, job_settings, temporary_files),
        assets=assets,
        job_creator=JobCreator(
            settings=settings,
            store=store,
            workers=workers,
            blobs=blobs,
            assets=assets,
            builtin_styles=builtin_styles,
        ),
        metrics=metrics,
    )


def _make_rate_limits(settings: ApiSettings, redis: Redis) -> RateLimits:
    storage = RedisStorage(
        "redis://",
        implementation="redispy",
        key_prefix="nst:limits",
        connection_pool=redis.connection_pool,  # type: ignore[arg-type]
    )
    return RateLimits(storage, creates=settings.creates_per_minute, bad_keys=settings.bad_keys_per_minute)


async def _sweep_forever(temporary_files: TemporaryFiles, pause_seconds: float) -> None:
    """Remove now and then what an API that was killed left behind."""
    while True:
        await to_thread.run_sync(temporary_files.sweep)
        await asyncio.sleep(pause_seconds)
