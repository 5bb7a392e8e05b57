"""A server of pictures that speaks https with a certificate of its own, and answers as a test tells it to."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "pictures.example.com"
Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class WebServer:
    """A running server; `answers` maps a path to what answers it, `seen` lists the requests."""

    port: int
    certificate: Path
    answers: dict[str, Answer] = field(default_factory=dict)
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)  # method, path, headers, body

    def url(self, path: str, host: str = HOST) -> str:
        """Return the address of a path."""
        return f"https://{host}:{self.port}{path}"

    def serve(self, path: str, data: bytes, media_type: str = "image/png", status: int = 200) -> str:
        """Answer a path with a file, and return its address."""
        self.answers[path] = lambda request: send(request, data, media_type, status=status)
        return self.url(path)


def send(request: BaseHTTPRequestHandler, data: bytes, media_type: str, *, status: int = 200, **headers: str) -> None:
    """Send a whole response."""
    request.send_response(status)
    for name, value in {"Content-Type": media_type, "Content-Length": str(len(data)), **headers}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(data)


def stream(request: BaseHTTPRequestHandler, pieces: Iterator[bytes], media_type: str = "image/png") -> None:
    """Send a response without a length, until the client leaves."""
    request.send_response(200)
    request.send_header("Content-Type", media_type)
    request.end_headers()
    with suppress(OSError):
        for piece in pieces:
            request.wfile.write(piece)


@contextmanager
def running_web_server(folder: Path) -> Iterator[WebServer]:
    """Run a server until the block ends; its certificate is for HOST, localhost and 127.0.0.1."""
    certificate = write_certificate(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            server.seen.append((self.command, self.path, dict(self.headers), body))
            answer = server.answers.get(self.path)
            if answer is None:
                self.send_error(404)
            else:
                answer(self)

        def do_PUT(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: object) -> None:
            """Say nothing: clients leave in the middle on purpose."""

    http = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    http.socket = context.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
    server = WebServer(http.server_port, certificate)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()


def write_certificate(folder: Path) -> Path:
    """Write a self-signed certificate and its key into one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nst tests")])
    names = [x509.DNSName(HOST), x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "certificate.pem"
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
