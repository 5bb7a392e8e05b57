"""A running service as its clients see it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from jobs.status import Status
from tests.waiting import until


class Service:
    """A service at an address; `data_dir` is where it keeps its pictures."""

    def __init__(self, url: str, data_dir: Path) -> None:
        self.url, self.data_dir = url, data_dir
        self.http = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def is_ready(self) -> bool:
        """Tell whether the API answers and reaches Redis."""
        return self.http.get("/readyz").is_success

    def create(self, files: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """Create a job and return it."""
        answer = self.http.post("/v1/jobs", data={name: str(value) for name, value in fields.items()}, files=files)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        return dict(answer.json())

    def job(self, job_id: str) -> dict[str, Any]:
        """Return a job."""
        return dict(self.http.get(f"/v1/jobs/{job_id}").json())

    def wait_for(self, job_id: str, *statuses: str) -> dict[str, Any]:
        """Return a job once it has one of the statuses, by default once it has ended."""
        wanted = statuses or tuple(status for status in Status if status.is_terminal)
        return dict(until(lambda: (job := self.job(job_id))["status"] in wanted and job, f"the job is never {wanted}"))

    def cancel_all(self) -> None:
        """Cancel every job that is queued or running, and wait until all have ended."""
        while jobs := [job for status in ("queued", "running") for job in self._jobs(status)]:
            for job in jobs:
                self.http.post(job["urls"]["cancel"])
            self.wait_for(jobs[0]["id"])

    def stored(self) -> set[Path]:
        """Return the files of stored pictures and of uploads that are being received."""
        folders = (self.data_dir / "blobs", self.data_dir / "incoming")
        return {path for folder in folders for path in folder.rglob("*") if path.is_file()}

    def _jobs(self, status: str) -> list[dict[str, Any]]:
        return list(self.http.get("/v1/jobs", params={"status": status, "limit": 100}).json()["jobs"])
