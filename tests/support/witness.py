"""A log to be witnessed, grown as tiles with its own key, and the real witness beside it."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path
from urllib.parse import urlsplit

from traceability.ledger import merkle
from traceability.ledger.note import (
    COSIGNATURE_V1,
    ED25519,
    Checkpoint,
    Note,
    Signature,
    VerifierKey,
    parse_checkpoint,
    parse_note,
    sign_note,
    verify,
)
from traceability.ledger.tiles import Tiles
from traceability.signing.keys import PrivateKey
from traceability.witness.folder import init_witness, open_memory
from traceability.witness.memory import Memory, create
from traceability.witness.protocol import Answer, encode_request, parse_cosignatures
from traceability.witness.server import Server
from traceability.witness.service import Service

ORIGIN = "node.example/log"
NAME = "witness.example/w1"
DEADLINE_S = 30.0
START_S = 1_767_323_045
REAL = "import sys; from traceability.__main__ import main; sys.exit(main())"
"""The real program; a test may put other lines before it."""


class Log:
    """One history of a log: leaves, and a signed checkpoint at any size."""

    def __init__(self, origin: str = ORIGIN, key: PrivateKey | None = None) -> None:
        self.origin = origin
        self.key = key or PrivateKey.from_seed(b"\x07" * 32)
        self.size = 0
        self._tiles: dict[tuple[int, int], bytes] = {}
        self._tree = Tiles(lambda level, index: self._tiles.get((level, index), b""))

    @property
    def verifier(self) -> VerifierKey:
        return VerifierKey(self.origin, ED25519, self.key.public)

    def grow(self, size: int, word: str = "leaf") -> Log:
        """Append leaves until there are ``size``."""
        leaves = [merkle.leaf_hash(f"{word} {i}".encode()) for i in range(self.size, size)]
        changed, _ = self._tree.append(self.size, leaves)
        self._tiles |= changed
        self.size = max(size, self.size)
        return self

    def fork(self, at: int, size: int, word: str) -> Log:
        """The same log, key and first ``at`` leaves, rewritten from there on."""
        return Log(self.origin, self.key).grow(at).grow(size, word)

    def root(self, size: int) -> bytes:
        return self._tree.root(size)

    def proof(self, old: int, size: int) -> list[bytes]:
        return self._tree.consistency_proof(old, size) if 0 < old <= size else []

    def text(self, size: int) -> bytes:
        return Checkpoint(self.origin, size, self.root(size)).text()

    def note(self, size: int, *more: Signature) -> bytes:
        text = self.text(size)
        return Note(text, (sign_note(text, self.origin, self.key), *more)).encode()

    def request(self, old: int, size: int) -> bytes:
        return encode_request(old, self.proof(old, size), self.note(size))


@dataclass(frozen=True)
class Cosigned:
    """What a witness put its name to."""

    size: int
    root: bytes
    time_s: int


def cosigned(witness: VerifierKey, note: bytes, answer: Answer) -> Cosigned:
    """The cosignature in an answer, checked as a log would."""
    assert answer.status == 200, answer
    (signature,) = parse_cosignatures(answer.body)
    text = parse_note(note).text
    (checked,) = verify(Note(text, (signature,)), [witness])
    assert checked.by.kind == COSIGNATURE_V1
    assert checked.time_s is not None
    checkpoint = parse_checkpoint(text)
    return Cosigned(checkpoint.size, checkpoint.root, checked.time_s)


class WitnessProcess:
    """``traceability witness run`` on a free port of the loopback."""

    def __init__(self, folder: Path, program: str = REAL) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, "witness", "run", "--data", str(folder), "--port", "0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def address(self) -> str:
        """Where it listens, once it does."""
        line = self.wait_for('"listening"')
        return str(json.loads(line)["address"])

    def wait_for(self, words: str) -> str:
        """The first line on stderr with these words; fails at the end of the output or the deadline."""
        deadline = time.monotonic() + DEADLINE_S
        with self._news:
            while True:
                for line in self.said:
                    if words in line:
                        return line
                left = deadline - time.monotonic()
                if left <= 0 or not self._reader.is_alive():
                    raise AssertionError(f"nobody said {words!r} in {self.said}")
                self._news.wait(min(left, 1.0))

    def post(self, body: bytes) -> Answer:
        return call(self.address, "POST", "/add-checkpoint", body)

    def get(self, path: str) -> Answer:
        return call(self.address, "GET", path)

    def wait(self) -> int:
        code = self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        return code

    def close(self) -> int:
        """Ask it to end."""
        if self.process.poll() is None:
            self.process.terminate()
        code = self.wait()
        if self.process.stderr is not None:
            self.process.stderr.close()
        return code

    def _read(self) -> None:
        for line in self.process.stderr or ():
            with self._news:
                self.said.append(line.rstrip("\n"))
                self._news.notify_all()


def call(address: str, method: str, path: str, body: bytes | None = None) -> Answer:
    """One request on a connection of its own."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=DEADLINE_S)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        retry_s = response.headers["Retry-After"]
        body = response.read()
        again = None if retry_s is None else int(retry_s)
        return Answer(response.status, response.headers["Content-Type"], body, again)
    finally:
        connection.close()


def make_witness(folder: Path, logs: Sequence[Log], name: str = NAME, url: str | None = None) -> VerifierKey:
    """A witness on disk that watches these logs; a full one, if they are somewhere."""
    verifier = init_witness(folder, name, full=url is not None)
    with open_memory(folder) as memory:
        for log in logs:
            memory.trust(log.verifier, url)
    return verifier


@contextmanager
def running(folder: Path, program: str = REAL) -> Iterator[WitnessProcess]:
    """A witness that ends with the block."""
    process = WitnessProcess(folder, program)
    try:
        yield process
    finally:
        process.close()


def assert_one_history(histories: Sequence[Log], seen: Sequence[Cosigned]) -> None:
    """No two cosigned checkpoints contradict one another; sizes and times never go back.

    Judged by the leaves themselves: one history must have the roots of both neighbours.
    """
    for before, after in pairwise(seen):
        assert before.size <= after.size, "the tree shrank"
        assert before.time_s <= after.time_s, "time went back"
        assert any(
            all(one.size <= log.size and log.root(one.size) == one.root for one in (before, after))
            for log in histories
        ), f"inconsistent checkpoints were cosigned: {before} and {after}"


@dataclass
class Served:
    """A witness that listens in this process, with a clock that ticks a second at each look."""

    service: Service
    memory: Memory
    address: str
    said: list[str]

    def post(self, body: bytes) -> Answer:
        return call(self.address, "POST", "/add-checkpoint", body)


@contextmanager
def serving(
    folder: Path, *logs: Log, request_s: float = 20.0, max_connections: int = 64, url: str | None = None
) -> Iterator[Served]:
    """The real server in a thread, on a memory of its own that watches these logs; full, if at a URL."""
    create(folder / "w.sqlite", NAME, full=url is not None)
    memory, ticks, said = Memory(folder / "w.sqlite"), count(START_S), list[str]()

    def say(level: str, message: str, **_: object) -> None:
        said.append(f"{level}: {message}")

    service = Service(NAME, PrivateKey.generate(), memory, lambda: next(ticks), say)
    for log in logs:
        memory.trust(log.verifier, url)
    server = Server("127.0.0.1", 0, service, request_s=request_s, max_connections=max_connections)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Served(service, memory, server.address, said)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        memory.close()
