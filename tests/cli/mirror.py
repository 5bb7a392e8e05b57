"""An HTTP server of files whose faults a test can choose."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Mirror:
    """Files by path, and the requests for them: path and Range header.

    `types`: content types by path. `bodies`: what was posted.
    `cuts`: for each response, the number of bytes after which the connection is closed. `ranges`: whether range
    requests are honored.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.cuts, self.ranges = files, list[int](), True
        self.types, self.bodies = dict[str, str](), list[bytes]()
        self.requests: list[tuple[str, str | None]] = []
        self.address = ""


@contextmanager
def serving(mirror: Mirror) -> Iterator[Mirror]:
    """Serve on a free port for the duration of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            mirror.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.do_GET()

        def do_DELETE(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            requested = self.headers.get("Range")
            mirror.requests.append((self.path, requested))
            data = mirror.files.get(self.path.lstrip("/"))
            if data is None:
                self.send_error(404)
                return
            match = re.fullmatch(r"bytes=(\d+)-", requested or "") if mirror.ranges else None
            start = int(match.group(1)) if match else 0
            if match and start >= len(data):
                self.send_error(416)
                return
            self.send_response(206 if match else 200)
            if match:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Type", mirror.types.get(self.path.lstrip("/"), "application/octet-stream"))
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            end = start + mirror.cuts.pop(0) if mirror.cuts else len(data)
            self.wfile.write(data[start:end])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    mirror.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield mirror
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
