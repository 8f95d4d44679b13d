"""A log that lies in its leaves, with its own key, and a server that serves whatever it likes."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import signal
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.support.leaves import LeafLog, TileServer, grown, tiles_of
from tests.support.witness import (
    REAL,
    START_S,
    Cosigned,
    Served,
    call,
    cosigned,
    make_witness,
    running,
    serving,
)
from traceability.__main__ import main
from traceability.ledger import merkle
from traceability.ledger.note import parse_note, verify
from traceability.ledger.proof import parse_proof, verify_proof
from traceability.ledger.tiles import encode_bundle, parse_bundle
from traceability.witness.evidence import Kind
from traceability.witness.folder import open_memory
from traceability.witness.follower import Follower
from traceability.witness.protocol import Answer

HONEST = 6


class Full:
    """A full witness, the log it watches, and the server that it reads the log from."""

    def __init__(self, witness: Served, tiles: TileServer) -> None:
        self.witness, self.tiles, self.log = witness, tiles, tiles.log

    def ask(self, old: int, log: LeafLog | None = None, size: int | None = None) -> Answer:
        log = log or self.log
        return self.witness.post(log.request(old, size or log.size))

    def cosign(self, old: int) -> Cosigned:
        return cosigned(self.witness.service.verifier, self.log.note(self.log.size), self.ask(old))

    @property
    def held(self) -> int:
        return self.witness.memory.held(self.log.origin).size

    @property
    def reach(self) -> int:
        with self.witness.memory.mirror(self.log.origin) as mirror:
            return mirror.reach().size


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Full]:
    """One that has cosigned six leaves."""
    log = LeafLog().records("a", "b", "a", "c", "b").end()
    with tiles_of(log) as tiles, serving(tmp_path, log, url=tiles.url) as witness:
        made = Full(witness, tiles)
        assert made.cosign(0).size == HONEST
        yield made


def test_what_grows_is_fetched_checked_kept_and_cosigned(full: Full):
    for old in (HONEST, HONEST + 3, HONEST + 6):
        full.log.records("a", "new").end()
        assert full.cosign(old).size == full.reach == old + 3
    full.tiles.asked.clear()
    assert full.cosign(full.log.size).size == full.log.size, "the same again"
    assert full.tiles.asked == []


LIES: dict[str, tuple[Callable[[LeafLog], object], str]] = {
    "a number left out": (lambda log: log.records("a", seq=7).end(), "number in"),
    "a number again": (lambda log: log.records("a", seq=0).end(), "number in"),
    "another record before it": (lambda log: log.records("a", prev=b"\1" * 32).end(), "previous hash in"),
    "a time that goes back": (lambda log: log.records("a", time_ms=5).end(), "time: expected"),
    "another state root": (lambda log: log.records("a").end(root=b"\1" * 32), "state root"),
    "a stream too many": (lambda log: log.records("a").end(streams=9), "number of streams"),
    "a state's time that goes back": (lambda log: log.records("a").end(time_ms=5), "time: expected"),
    "another index": (lambda log: log.records("a").end(index=1), "index in the state leaf"),
    "a checkpoint without a state": (lambda log: log.records("a"), "not with a state leaf"),
    "a checkpoint that adds nothing": (lambda log: log.end(), "nothing was added"),
    "no leaf at all": (lambda log: log.add(b"hello\n").end(), "the first line"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_log_that_signs_a_lie_is_not_cosigned_and_the_lie_is_kept(full: Full, lie: str):
    tell, words = LIES[lie]
    tell(full.log)
    answer = full.ask(HONEST)
    assert (answer.status, b"[bad-leaf]" in answer.body) == (422, True)
    assert full.held == HONEST
    (found,) = full.witness.memory.evidence()
    assert (found.kind, found.size, found.note) == (Kind.INVALID, full.log.size, full.log.note(full.log.size))
    assert found.leaf is not None
    assert found.leaf >= HONEST
    assert words in found.reason
    assert f"leaf {found.leaf}: " in found.reason
    verify(parse_note(found.note), [full.log.verifier])
    assert any("does not fit what is in it" in said for said in full.witness.said)
    page = call(full.witness.address, "GET", "/evidence").body
    assert found.reason.encode() in page
    proof = page[page.index(b"c2sp.org/tlog-proof@v1") : page.index(b"-- held then")]
    assert found.data == full.log.entries[found.leaf]
    verify_proof(parse_proof(proof), merkle.leaf_hash(found.data), [full.log.verifier])


def test_a_lie_is_kept_without_a_proof_where_no_tiles_are_served(full: Full):
    full.log.records("a", seq=7).end()
    full.tiles.lies |= dict.fromkeys(["tile/0/000.p/8"], b"\1" * 256)
    assert full.ask(HONEST).status == 422
    (found,) = full.witness.memory.evidence()
    assert (found.leaf, found.data, found.proof) == (HONEST, full.log.entries[HONEST], ())
    assert b"tlog-proof" not in call(full.witness.address, "GET", "/evidence").body


def test_a_lie_is_kept_once_however_often_it_is_signed(full: Full):
    full.log.records("a", seq=7).end()
    assert full.ask(HONEST).status == 422
    for _ in range(3):
        assert full.ask(HONEST, full.log.records("b").end()).status == 422
    assert len(full.witness.memory.evidence()) == 1
    assert full.witness.memory.refused()[full.log.origin, Kind.INVALID] == 4
    fork = LeafLog().records("z", "b", "a", "c", "b").end()
    assert full.ask(HONEST, fork).status == 422
    assert [one.kind for one in full.witness.memory.evidence()] == [Kind.INVALID, Kind.FORK]


def test_whoever_cannot_prove_growth_makes_it_fetch_nothing(full: Full):
    full.tiles.asked.clear()
    fork = LeafLog().records("z", "b", "a", "c", "b").end().records("a").end()
    assert full.ask(HONEST, fork).status == 422
    assert full.ask(3).status == 409
    assert full.tiles.asked == []


SERVED_LIES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "one record changed": lambda entries: [*entries[:-2], entries[-2].replace(b"03", b"04"), entries[-1]],
    "two swapped": lambda entries: [*entries[:-2], entries[-1], entries[-2]],
    "one missing": lambda entries: entries[:-1],
    "one more": lambda entries: [*entries, entries[-1]],
}


@pytest.mark.parametrize("lie", SERVED_LIES)
def test_bundles_that_do_not_give_the_root_are_neither_kept_nor_held_against_the_log(full: Full, lie: str):
    full.log.records("a", "b").end()
    path = "tile/entries/000.p/9"
    full.tiles.lies[path] = encode_bundle(SERVED_LIES[lie](parse_bundle(full.log.served(path))))
    answer = full.ask(HONEST)
    assert (answer.status, answer.retry_s) == (503, 2)
    assert b"[unreachable]" in answer.body or b"[foreign-tiles]" in answer.body
    assert (full.held, full.reach, full.witness.memory.evidence()) == (HONEST, HONEST, [])
    full.tiles.lies.clear()
    assert full.cosign(HONEST).size == 9


def test_tiles_that_do_not_lead_to_the_root_are_neither_kept_nor_believed(tmp_path: Path):
    log = grown(700)
    with tiles_of(log) as tiles, serving(tmp_path, log, url=tiles.url) as witness:
        witness.service.follower = Follower(witness.memory, portion=1)
        full = Full(witness, tiles)
        tiles.lies["tile/1/000.p/2"] = b"\1" * 64
        assert full.ask(0).status == 503
        assert full.reach == 0
        tiles.lies.clear()
        assert full.cosign(0).size == full.reach == log.size


def slowly(request: BaseHTTPRequestHandler) -> bool:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    with contextlib.suppress(OSError):
        for _ in range(200):
            request.wfile.write(b"x")
            time.sleep(0.02)
    return True


def endlessly(request: BaseHTTPRequestHandler) -> bool:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    with contextlib.suppress(OSError):
        for _ in range(100):
            request.wfile.write(b"10000\r\n" + bytes(65_536) + b"\r\n")
    return True


def headers_without_end(request: BaseHTTPRequestHandler) -> bool:
    with contextlib.suppress(OSError):
        request.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000)
    return True


def refusing(request: BaseHTTPRequestHandler) -> bool:
    """What is asked for, under a status that says that something is wrong."""
    assert isinstance(request.server, TileServer)
    body = request.server.log.served(request.path.removeprefix("/log/"))
    request.wfile.write(b"HTTP/1.1 500 E\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return True


def saying(answer: bytes) -> Callable[[BaseHTTPRequestHandler], bool]:
    def say(request: BaseHTTPRequestHandler) -> bool:
        request.wfile.write(answer)
        return True

    return say


SERVERS = {
    "a byte now and then": slowly,
    "without end": endlessly,
    "headers without end": headers_without_end,
    "the truth, as an error": refusing,
    "a redirect": saying(b"HTTP/1.1 302 F\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"),
    "nonsense": saying(b"nonsense\r\n\r\n"),
    "nothing": saying(b""),
    "an empty bundle": saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    "half a bundle": saying(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\xff\xff."),
    "less than it says": saying(b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n\0\1."),
}


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_that_misbehaves_costs_little_and_gets_nothing_cosigned(full: Full, server: str):
    full.witness.service.follower = Follower(full.witness.memory, fetch_s=0.3)
    full.log.records("a").end()
    full.tiles.answer = SERVERS[server]
    begun = time.monotonic()
    answer = full.ask(HONEST)
    assert time.monotonic() - begun < 5
    assert (answer.status, b"[unreachable]" in answer.body) == (503, True)
    assert (full.held, full.reach, full.witness.memory.evidence()) == (HONEST, HONEST, [])
    full.tiles.answer = lambda _: False
    assert full.cosign(HONEST).size == full.log.size


def test_a_long_log_is_caught_up_over_several_requests(tmp_path: Path):
    log = grown(1_100)
    with tiles_of(log) as tiles, serving(tmp_path, log, url=tiles.url) as witness:
        witness.service.follower = Follower(witness.memory, seconds=0, portion=1)
        full, reached = Full(witness, tiles), []
        for _ in range(4):
            answer = full.ask(0)
            assert (answer.status, b"[behind]" in answer.body, full.held) == (503, True, 0)
            reached.append(full.reach)
        assert reached == [256, 512, 768, 1024]
        answer = full.ask(0)
        assert cosigned(witness.service.verifier, log.note(log.size), answer).size == log.size
        assert full.ask(0, size=5).status == 409


def test_while_a_log_is_read_for_one_request_the_others_do_not_wait(full: Full):
    full.log.records("a").end()
    reading, go_on, first = threading.Event(), threading.Event(), list[Answer]()

    def hold(_: BaseHTTPRequestHandler) -> bool:
        reading.set()
        go_on.wait(5)
        return False

    full.tiles.answer = hold
    asking = threading.Thread(target=lambda: first.append(full.ask(HONEST)))
    asking.start()
    assert reading.wait(5)
    assert b"[behind]" in full.ask(HONEST).body
    go_on.set()
    asking.join(5)
    assert [answer.status for answer in first] == [200]


def test_what_was_checked_for_one_checkpoint_is_not_let_go_for_another(tmp_path: Path):
    """It has stopped in the middle of one history; another, signed too, does not take its place."""
    log = grown(600)
    fork = LeafLog()
    fork.add(*log.entries[:8]).state = log.state
    fork.records("elsewhere", seq=0, prev=bytes(32)).end()
    with tiles_of(log) as tiles, serving(tmp_path, log, url=tiles.url) as witness:
        witness.service.follower = Follower(witness.memory, seconds=0, portion=1)
        full = Full(witness, tiles)
        assert full.ask(0).status == 503
        assert full.reach == 256
        assert full.ask(0, fork).status == 422
        (found,) = witness.memory.evidence()
        assert (found.kind, found.leaf, found.held) == (Kind.INVALID, 9, log.note(log.size))
        assert [full.ask(0).status for _ in range(2)] == [503, 200]


def test_a_checkpoint_inside_of_what_was_checked_ends_with_a_state_leaf_too(tmp_path: Path):
    log = grown(600)
    with tiles_of(log) as tiles, serving(tmp_path, log, url=tiles.url) as witness:
        witness.service.follower = Follower(witness.memory, seconds=0, portion=1)
        full = Full(witness, tiles)
        assert full.ask(0).status == 503
        assert full.ask(0, size=3).status == 422
        assert full.ask(0, size=5).status == 200


@pytest.mark.parametrize(("ahead_s", "status"), [(299, 200), (301, 503)])
def test_a_state_from_the_future_is_not_cosigned(full: Full, ahead_s: int, status: int):
    full.witness.service._clock = lambda: START_S + 10
    full.log.records("a").end(time_ms=(START_S + 10 + ahead_s) * 1000)
    assert full.ask(HONEST).status == status
    assert full.held == (HONEST if status == 503 else full.log.size)


def test_a_stranger_who_sends_an_old_checkpoint_does_not_keep_the_newest_from_being_cosigned(tmp_path: Path):
    """The log is quiet for an hour; its older checkpoint, public too, is cosigned as of now."""
    log = LeafLog().records("a", "b").end()
    old = log.size
    log.records("a").end()
    with tiles_of(log) as tiles, serving(tmp_path, log, url=tiles.url) as witness:
        full = Full(witness, tiles)
        witness.service._clock = lambda: START_S + 3_600
        assert full.ask(0, size=old).status == 200
        assert full.cosign(old).size == log.size


def test_an_old_checkpoint_is_cosigned_at_first_sight(tmp_path: Path):
    log = LeafLog()
    log.now_ms -= 365 * 86_400_000
    log.records("a").end()
    with tiles_of(log) as tiles, serving(tmp_path, log, url=tiles.url) as witness:
        assert Full(witness, tiles).cosign(0).size == 2


def test_the_copy_is_served_as_the_log_serves_itself(full: Full):
    full.log.records("a", "b").end()
    full.cosign(HONEST)
    copy = f"{full.witness.address}/{hashlib.sha256(full.log.origin.encode()).hexdigest()}"
    for path in ("tile/entries/000.p/9", "tile/entries/000.p/6", "tile/0/000.p/9", "tile/0/000.p/2"):
        answer = call(full.witness.address, "GET", f"{copy.removeprefix(full.witness.address)}/{path}")
        assert (answer.status, answer.body) == (200, full.log.served(path))
    for path in (
        "tile/entries/000",
        "tile/0/000.p/10",
        "tile/1/000",
        "tile/9/000.p/1",
        "tile/entries/0",
        "tile/",
    ):
        assert call(full.witness.address, "GET", f"/{copy[-64:]}/{path}").status == 404
    assert call(full.witness.address, "GET", f"/{'0' * 64}/tile/0/000.p/1").status == 404


def test_a_copy_that_was_changed_on_the_disk_is_not_built_upon(full: Full):
    with full.witness.memory.deciding(full.log.origin) as deciding:
        deciding._connection.execute("UPDATE page SET body = zeroblob(length(body))")
    full.log.records("a").end()
    answer = full.ask(HONEST)
    assert (answer.status, b"[log-conflict]" in answer.body) == (503, True)
    assert (full.held, full.reach, full.witness.memory.evidence()) == (HONEST, HONEST, [])


DIES = """
import os, signal
from traceability.witness import {module}
real = {module}.{function}
def dies(*given):
    {before}
    os.kill(os.getpid(), signal.SIGKILL)
{module}.{function} = dies
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "function", "before", "reached"),
    [("mirror", "Mirror.keep", "real(*given)", 0), ("follower", "judge_leaves", "", 10)],
)
def test_killed_on_the_way_it_has_cosigned_nothing_and_goes_on(
    tmp_path: Path, module: str, function: str, before: str, reached: int
):
    """Killed before a portion is committed it has nothing of it, killed behind that all of it."""
    log, program = grown(10), DIES.format(module=module, function=function, before=before or "pass")
    if module == "follower":
        program = program.replace(
            "follower.judge_leaves = ", "import traceability.witness.service as s; s.judge_leaves = "
        )
    with tiles_of(log) as tiles:
        verifier = make_witness(tmp_path / "w", [log], url=tiles.url)
        with running(tmp_path / "w", program + REAL) as witness:
            with contextlib.suppress(http.client.HTTPException, ConnectionError):
                witness.post(log.request(0, log.size))
            assert witness.wait() == -signal.SIGKILL
        with open_memory(tmp_path / "w") as memory, memory.mirror(log.origin) as mirror:
            assert mirror.reach().size == reached
        with open_memory(tmp_path / "w") as memory:
            assert memory.held(log.origin).size == 0
        with running(tmp_path / "w") as again:
            assert (
                cosigned(verifier, log.note(log.size), again.post(log.request(0, log.size))).size == log.size
            )


@pytest.mark.parametrize(
    "words",
    [
        ["trust", "VKEY"],
        ["trust", "VKEY", "--url", "ftp://x"],
        ["trust", "VKEY", "--url", "https://a@x/"],
        ["trust", "VKEY", "--url", "https://x/?y"],
    ],
)
def test_a_full_witness_is_told_where_the_log_is(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
):
    data = ["--data", str(tmp_path / "w")]
    vkey = LeafLog().verifier.vkey()
    assert main(["witness", "init", *data, "--name", "full.example/w1", "--full"]) == 0
    given = [vkey if word == "VKEY" else word for word in words]
    assert main(["witness", given[0], *data, *given[1:]]) == 1
    assert "[bad-setting]" in capsys.readouterr().err
    with open_memory(tmp_path / "w") as memory:
        assert memory.logs() == {}
    assert main(["witness", "trust", *data, vkey, "--url", "http://127.0.0.1:1/log"]) == 0
    assert main(["witness", "show", *data]) == 0
    said = capsys.readouterr().out
    assert "full witness full.example/w1" in said
    assert "read at http://127.0.0.1:1/log" in said


def test_a_light_witness_reads_no_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = ["--data", str(tmp_path / "w")]
    assert main(["witness", "init", *data, "--name", "light.example/w1"]) == 0
    vkey = LeafLog().verifier.vkey()
    assert main(["witness", "trust", *data, vkey, "--url", "http://127.0.0.1:1/log"]) == 1
    assert "a light witness reads no log" in capsys.readouterr().err
