"""The synchronous client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from nst_client import calls
from nst_client.calls import Call, Picture, Pictures
from nst_client.errors import JobEndedError, ServiceError, WaitedTooLongError
from nst_client.events import Event, EventParser
from nst_client.job import Job, Painted
from nst_client.retries import Attempts, Retries
from nst_client.usage import Usage

DEFAULT_SERVER = "http://127.0.0.1:8000"
POLL_SECONDS = 0.5
T = TypeVar("T")


class Client:
    """A connection to a service.

    Images are given as bytes, as a file open in binary mode, by path or as a URL, which the service fetches. Every
    method raises ServiceError if the service refuses the request, NotReachableError if it does not respond, and
    ArgumentError if an argument cannot be sent, such as an empty image.
    """

    def __init__(
        self,
        server: str = DEFAULT_SERVER,
        *,
        key: str | None = None,
        timeout: float = 60.0,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = httpx.Client(**calls.client_options(server, key, timeout), transport=transport)
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
        style: Pictures = (),
        *,
        style_name: str | Sequence[str] | None = None,
        timeout: float | None = None,
        **parameters: Any,
    ) -> Painted:
        """Submit a job and return its result.

        Raises JobEndedError if the job does not succeed, and WaitedTooLongError after `timeout` seconds.
        """
        job = self.submit(content, style, style_name=style_name, **parameters)
        job = self.wait(job.id, timeout=timeout)
        if job.status != "succeeded":
            raise JobEndedError(job)
        return Painted(data=self.result(job.id), job=job)

    def submit(
        self,
        content: Picture,
        style: Pictures = (),
        *,
        style_name: str | Sequence[str] | None = None,
        masks: Pictures = (),
        style_masks: Pictures = (),
        init_image: Picture | None = None,
        output_format: str | None = None,
        fps: float | None = None,
        start: float | None = None,
        end: float | None = None,
        quality: int | None = None,
        **parameters: Any,
    ) -> Job:
        """Create a job; the parameters are those of the HTTP API.

        `style_name` adds built-in styles after those in `style`; a StyleName in `style` keeps its place.
        The job starts from `init_image`, or from the result of the job whose id is `init_job`.

        `content` may be a film. Of it, the part from second `start` to second `end` is painted, `fps` frames for each
        second, and written in the `output_format` mp4, webm, gif or webp in a `quality` of 1 to 100.
        """
        call = calls.submit(
            content,
            style,
            style_name=style_name,
            masks=masks,
            style_masks=style_masks,
            init_image=init_image,
            film={"output_format": output_format, "fps": fps, "from": start, "to": end, "quality": quality},
            parameters=parameters,
        )
        return self._send(call)

    def keep(self, picture: Picture) -> str:
        """Upload a picture once and return its content address, which takes its place in further jobs."""
        return self._send(calls.keep(picture))

    def discard(self, asset: str) -> None:
        """Delete a kept picture."""
        self._send(calls.discard(asset))

    def get(self, job_id: str) -> Job:
        """Return a job."""
        return self._send(calls.get(job_id))

    def jobs(self, *, status: str | None = None, limit: int = 50) -> Iterator[Job]:
        """Yield all jobs of this key, newest first; each request asks for `limit` of them."""
        cursor = None
        while True:
            page = self._send(calls.jobs(status=status, cursor=cursor, limit=limit))
            yield from page.jobs
            if (cursor := page.next_cursor) is None:
                return

    def wait(self, job_id: str, *, timeout: float | None = None) -> Job:
        """Return the job once it has ended; raises WaitedTooLongError after `timeout` seconds."""
        waited = 0.0
        while not (job := self.get(job_id)).has_ended:
            if timeout is not None and waited >= timeout:
                raise WaitedTooLongError(job, timeout)
            self._sleep(POLL_SECONDS)
            waited += POLL_SECONDS
        return job

    def cancel(self, job_id: str) -> Job:
        """Cancel a job; a running one stops after its current iteration."""
        return self._send(calls.cancel(job_id))

    def retry(self, job_id: str) -> Job:
        """Create a job with the images and parameters of one that has ended."""
        return self._send(calls.retry(job_id))

    def delete(self, job_id: str) -> None:
        """Delete a job and its images."""
        self._send(calls.delete(job_id))

    def result(self, job_id: str, form: str | None = None) -> bytes:
        """Return the file of the result, a picture converted to png, jpeg, webp or tiff if `form` is given."""
        return self._send(calls.image(job_id, "result", form))

    def preview(self, job_id: str) -> bytes:
        """Return the latest preview of a running job."""
        return self._send(calls.image(job_id, "preview"))

    def timelapse(self, job_id: str) -> bytes:
        """Return the animated WebP of a job that was submitted with `timelapse=True`."""
        return self._send(calls.image(job_id, "timelapse"))

    def events(self, job_id: str) -> Iterator[Event]:
        """Yield the events of a job until it has completed; resumes the stream if the connection is lost."""
        path, parser = calls.events_path(job_id), EventParser()
        attempts = Attempts(self._retries, self._http.base_url)
        while True:
            lost: httpx.TransportError | None = None
            try:
                with self._http.stream("GET", path, headers=parser.headers) as response:
                    if response.is_error:
                        response.read()
                        raise ServiceError.from_response(response)
                    if response.status_code == 204:  # the last event was `completed`
                        return
                    for line in response.iter_lines():
                        if event := parser.feed(line):
                            attempts.reset()
                            yield event
                            if event.type == "completed":
                                return
            except httpx.TransportError as error:
                lost = error
            self._sleep(attempts.no_response(lost))

    def styles(self) -> tuple[Mapping[str, Any], ...]:
        """Return the built-in styles, as the service's JSON."""
        return self._send(calls.catalogue("styles"))

    def presets(self) -> tuple[Mapping[str, Any], ...]:
        """Return the presets, as the service's JSON."""
        return self._send(calls.catalogue("presets"))

    def usage(self, *, days: int = 30, until: date | None = None, all_keys: bool = False) -> tuple[Usage, ...]:
        """Return what this key, or for operators every key, used on each of the `days` that end with `until`."""
        return self._send(calls.usage(days=days, until=until, all_keys=all_keys))

    def _send(self, call: Call[T]) -> T:
        attempts = Attempts(self._retries, self._http.base_url)
        while True:
            try:
                response = self._http.send(call.build(self._http))
            except httpx.TransportError as error:
                pause = attempts.no_response(error)
            else:
                if response.is_success:
                    return call.read(response)
                pause = attempts.error_response(response)
            self._sleep(pause)
