"""The client for programs that wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from nst_client import calls
from nst_client.calls import Call, Picture
from nst_client.errors import JobEndedError, NotReachableError, WaitedTooLongError
from nst_client.events import Event, EventParser
from nst_client.job import Job, Page
from nst_client.retries import AGAIN, Retries

LOCAL = "http://127.0.0.1:8000"
LOOK_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Painted:
    """A finished picture: the file's bytes, and the job that made it."""

    data: bytes
    job: Job

    def save(self, path: str | Path) -> None:
        """Write the file."""
        Path(path).write_bytes(self.data)


class Client:
    """Talk to a service; every method raises ServiceError for a refusal and NotReachableError for silence."""

    def __init__(
        self,
        server: str = LOCAL,
        *,
        key: str | None = None,
        timeout: float = 60.0,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = httpx.Client(
            base_url=server,
            headers=calls.headers(key),
            timeout=timeout,
            transport=transport,
            follow_redirects=False,
            trust_env=not calls.is_local(server),
        )
        self._retries, self._sleep = retries or Retries(), sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def stylize(
        self,
        content: Picture,
        style: Picture | Sequence[Picture] = (),
        *,
        style_name: str | None = None,
        timeout: float | None = None,
        **parameters: Any,
    ) -> Painted:
        """Paint `content` in the manner of `style` and wait for the picture; raises JobEndedError if there is none."""
        job = self.submit(content, style, style_name=style_name, **parameters)
        job = self.wait(job.id, timeout=timeout)
        if job.status != "succeeded":
            raise JobEndedError(job)
        return Painted(data=self.result(job.id), job=job)

    def submit(
        self,
        content: Picture,
        style: Picture | Sequence[Picture] = (),
        *,
        style_name: str | None = None,
        masks: Sequence[Picture] = (),
        **parameters: Any,
    ) -> Job:
        """Create a job and return it, queued; files go by path or as bytes, parameters by the service's names."""
        styles = [style] if isinstance(style, bytes | str | Path) else style
        call = calls.create(content, styles, style_name=style_name, masks=masks, parameters=parameters)
        return Job.of(self._ask(call).json())

    def get(self, job_id: str) -> Job:
        """Look at a job."""
        return Job.of(self._ask(calls.look(job_id)).json())

    def jobs(self, *, status: str | None = None, limit: int = 50) -> Iterator[Job]:
        """Yield own jobs, newest first, page by page of `limit`."""
        cursor = None
        while True:
            page = Page.of(self._ask(calls.jobs(status=status, cursor=cursor, limit=limit)).json())
            yield from page.jobs
            if (cursor := page.next_cursor) is None:
                return

    def wait(self, job_id: str, *, timeout: float | None = None) -> Job:
        """Return the job once it has ended; raises WaitedTooLongError after `timeout` seconds."""
        waited = 0.0
        while not (job := self.get(job_id)).has_ended:
            if timeout is not None and waited >= timeout:
                raise WaitedTooLongError(job, timeout)
            self._sleep(LOOK_SECONDS)
            waited += LOOK_SECONDS
        return job

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop."""
        return Job.of(self._ask(calls.act(job_id, "cancel")).json())

    def retry(self, job_id: str) -> Job:
        """Make a new job of an ended one's pictures and parameters."""
        return Job.of(self._ask(calls.act(job_id, "retry")).json())

    def delete(self, job_id: str) -> None:
        """Remove a job and its pictures."""
        self._ask(calls.delete(job_id))

    def result(self, job_id: str, form: str | None = None) -> bytes:
        """Return the picture's file, as it is or as png, jpeg, webp or tiff."""
        return self._ask(calls.picture(job_id, "result", form)).content

    def preview(self, job_id: str) -> bytes:
        """Return the picture as far as it has come."""
        return self._ask(calls.picture(job_id, "preview")).content

    def timelapse(self, job_id: str) -> bytes:
        """Return the animated WebP of a job that was created with timelapse=True."""
        return self._ask(calls.picture(job_id, "timelapse")).content

    def events(self, job_id: str) -> Iterator[Event]:
        """Yield what happens to a job until it is completed; a stream that breaks is taken up where it was."""
        parser, failures = EventParser(), 0
        while True:
            headers = {"Accept": "text/event-stream", "Last-Event-ID": parser.last_id or "0"}
            error: httpx.TransportError | None = None
            try:
                with self._http.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as answer:
                    if answer.is_error:
                        answer.read()
                        raise calls.refusal(answer)
                    for line in answer.iter_lines():
                        if event := parser.feed(line):
                            failures = 0
                            yield event
                            if event.type == "completed":
                                return
            except httpx.TransportError as problem:
                error = problem
            failures += 1
            self._rest(self._retries.pause(failures), error)

    def _ask(self, call: Call) -> httpx.Response:
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = self._http.send(call.sent_by(self._http))
            except httpx.TransportError as error:
                self._rest(self._retries.pause(attempt), error)
                continue
            if not answer.is_error:
                return answer
            pause = self._retries.pause(attempt, answer.headers.get("Retry-After"))
            if answer.status_code not in AGAIN or pause is None:
                raise calls.refusal(answer)
            self._sleep(pause)

    def _rest(self, pause: float | None, error: httpx.TransportError | None) -> None:
        if pause is None:
            raise NotReachableError(f"{self._http.base_url} does not answer: {error or 'the stream ended'}") from error
        self._sleep(pause)
