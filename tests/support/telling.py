"""An HTTP server and a mail server that keep what they are given and answer as a test says."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Posted:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Taker:
    """Where a server is, what it was given, and its next answer."""

    url: str = ""
    given: list[Posted] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    hold: threading.Event | None = None


@contextmanager
def http_server() -> Iterator[Taker]:
    """A server on a loopback address."""
    taker = Taker()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taker.given.append(Posted(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            if taker.hold is not None:
                taker.hold.wait(10)
            self.send_response(taker.status)
            for name, value in {"Content-Length": str(len(taker.body)), **taker.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(taker.body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    taker.url = f"http://127.0.0.1:{server.server_port}/alarms"
    with _serving(server):
        yield taker


@contextmanager
def mail_server() -> Iterator[Taker]:
    """A server that speaks as much SMTP (RFC 5321) as a message needs, and offers no TLS."""
    taker = Taker(status=250)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 test")
            while line := self.rfile.readline().decode().strip():
                verb = line.split(" ")[0].upper().split(":")[0]
                if verb == "DATA":
                    self._say("354 go on")
                    lines = []
                    while (text := self.rfile.readline().decode()) != ".\r\n":
                        lines.append(text)
                    if taker.status == 250:
                        taker.mails.append("".join(lines))
                    self._say(f"{taker.status} there it is")
                elif verb == "QUIT":
                    self._say("221 bye")
                    return
                else:
                    self._say("250 ok")

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    taker.url = f"smtp://127.0.0.1:{server.server_address[1]}"
    with _serving(server):
        yield taker


@contextmanager
def _serving(server: socketserver.TCPServer) -> Iterator[None]:
    ended: Callable[[], None] = server.shutdown
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended()
        server.server_close()
        thread.join(10)
