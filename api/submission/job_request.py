"""A request for a job: received, parsed and validated once, as a whole."""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from anyio import to_thread
from fastapi import Request
from python_multipart.multipart import parse_options_header

from api.problems import InvalidField, ProblemError, invalid_parameters, pointer
from api.settings import ApiSettings
from api.submission.body import too_large
from api.submission.fetch import PictureFetcher
from api.submission.films import find_film, option_problems
from api.submission.json_body import JSON_TYPE, read_json, received_json
from api.submission.multipart import MAX_PARAMS_BYTES, received_form
from api.submission.params import JobOptions, parse_params, read_pairs
from api.submission.sources import INIT, MASKS, Address, Pair, Source, Upload, take_sources
from jobs.settings import JobSettings
from jobs.storage.temporary_files import TemporaryFiles
from nst_engine.spec.config import StyleConfig

FORM_TYPE = "multipart/form-data"
PARALLEL_JSON = 2  # bodies that are in memory at the same time


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """A valid request; it is complete once `pictures` holds no Address. `film` is the content if it is a film."""

    config: StyleConfig
    options: JobOptions
    pictures: Sequence[Source]
    film: Upload | None = None

    @property
    def fingerprint(self) -> str:
        """Identify the request by its pictures and complete parameters; requests that differ in encoding are equal."""
        pictures = sorted((picture.name, picture.identity) for picture in self.pictures)
        parts = [pictures, self.config.model_dump(mode="json"), self.options.model_dump(mode="json")]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class JobRequests:
    """Receives requests for jobs, as forms or as JSON."""

    def __init__(
        self,
        settings: ApiSettings,
        job_settings: JobSettings,
        temporary_files: TemporaryFiles,
        fetcher: PictureFetcher | None = None,
    ) -> None:
        self._settings, self._job_settings, self._temporary_files = settings, job_settings, temporary_files
        self._fetcher = fetcher or PictureFetcher(settings)
        self._json_bodies = asyncio.Semaphore(PARALLEL_JSON)

    @asynccontextmanager
    async def received(self, request: Request) -> AsyncIterator[JobRequest]:
        """Receive and validate a request, and fetch its pictures; its files are removed at the end of the block."""
        with self._temporary_files.folder("upload-") as folder:
            sources, rest = await self._receive(request, folder)
            job_request = self._checked(sources, rest)
            pictures = await self._fetched(sources, folder)
            film = await to_thread.run_sync(find_film, pictures)
            if problems := option_problems(job_request.options, film=film is not None):
                raise invalid_parameters(*problems)
            yield replace(job_request, pictures=pictures, film=film)

    @asynccontextmanager
    async def received_picture(self, request: Request) -> AsyncIterator[Upload]:
        """Receive or fetch a single picture, `content`; its file is removed at the end of the block."""
        with self._temporary_files.folder("upload-") as folder:
            sources, rest = await self._receive(request, folder)
            for name, _ in rest:
                raise invalid_parameters(InvalidField(pointer=pointer(name[:80]), detail="an asset has no parameters"))
            pictures = await self._fetched(sources, folder)
            if len(pictures) != 1 or not isinstance(pictures[0], Upload) or pictures[0].part != "content":
                detail = "send one picture, as content or content_url"
                raise invalid_parameters(InvalidField(pointer="#/content", detail=detail))
            yield pictures[0]

    async def _receive(self, request: Request, folder: Path) -> tuple[list[Source], list[Pair]]:
        """Return the pictures and the parameters of a request."""
        _check_encoding(request)
        media_type, _ = parse_options_header(request.headers.get("content-type", ""))
        timeout = self._job_settings.upload_timeout_seconds
        if media_type == FORM_TYPE.encode():
            entries = await received_form(request, self._settings, folder, timeout=timeout)
            return self._take_sources(read_pairs(entries), folder)
        if media_type == JSON_TYPE.encode():
            body = await received_json(request, self._settings, folder, timeout=timeout)
            async with self._json_bodies:
                return await to_thread.run_sync(lambda: self._take_sources(read_json(body), folder))
        raise ProblemError(415, "not_multipart", f"send the job as {FORM_TYPE} or {JSON_TYPE}")

    def _take_sources(self, pairs: Sequence[Pair], folder: Path) -> tuple[list[Source], list[Pair]]:
        settings = self._settings
        sources, rest = take_sources(
            pairs, folder, hosts=settings.picture_hosts, max_file_bytes=settings.max_file_bytes
        )
        _check_size(rest)
        return sources, rest

    def _checked(self, sources: Sequence[Source], rest: Sequence[Pair]) -> JobRequest:
        """Validate a request; raises ProblemError with every parameter that is wrong, or else every picture."""
        config, options = parse_params(
            rest,
            webhook_hosts=self._settings.webhook_hosts,
            default_model=self._job_settings.default_model,
            has_init_picture=any(source.part == INIT for source in sources),
        )
        problems = _picture_problems(sources, config)
        if problems:
            raise invalid_parameters(*problems)
        return JobRequest(config=config, options=options, pictures=sources)

    async def _fetched(self, sources: Sequence[Source], folder: Path) -> list[Source]:
        """Return the pictures, with uploads in place of addresses."""
        addresses = [source for source in sources if isinstance(source, Address)]
        others = [source for source in sources if not isinstance(source, Address)]
        if not addresses:
            return others
        already = sum(source.path.stat().st_size for source in others if isinstance(source, Upload))
        return [*others, *await self._fetcher.fetch(addresses, folder, already=already)]


def _check_size(pairs: Sequence[Pair]) -> None:
    """Refuse parameters that are larger than a form may send."""
    try:
        size = len(json.dumps(pairs))
    except RecursionError:
        size = MAX_PARAMS_BYTES + 1
    if size > MAX_PARAMS_BYTES:
        raise too_large("parameters", MAX_PARAMS_BYTES)


def _picture_problems(pictures: Sequence[Source], config: StyleConfig) -> list[InvalidField]:
    counts = Counter(picture.part for picture in pictures)
    styles, problems = counts["style"], []
    if not counts["content"]:
        problems.append(InvalidField(pointer="#/content", detail="the photo is missing"))
    if styles == 0:
        problems.append(InvalidField(pointer="#/style", detail="send a style picture or a style_name"))
    for part in MASKS:
        if counts[part] and counts[part] != styles:
            detail = f"send one mask for each style: {styles}, not {counts[part]}"
            problems.append(InvalidField(pointer=f"#/{part}", detail=detail))
    if config.layers_per_style is not None and len(config.layers_per_style) != styles:
        detail = f"has the layers of {len(config.layers_per_style)} styles for {styles} styles"
        problems.append(InvalidField(pointer="#/layers_per_style", detail=detail))
    if config.style_blend is not None and len(config.style_blend) != styles:
        detail = f"has {len(config.style_blend)} weights for {styles} styles"
        problems.append(InvalidField(pointer="#/style_blend", detail=detail))
    return problems


def _check_encoding(request: Request) -> None:
    """Refuse a compressed body by name, because it would look like one that is damaged."""
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        detail = f"the body has Content-Encoding: {encoding[:40]}; send it as it is"
        raise ProblemError(415, "content_encoding_unsupported", detail, headers={"Accept-Encoding": "identity"})
