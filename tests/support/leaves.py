"""A log of real records and state leaves, served as tiles; it can lie in any one of them.

log = LeafLog().records("a", "b", "a").end()      three records and a state leaf: a checkpoint
log.end(streams=9)                                 one that lies about its state
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.witness import ORIGIN, START_S, Log
from traceability import media
from traceability.errors import MalformedError
from traceability.ledger import merkle
from traceability.ledger.record import GENESIS, Record
from traceability.ledger.state import StateLeaf, StateTree, stream_hash
from traceability.ledger.tiles import encode_bundle, parse_tile_path
from traceability.signing.keys import PrivateKey

COMMITMENT = b"\x0c" * 32


class LeafLog(Log):
    """A log, its leaves' data, and the state that they give; it starts half a minute before the witness."""

    def __init__(self, origin: str = ORIGIN, key: PrivateKey | None = None) -> None:
        super().__init__(origin, key)
        self.entries: list[bytes] = []
        self.state = StateTree({})
        self.now_ms = (START_S - 30) * 1000

    def records(self, *streams: str, **lies: Any) -> LeafLog:
        """A record on each of these streams; lies are told in all of them."""
        for name in streams:
            self.now_ms += 1
            uri = f"https://node.example/8004/{name}"
            count, head = self.state.heads([stream_hash(uri)]).get(stream_hash(uri), (0, GENESIS))
            honest = Record(uri, count, head, self.now_ms, media.FRAME, COMMITMENT)
            record = replace(honest, **lies)
            self.state = self.state.updated({stream_hash(uri): (count + 1, record.hash)})
            self.add(record.text())
        return self

    def end(self, **lies: Any) -> LeafLog:
        """The state leaf of a checkpoint."""
        self.now_ms += 1
        honest = StateLeaf(self.size, self.state.streams, self.state.root, self.now_ms)
        return self.add(replace(honest, **lies).text())

    def add(self, *entries: bytes) -> LeafLog:
        """Leaves as they are."""
        changed, _ = self._tree.append(self.size, [merkle.leaf_hash(entry) for entry in entries])
        self._tiles |= changed
        self.entries += entries
        self.size = len(self.entries)
        return self

    def served(self, path: str) -> bytes:
        """A tile or an entry bundle, by its path below the log's prefix."""
        place = parse_tile_path(path)
        if place.level is None:
            first = place.index * 256
            return encode_bundle(self.entries[first : first + place.width])
        return self._tiles[place.level, place.index][: 32 * place.width]


def grown(size: int, streams: Sequence[str] = ("a", "b", "c"), every: int = 4) -> LeafLog:
    """A log of at least ``size`` leaves with a checkpoint after every few records, and one at its end."""
    log, number = LeafLog(), 0
    while log.size < size - 1:
        log.records(streams[number % len(streams)])
        number += 1
        if number % every == 0 and log.size < size - 1:
            log.end()
    return log.end()


class TileServer(ThreadingHTTPServer):
    """A log's tiles over HTTP; ``lies`` are other bytes for some paths, ``answer`` may answer by itself."""

    daemon_threads = True

    def __init__(self, log: LeafLog) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.log = log
        self.lies: dict[str, bytes] = {}
        self.answer: Callable[[BaseHTTPRequestHandler], bool] = lambda _: False
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/log"


class _Handler(BaseHTTPRequestHandler):
    server: TileServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.removeprefix("/log/")
        self.server.asked.append(path)
        if self.server.answer(self):
            self.close_connection = True
            return
        lie = self.server.lies.get(path)
        body = self._honest(path) if lie is None else lie
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def _honest(self, path: str) -> bytes | None:
        if path == "checkpoint":
            return self.server.log.note(self.server.log.size)
        try:
            return self.server.log.served(path)
        except (KeyError, MalformedError):
            return None

    def log_message(self, *_: Any, **__: Any) -> None:
        """Nothing."""


@contextmanager
def tiles_of(log: LeafLog) -> Iterator[TileServer]:
    """A log that is served."""
    server = TileServer(log)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
