"""Making a job of a request: fingerprint, pictures cleaned and stored, then the record."""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

from anyio import CancelScope, to_thread

from api.builtin_styles import painting
from api.problems import InvalidField, ProblemError, as_problem
from api.security.auth import Caller
from api.services import Services
from api.submission.multipart import FILE_PARTS, Form, Upload
from api.submission.params import Params, invalid
from jobs.errors import StoreUnavailable
from jobs.model import BlobRef, Inputs, Job, NewJob, Options, new_job_id
from jobs.status import Priority
from jobs.storage.blobs import blob_name
from jobs.store.idempotency import Idempotency
from nst_engine.spec.errors import PictureError

P = ParamSpec("P")
T = TypeVar("T")

MEDIA_TYPE = "image/png"


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """A complete request for a job."""

    form: Form
    params: Params
    request_id: str


def check_files(wish: JobRequest) -> None:
    """Refuse a form whose files do not fit together."""
    content, styles, masks = (wish.form.uploads(part) for part in ("content", "style", "mask"))
    named = wish.params.options.style_name is not None
    problems = []
    if not content:
        problems.append(InvalidField(pointer="#/content", detail="the photo is missing"))
    if not styles and not named:
        problems.append(InvalidField(pointer="#/style", detail="send a style picture, or a style_name"))
    if styles and named:
        problems.append(InvalidField(pointer="#/style_name", detail="send either style pictures or a style_name"))
    count = len(styles) + named
    if masks and len(masks) != count:
        problems.append(
            InvalidField(pointer="#/mask", detail=f"send one mask for each style: {count}, not {len(masks)}")
        )
    blend = wish.params.config.style_blend
    if blend is not None and len(blend) != count:
        problems.append(InvalidField(pointer="#/style_blend", detail=f"has {len(blend)} weights for {count} styles"))
    if problems:
        raise invalid(*problems)


def fingerprint(wish: JobRequest) -> str:
    """Identify what is asked for: the files' SHA-256 and the canonical parameters, not the raw body."""
    files = [(upload.part, upload.sha256) for upload in sorted(wish.form.files, key=lambda upload: upload.part)]
    asked = [files, wish.params.config.model_dump(mode="json"), wish.params.options.model_dump(mode="json")]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


async def check_model(services: Services, model: str) -> None:
    """Refuse a network that no worker has had for long; with no worker alive the job may wait for one."""
    if not await services.workers.accepts(model):
        detail = f"no worker has the weights of {model}; `nst weights pull {model}` on a worker's machine gets them"
        raise invalid(InvalidField(pointer="#/model", detail=detail))


async def create(services: Services, caller: Caller, wish: JobRequest, idempotency: Idempotency | None) -> Job:
    """Store the pictures, then write the record; what was stored for nothing is removed again."""
    job_id = new_job_id()
    try:
        inputs = await _store_inputs(services, caller.owner, job_id, wish)
        job = await services.client.create(
            _new_job(job_id, caller, wish, inputs), limits=caller.limits, idempotency=idempotency
        )
    except BaseException:
        await _remove(services, job_id)
        raise
    if job.id != job_id:
        await _remove(services, job_id)
    return job


async def give_up_key(services: Services, caller: Caller, key: str) -> None:
    """Let the Idempotency-Key of a refused request be used again."""
    with CancelScope(shield=True), contextlib.suppress(StoreUnavailable):
        await services.client.release_key(caller.owner, key)


async def retry(services: Services, caller: Caller, job: Job, request_id: str) -> Job:
    """Create a job with the same inputs and parameters."""
    job_id = new_job_id()
    try:
        inputs = await _copy_inputs(services, job, job_id)
        new = NewJob(
            id=job_id,
            owner=caller.owner,
            model=job.model,
            params=job.params,
            inputs=inputs,
            options=job.options,
            priority=_priority(caller, job.priority),
            request_id=request_id,
            retry_of=job.id,
        )
        return await services.client.create(new, limits=caller.limits)
    except BaseException:
        await _remove(services, job_id)
        raise


def _new_job(job_id: str, caller: Caller, wish: JobRequest, inputs: Inputs) -> NewJob:
    options = wish.params.options
    return NewJob(
        id=job_id,
        owner=caller.owner,
        model=wish.params.config.model.value,
        params=wish.params.config.model_dump(mode="json"),
        inputs=inputs,
        options=Options(
            output_format=options.output_format, timelapse=options.timelapse, webhook_url=options.webhook_url
        ),
        priority=_priority(caller, options.priority),
        request_id=wish.request_id,
    )


def _priority(caller: Caller, wanted: Priority) -> Priority:
    return Priority.BATCH if Priority.BATCH in (caller.priority, wanted) else wanted


async def _store_inputs(services: Services, owner: str, job_id: str, wish: JobRequest) -> Inputs:
    """Clean and store all pictures of a job at the same time."""
    form, name = wish.form, wish.params.options.style_name
    works = [
        _store(services, owner, blob_name(job_id, "content" if part == "content" else f"{part}-{index}"), upload, index)
        for part in FILE_PARTS
        for index, upload in enumerate(form.uploads(part))
    ]
    if name is not None:
        works.append(_store_painting(services, blob_name(job_id, "style-0"), name))
    refs = await _all(works)

    def of(part: str) -> tuple[BlobRef, ...]:
        return tuple(ref for ref in refs if ref.name.startswith(blob_name(job_id, part)))

    (content,) = of("content")
    names = () if name is None else (name,)
    return Inputs(content=content, styles=of("style-"), masks=of("mask-"), style_names=names)


async def _all(works: Sequence[Awaitable[T]]) -> list[T]:
    """Return what each gives; the first that fails is raised when all have ended, so that nothing goes on behind it."""
    found = await asyncio.gather(*works, return_exceptions=True)
    for outcome in found:
        if isinstance(outcome, BaseException):
            raise outcome
    return cast(list[T], found)


async def _store(services: Services, owner: str, name: str, upload: Upload, index: int) -> BlobRef:
    clean = upload.path.with_suffix(".png")
    try:
        async with services.turn(owner):
            await services.darkroom.clean(upload.path, clean)
    except PictureError as error:
        raise _refused(error, upload.part, index) from None
    finally:
        upload.path.unlink(missing_ok=True)
    try:
        return await _in_thread(services.blobs.take, name, clean, MEDIA_TYPE)
    finally:
        clean.unlink(missing_ok=True)


async def _store_painting(services: Services, name: str, style: str) -> BlobRef:
    return await _in_thread(_put, services, name, await painting(services, style))


def _refused(error: PictureError, part: str, index: int) -> Exception:
    """Say which of the files it was."""
    problem = as_problem(error)
    place = "#/content" if part == "content" else f"#/{part}/{index}"
    errors = [InvalidField(pointer=place, detail=error.message)]
    return ProblemError(problem.status, problem.code, f"{part}: {error.message}", errors=errors)


def _put(services: Services, name: str, path: Path) -> BlobRef:
    with path.open("rb") as file:
        return services.blobs.put(name, file, MEDIA_TYPE)


async def _copy_inputs(services: Services, job: Job, job_id: str) -> Inputs:
    async def copied(ref: BlobRef) -> BlobRef:
        target = blob_name(job_id, ref.name.partition("/")[2])
        await _in_thread(services.blobs.copy, ref.name, target)
        return BlobRef(name=target, sha256=ref.sha256, bytes=ref.bytes, media_type=ref.media_type)

    old = job.inputs
    return Inputs(
        content=await copied(old.content),
        styles=tuple([await copied(ref) for ref in old.styles]),
        masks=tuple([await copied(ref) for ref in old.masks]),
        style_names=old.style_names,
    )


async def _remove(services: Services, job_id: str) -> None:
    with CancelScope(shield=True):  # also when the client has gone away
        await _in_thread(services.blobs.delete_all, job_id)


async def _in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return await to_thread.run_sync(partial(work, *args, **kwargs))
