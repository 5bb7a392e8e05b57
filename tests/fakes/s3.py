"""An S3 server (moto) that runs in a thread of this process and is reached over HTTP."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
from obstore.store import S3Store

from jobs.settings import JobSettings

if TYPE_CHECKING:
    from obstore.store import S3Config


@dataclass(frozen=True)
class FakeS3:
    """A running server."""

    url: str

    def bucket(self) -> str:
        """Create a bucket and return its name."""
        name = f"pictures-{secrets.token_hex(6)}"
        httpx.put(f"{self.url}/{name}", trust_env=False).raise_for_status()
        return name

    def store(self, bucket: str) -> S3Store:
        """Return direct access to a bucket."""
        config: S3Config = {"endpoint": self.url, "region": "us-east-1", "access_key_id": "a", "secret_access_key": "b"}
        return S3Store(bucket, config=config, client_options={"allow_http": True})

    def environment(self, bucket: str) -> dict[str, str]:
        """Return the environment of a process that stores its pictures in a bucket."""
        return {
            "NST_STORAGE": f"s3://{bucket}",
            "NST_S3_ENDPOINT": self.url,
            "NST_S3_REGION": "us-east-1",
            "NST_S3_ACCESS_KEY": "key",
            "NST_S3_SECRET_KEY": "secret",
            "NST_S3_TIMEOUT_SECONDS": "5",
        }

    def settings(self, bucket: str) -> JobSettings:
        """Return the settings for a bucket."""
        values = {name.removeprefix("NST_").lower(): value for name, value in self.environment(bucket).items()}
        return JobSettings.model_validate(values)


@contextmanager
def running_s3() -> Iterator[FakeS3]:
    """Run a server until the block ends."""
    from moto.server import ThreadedMotoServer  # takes a second, and few tests need it

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield FakeS3(f"http://{host}:{port}")
    finally:
        server.stop()
