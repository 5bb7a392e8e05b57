"""Creating jobs: the pictures are stored first, then the record is written and the queue notified."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeVar, cast

from anyio import CancelScope, to_thread

from api.builtin_styles import BuiltinStyles
from api.decoding.conversions import MEDIA_TYPE, StoredPicture
from api.problems import InvalidField, ProblemError, invalid_parameters
from api.security.caller import Caller
from api.settings import ApiSettings
from api.submission.assets import Assets
from api.submission.films import film_of, film_task
from api.submission.job_request import JobRequest
from api.submission.masks import check_masks
from api.submission.sources import INIT, MASKS, AssetReference, BuiltinStyle, ResultOfJob, Source, Upload
from jobs.errors import StoreUnavailable
from jobs.model import BlobRef, Film, Inputs, Job, NewJob, Options, new_job_id
from jobs.status import Priority
from jobs.storage.blobs import Blobs, blob_name
from jobs.store.idempotency import Idempotency
from jobs.store.job_store import JobStore
from jobs.worker_registry import AsyncWorkerRegistry
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.enums import Precision
from nst_engine.spec.schedule import schedule

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class JobCreator:
    """Create jobs; blobs of a job that could not be created are removed again."""

    settings: ApiSettings
    store: JobStore
    workers: AsyncWorkerRegistry
    blobs: Blobs
    assets: Assets
    builtin_styles: BuiltinStyles

    async def create(
        self,
        job_request: JobRequest,
        caller: Caller,
        *,
        request_id: str,
        traceparent: str | None = None,
        idempotency: Idempotency | None = None,
    ) -> Job:
        """Create the job of a request, or return the one that an equal request with the same key has created."""
        config, options = job_request.config, job_request.options
        priority = _priority(caller, options.priority)
        await self._check_network(config.model)
        await self._check_precision(config, priority)
        async with self._new_job_id() as job_id:
            inputs, film = await self._store_inputs(job_request, job_id, caller.owner)
            new = NewJob(
                id=job_id,
                owner=caller.owner,
                model=config.model.value,
                params=config.model_dump(mode="json"),
                inputs=inputs,
                options=Options(
                    output_format=options.output_format or ("mp4" if film else "png"),
                    alpha=options.alpha,
                    timelapse=options.timelapse,
                    webhook_url=options.webhook_url,
                    webhook_events=options.webhook_events,
                    result_url=options.result_url,
                    film=film,
                ),
                priority=priority,
                request_id=request_id,
                traceparent=traceparent,
            )
            job = await self.store.create(new, limits=caller.limits, idempotency=idempotency)
        if job.id != job_id:  # the job of the earlier request
            await self._remove_blobs(job_id)
        return job

    async def retry(
        self,
        job: Job,
        caller: Caller,
        *,
        request_id: str,
        traceparent: str | None = None,
        idempotency: Idempotency | None = None,
    ) -> Job:
        """Create a job with the inputs and parameters of another."""
        async with self._new_job_id() as job_id:
            new = NewJob(
                id=job_id,
                owner=caller.owner,
                model=job.model,
                params=job.params,
                inputs=await self._copy_inputs(job.inputs, job_id),
                options=job.options,
                priority=_priority(caller, job.priority),
                request_id=request_id,
                traceparent=traceparent,
                retry_of=job.id,
            )
            retry = await self.store.create(new, limits=caller.limits, idempotency=idempotency)
        if retry.id != job_id:  # the job of the earlier request
            await self._remove_blobs(job_id)
        return retry

    async def _check_network(self, model: str) -> None:
        """Refuse a network that no worker has; see `AsyncWorkerRegistry.accepts`."""
        if not await self.workers.accepts(model):
            pull = f"run `nst weights pull {model}` on a worker's machine"
            detail = f"no worker serves {model}; {pull}, or add it to the worker's NST_MODELS"
            raise invalid_parameters(InvalidField(pointer="#/model", detail=detail))

    async def _check_precision(self, config: StyleConfig, priority: Priority) -> None:
        """Refuse TF32 if a worker that has no CUDA device may take the job."""
        if config.precision is not Precision.TF32:
            return
        live = await self.workers.live()
        able = [worker for worker in live if config.model in worker.models and priority in worker.priorities]
        if any(not worker.device.startswith("cuda") for worker in able):
            detail = "tf32 needs a CUDA device, and a worker that may take the job has none; choose auto"
            raise invalid_parameters(InvalidField(pointer="#/precision", detail=detail))

    @asynccontextmanager
    async def _new_job_id(self) -> AsyncIterator[str]:
        """Make an id, and remove the blobs of the job if the block fails.

        If its record may have been written, they stay: the reaper removes them if it was not.
        """
        job_id = new_job_id()
        try:
            yield job_id
        except BaseException as error:
            if not isinstance(error, StoreUnavailable) or error.refused:
                await self._remove_blobs(job_id)
            raise

    async def _remove_blobs(self, job_id: str) -> None:
        with CancelScope(shield=True):  # also when the client has disconnected
            await to_thread.run_sync(self.blobs.delete_all, job_id)

    async def _store_inputs(self, job_request: JobRequest, job_id: str, owner: str) -> tuple[Inputs, Film | None]:
        """Store the film of a job if it has one, then decode and store all pictures concurrently."""
        stored = await self._store_film(job_request, job_id, owner)
        pictures = sorted(
            (picture for picture in job_request.pictures if picture is not job_request.film),
            key=lambda picture: picture.index,
        )
        pairs = list(zip(pictures, await self._store_pictures(pictures, job_id, owner), strict=True))
        check_masks(pairs)

        def part(name: str) -> tuple[BlobRef, ...]:
            return tuple(stored.ref for picture, stored in pairs if picture.part == name)

        if stored is None:
            (content,), film = part("content"), None
            await self._check_size(job_request.config, content)
        else:
            content, film = stored
        inputs = Inputs(
            content=content,
            styles=part("style"),
            masks=part("mask"),
            style_masks=part("style_mask"),
            init_image=next(iter(part(INIT)), None),
            style_names=tuple(picture.style for picture in pictures if isinstance(picture, BuiltinStyle)),
        )
        return inputs, film

    async def _store_film(self, job_request: JobRequest, job_id: str, owner: str) -> tuple[BlobRef, Film] | None:
        """Store a film whose frames are large enough for the network; raises ProblemError or ConfigError."""
        if job_request.film is None:
            return None
        options, name = job_request.options, blob_name(job_id, job_request.film.name)
        ref, facts = await self.assets.store_film(job_request.film, name, owner, film_task(options, self.settings))
        schedule(job_request.config, facts.height, facts.width)
        return ref, film_of(options, facts)

    async def _check_size(self, config: StyleConfig, content: BlobRef) -> None:
        """Refuse a photo whose result would be too small for the network; raises ConfigError."""
        width, height = await to_thread.run_sync(_png_size, self.blobs, content.name)
        schedule(config, height, width)

    async def _store_pictures(self, pictures: Sequence[Source], job_id: str, owner: str) -> list[StoredPicture]:
        """Store pictures concurrently, and one that the request names several times only once."""
        different: dict[tuple[str, bool], Source] = {}
        for picture in pictures:
            different.setdefault(_content_of(picture), picture)
        stored = await _gather([self._store(picture, job_id, owner) for picture in different.values()])
        by_content = dict(zip(different, stored, strict=True))
        return [
            found._replace(ref=await self._copy(found.ref, blob_name(job_id, picture.name)))
            for picture in pictures
            for found in [by_content[_content_of(picture)]]
        ]

    async def _store(self, picture: Source, job_id: str, owner: str) -> StoredPicture:
        name = blob_name(job_id, picture.name)
        match picture:
            case Upload():
                return await self.assets.store_upload(picture, name, owner)
            case AssetReference():
                return await self.assets.copy(picture, name, owner)
            case BuiltinStyle():
                path = await self.builtin_styles.path(picture.style)
                data = await to_thread.run_sync(path.read_bytes)
                return StoredPicture(await to_thread.run_sync(self.blobs.put, name, data, MEDIA_TYPE))
            case ResultOfJob():
                await self._check_has_result(picture.job, owner)
                reference = AssetReference(
                    part=picture.part, index=picture.index, pointer=picture.pointer, asset=picture.identity
                )
                return await self.assets.copy(reference, name, owner)
        raise TypeError(f"{type(picture).__name__} cannot be stored")

    async def _check_has_result(self, job_id: str, owner: str) -> None:
        """Refuse an earlier job that has not succeeded, or whose pictures have been removed."""
        job = await self.store.get(job_id, owner)
        if job.expired:
            raise ProblemError(410, "result_expired", "the pictures of the job in init_job have been removed")
        if job.options.film is not None:
            raise ProblemError(409, "wrong_state", "the job in init_job is for a film; name one for a picture")
        if job.result is None:
            raise ProblemError(409, "wrong_state", f"the job in init_job has no result: it is {job.status}")

    async def _copy_inputs(self, inputs: Inputs, job_id: str) -> Inputs:
        async def copy(ref: BlobRef) -> BlobRef:
            return await self._copy(ref, blob_name(job_id, ref.name.partition("/")[2]))

        return replace(
            inputs,
            content=await copy(inputs.content),
            styles=tuple([await copy(ref) for ref in inputs.styles]),
            masks=tuple([await copy(ref) for ref in inputs.masks]),
            style_masks=tuple([await copy(ref) for ref in inputs.style_masks]),
            init_image=None if inputs.init_image is None else await copy(inputs.init_image),
        )

    async def _copy(self, ref: BlobRef, name: str) -> BlobRef:
        if ref.name != name:
            await to_thread.run_sync(self.blobs.copy, ref.name, name)
        return replace(ref, name=name)


def _content_of(picture: Source) -> tuple[str, bool]:
    """Return what is equal for references to one picture that are stored as the same bytes: masks become gray."""
    if isinstance(picture, AssetReference):
        return picture.asset, picture.part in MASKS
    return picture.name, False


async def _gather(works: Sequence[Awaitable[T]]) -> list[T]:
    """Wait for all, then return their results or raise the first error, so that nothing still runs after an error."""
    results = await asyncio.gather(*works, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return cast(list[T], results)


def _png_size(blobs: Blobs, name: str) -> tuple[int, int]:
    """Return width and height of a stored PNG, which are at the same place in each."""
    with blobs.open(name) as file:
        width, height = struct.unpack(">II", file.read(24)[16:])
    return width, height


def _priority(caller: Caller, requested: Priority) -> Priority:
    return Priority.BATCH if Priority.BATCH in (caller.priority, requested) else requested
