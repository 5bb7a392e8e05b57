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

BUCKET = "pictures"


class CountedS3:
    """Counts what passes, by the kind of picture: requests, bytes written and bytes read."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.written: Counter[str] = Counter()
        self.fetched: Counter[str] = Counter()
        self._app = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        """Serve one request."""
        kind = _kind(environ["PATH_INFO"])
        self.requests[kind] += 1
        self.written[kind] += int(environ.get("CONTENT_LENGTH") or 0)
        answer: Iterable[bytes] = self._app(environ, start_response)
        for piece in answer:
            self.fetched[kind] += len(piece)
            yield piece

    def clear(self) -> None:
        """Begin to count anew."""
        for counter in (self.requests, self.written, self.fetched):
            counter.clear()


def _kind(path: str) -> str:
    """Return what an object is: /pictures/nst/JOB/preview-TOKEN.webp is a preview."""
    parts = path.strip("/").split("/")
    return parts[3].partition("-")[0] if len(parts) == 4 else "others"


@contextmanager
def counted_s3() -> Iterator[tuple[CountedS3, dict[str, str]]]:
    """Run a server; yield its counts, and what the service must be told to use it."""
    import httpx

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = CountedS3()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.port}"
    httpx.put(f"{url}/{BUCKET}", trust_env=False).raise_for_status()
    try:
        yield (
            app,
            {
                "NST_STORAGE": f"s3://{BUCKET}",
                "NST_S3_ENDPOINT": url,
                "NST_S3_REGION": "us-east-1",
                "NST_S3_ACCESS_KEY": "key",
                "NST_S3_SECRET_KEY": "secret",
            },
        )
    finally:
        server.shutdown()
