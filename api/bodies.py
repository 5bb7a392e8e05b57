"""Jobs as JSON: what was written for a job is sent again as long as it is the very same job."""

import json
from typing import Any

from api.schemas import Link, job_view
from jobs.model import Job

KEPT = 2000  # texts held in memory, the latest ones

Reader = tuple[str, ...]  # all that a text depends on beside the job: whose links it holds, and until when


class Bodies:
    """Write jobs. The store gives the same object for a job that has not changed, see `jobs.store.job_reader`."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, Reader], tuple[Job, bytes]] = {}

    def of(self, job: Job, reader: Reader, *, link: Link, picture: Link) -> bytes:
        """Return the JSON of a job; `link` and `picture` turn paths into URLs for this reader."""
        known = self._kept.get((job.id, reader))
        if known is not None and known[0] is job:
            return known[1]
        body = json_bytes(job_view(job, link=link, picture=picture))
        self._kept.pop((job.id, reader), None)
        self._kept[job.id, reader] = job, body
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return body


def json_bytes(value: Any) -> bytes:
    """Write JSON that was made here and need not be validated."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
