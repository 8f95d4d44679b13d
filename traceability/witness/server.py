"""HTTP around a witness: one path to post to, a few to read, everything else is not found.

Whoever connects gets so many bytes and so many seconds a request, and one of a fixed
number of places; what is over is closed.
"""

from __future__ import annotations

import io
import re
import socket
import socketserver
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

from traceability.errors import MalformedError, TraceabilityError
from traceability.ledger.tiles import parse_tile_path
from traceability.peer import Inlet
from traceability.witness import pages
from traceability.witness.protocol import MAX_BODY, PATH, TEXT_TYPE, Answer
from traceability.witness.service import Service, refusal

MAX_HEADERS: Final = 16_384  # bytes, request line included
MAX_CONNECTIONS: Final = 64
REQUEST_S: Final = 20.0
"""For a whole request, and for waiting for the next one; an answer may take as long again."""

_CHECKPOINT: Final = re.compile(r"/([0-9a-f]{64})/checkpoint")
_TILE: Final = re.compile(r"/([0-9a-f]{64})/(tile/.{1,100})")
TILE_TYPE: Final = "application/octet-stream"
_LENGTH: Final = re.compile(r"0|[1-9][0-9]{0,9}")
NOT_FOUND: Final = Answer(404, TEXT_TYPE, b"there is nothing here\n")
NO_LENGTH: Final = Answer(411, TEXT_TYPE, b"say Content-Length, once, and no Transfer-Encoding\n")
TOO_LARGE: Final = Answer(413, TEXT_TYPE, b"a request has at most %d bytes\n" % MAX_BODY)
INCOMPLETE: Final = Answer(400, TEXT_TYPE, b"the body ended too early\n")


class Server(socketserver.ThreadingTCPServer):
    """Listens for one witness; a thread a connection."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = MAX_CONNECTIONS

    def __init__(
        self,
        host: str,
        port: int,
        service: Service,
        *,
        request_s: float = REQUEST_S,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        """Bind; ``serve_forever`` answers.

        Raises:
            OSError: the address is taken or is not this machine's.
        """
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.service = service
        self.request_s = request_s
        self._places = threading.BoundedSemaphore(max_connections)
        super().__init__((host, port), Handler)

    @property
    def address(self) -> str:
        """Where it listens, as a URL: its submission and its monitoring prefix."""
        host, port = self.socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the connection a place and a thread, or close it."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that went away is nobody's fault; the rest is told."""
        error = sys.exception()
        if not isinstance(error, OSError):
            self.service.say("error", f"a request failed: {error!r}")


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"  # connections are kept open
    server_version = "traceability-witness"
    sys_version = ""

    def setup(self) -> None:
        """Read through the inlet, which counts bytes and seconds."""
        super().setup()
        self._inlet = Inlet(self.connection)
        self.rfile.close()
        self.rfile = io.BufferedReader(self._inlet)

    def handle_one_request(self) -> None:
        """One request, within its bytes and seconds."""
        self._inlet.allow(MAX_HEADERS + MAX_BODY, self.server.request_s)
        super().handle_one_request()

    def do_POST(self) -> None:
        """Cosign a checkpoint."""
        self._send(self._posted() if self.path == PATH else self._closing(NOT_FOUND))

    def do_GET(self) -> None:
        """Say who this is, what a log's newest checkpoint is, what is held against logs."""
        if self.headers.get("Content-Length") or self.headers.get("Transfer-Encoding"):
            self.close_connection = True  # a body that nobody reads would be taken for the next request
        try:
            self._send(self._read())
        except TraceabilityError as error:
            self._send(refusal(error))

    def _read(self) -> Answer:
        service = self.server.service
        if self.path == "/":
            text = "\n".join(pages.about(service.verifier, service.memory)) + "\n"
        elif self.path == "/evidence":
            text = pages.evidence(service.memory)
        elif found := _CHECKPOINT.fullmatch(self.path):
            note = service.checkpoint(found[1])
            return NOT_FOUND if note is None else Answer(200, TEXT_TYPE, note)
        elif found := _TILE.fullmatch(self.path):
            return self._tile(found[1], found[2])
        else:
            return NOT_FOUND
        return Answer(200, TEXT_TYPE, text.encode())

    def _tile(self, origin_hash: str, path: str) -> Answer:
        try:
            data = self.server.service.tile(origin_hash, parse_tile_path(path))
        except MalformedError:
            return NOT_FOUND
        return NOT_FOUND if data is None else Answer(200, TILE_TYPE, data)

    def _posted(self) -> Answer:
        lengths = self.headers.get_all("Content-Length", [])
        if len(lengths) != 1 or not _LENGTH.fullmatch(lengths[0]) or "Transfer-Encoding" in self.headers:
            return self._closing(NO_LENGTH)
        if (length := int(lengths[0])) > MAX_BODY:
            return self._closing(TOO_LARGE)
        body = self.rfile.read(length)
        if len(body) != length:
            return self._closing(INCOMPLETE)
        return self.server.service.add_checkpoint(body)

    def _closing(self, answer: Answer) -> Answer:
        """An answer after which the connection ends: what is left of the request is not read."""
        self.close_connection = True
        return answer

    def _send(self, answer: Answer) -> None:
        self.connection.settimeout(self.server.request_s)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.media_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if answer.retry_s is not None:
            self.send_header("Retry-After", str(answer.retry_s))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library refuses by itself, in plain text; another method is not found."""
        text = f"{HTTPStatus(code).phrase}\n".encode()
        unknown = code == HTTPStatus.NOT_IMPLEMENTED
        self._send(self._closing(NOT_FOUND if unknown else Answer(code, TEXT_TYPE, text)))

    def log_message(self, *_: Any, **__: Any) -> None:
        """Requests are not logged; what matters is said by the service."""
