"""The URLs in answers: paths below the root path, and signed ones for pictures."""

from dataclasses import dataclass, field

from api.security.signed_urls import Signer


@dataclass(frozen=True, kw_only=True)
class Urls:
    """Turn paths into URLs for one caller; equal objects make equal URLs until `expires`."""

    root_path: str
    owner: str = ""
    expires: int = 0
    signer: Signer | None = field(default=None, compare=False)

    def link(self, path: str) -> str:
        """Return the URL of a path."""
        return self.root_path + path

    def picture(self, path: str) -> str:
        """Return the URL of a picture, which an <img> can load without sending an API key."""
        return self.link(path if self.signer is None else self.signer.sign(path, self.owner, self.expires))


def job_path(job_id: str) -> str:
    """Return the path of a job below the root path."""
    return f"/v1/jobs/{job_id}"
