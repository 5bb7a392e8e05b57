"""A request for a job: received, parsed and validated once, as a whole."""

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request

from api.problems import InvalidField, invalid_parameters
from api.settings import ApiSettings
from api.submission.multipart import Form, Upload, received_form
from api.submission.params import JobOptions, parse_params
from api.temporary_files import TemporaryFiles
from jobs.settings import JobSettings
from nst_engine.spec.config import StyleConfig


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """A complete and valid request; `options.style_name` stands for the style picture if there is no upload."""

    config: StyleConfig
    options: JobOptions
    content: Upload
    styles: Sequence[Upload]
    masks: Sequence[Upload]

    @property
    def fingerprint(self) -> str:
        """Identify the request by its files and complete parameters; requests that differ in encoding are equal."""
        files = [(upload.part, upload.sha256) for upload in (self.content, *self.masks, *self.styles)]
        parts = [files, self.config.model_dump(mode="json"), self.options.model_dump(mode="json")]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@asynccontextmanager
async def received_job_request(
    request: Request, settings: ApiSettings, job_settings: JobSettings, temporary_files: TemporaryFiles
) -> AsyncIterator[JobRequest]:
    """Receive and validate a request for a job; its files are removed at the end of the block."""
    async with received_form(request, settings, temporary_files, timeout=job_settings.upload_timeout_seconds) as form:
        yield parse_job_request(form, webhook_hosts=settings.webhook_hosts, default_model=job_settings.default_model)


def parse_job_request(form: Form, *, webhook_hosts: Sequence[str] = (), default_model: str = "lite") -> JobRequest:
    """Validate a form; raises ProblemError with every parameter that is wrong, or else every file."""
    config, options = parse_params(form.fields, webhook_hosts=webhook_hosts, default_model=default_model)
    styles, masks = form.part("style"), form.part("mask")
    problems = _file_problems(form, config, options)
    if problems:
        raise invalid_parameters(*problems)
    (content,) = form.part("content")
    return JobRequest(config=config, options=options, content=content, styles=styles, masks=masks)


def _file_problems(form: Form, config: StyleConfig, options: JobOptions) -> list[InvalidField]:
    styles, masks, named = form.part("style"), form.part("mask"), options.style_name is not None
    count = len(styles) + named
    problems = []
    if not form.part("content"):
        problems.append(InvalidField(pointer="#/content", detail="the photo is missing"))
    if count == 0:
        problems.append(InvalidField(pointer="#/style", detail="send a style picture or a style_name"))
    if styles and named:
        problems.append(InvalidField(pointer="#/style_name", detail="send style pictures or a style_name, not both"))
    if masks and len(masks) != count:
        detail = f"send one mask for each style: {count}, not {len(masks)}"
        problems.append(InvalidField(pointer="#/mask", detail=detail))
    if config.style_blend is not None and len(config.style_blend) != count:
        detail = f"has {len(config.style_blend)} weights for {count} styles"
        problems.append(InvalidField(pointer="#/style_blend", detail=detail))
    return problems
