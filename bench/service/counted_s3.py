"""An S3 server that counts requests and bytes: moto's, over real HTTP."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from tests.fakes.s3 import FakeS3


class CountedS3:
    """Counts requests, bytes written and bytes read, by kind of picture."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.written: Counter[str] = Counter()
        self.read: Counter[str] = Counter()
        self._app = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        """Serve one request."""
        kind = _kind(environ["PATH_INFO"])
        self.requests[kind] += 1
        self.written[kind] += int(environ.get("CONTENT_LENGTH") or 0)
        answer: Iterable[bytes] = self._app(environ, start_response)
        for piece in answer:
            self.read[kind] += len(piece)
            yield piece

    def clear(self) -> None:
        """Set all counts to zero."""
        for counter in (self.requests, self.written, self.read):
            counter.clear()


def _kind(path: str) -> str:
    """Return the kind of an object: /BUCKET/nst/JOB/preview-TOKEN.webp is a preview."""
    parts = path.strip("/").split("/")
    return parts[3].partition("-")[0] if len(parts) == 4 else "others"


@contextmanager
def counted_s3() -> Iterator[tuple[CountedS3, dict[str, str]]]:
    """Run a server; yield its counts and the settings of a service that uses it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = CountedS3()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = FakeS3(f"http://127.0.0.1:{server.port}")
    try:
        yield app, client.environment(client.bucket())
    finally:
        server.shutdown()
