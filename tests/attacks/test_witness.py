"""A log that cheats, with its own key, and whoever else can reach the witness's port."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.witness import (
    Cosigned,
    Log,
    Served,
    assert_one_history,
    call,
    cosigned,
    serving,
)
from traceability.ledger.note import (
    COSIGNATURE_V1,
    ED25519,
    Checkpoint,
    Note,
    Signature,
    VerifierKey,
    parse_note,
    sign_note,
    verify,
)
from traceability.signing.keys import PrivateKey
from traceability.witness.evidence import Kind
from traceability.witness.protocol import MAX_BODY, SIZE_TYPE, Answer, encode_request, parse_cosignatures
from traceability.witness.server import MAX_HEADERS

LOG = Log().grow(700)
REWRITTEN = LOG.fork(10, 900, "other")
HASH_LINE = b"PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
REQUEST_S = 0.5


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Served]:
    """A witness that has cosigned 100 leaves of the log."""
    with serving(tmp_path, LOG) as made:
        take(made, 0, 100)
        yield made
        assert made.memory.held(LOG.origin).root == LOG.root(made.memory.held(LOG.origin).size)


def take(witness: Served, old: int, size: int, log: Log = LOG) -> Cosigned:
    return cosigned(witness.service.verifier, log.note(size), witness.post(log.request(old, size)))


def kinds(witness: Served) -> list[Kind]:
    return [one.kind for one in witness.memory.evidence()]


def test_a_split_view_is_caught_and_proves_itself_to_a_stranger(witness: Served):
    """One history for this witness, another for somebody else's readers."""
    assert witness.post(REWRITTEN.request(100, 100)).status == 422
    (found,) = witness.memory.evidence()
    notes = [parse_note(found.note), parse_note(found.held)]
    sizes_and_roots = {tuple(note.text.split(b"\n")[1:3]) for note in notes}
    for note in notes:
        verify(note, [LOG.verifier])
    assert found.kind is Kind.FORK
    assert len({size for size, _ in sizes_and_roots}) == 1
    assert len({root for _, root in sizes_and_roots}) == 2


def test_a_log_rewritten_with_its_own_key_gets_no_further(witness: Served):
    for size in (101, 128, 200, 900):
        assert witness.post(REWRITTEN.request(100, size)).status == 422
    assert kinds(witness) == [Kind.UNPROVEN] * 4
    assert any("does not fit what was cosigned" in line for line in witness.said)
    assert take(witness, 100, 101).size == 101


def test_a_proof_that_honestly_leads_from_another_root_is_refused(witness: Served):
    """The rewritten log proves that it grew from its own 100 leaves, not from those that were cosigned."""
    proof = REWRITTEN.proof(100, 200)
    assert witness.post(encode_request(100, proof, REWRITTEN.note(200))).status == 422
    assert witness.post(encode_request(100, proof, LOG.note(200))).status == 422
    assert witness.post(encode_request(100, LOG.proof(100, 200), REWRITTEN.note(200))).status == 422


def test_a_rollback_to_fewer_leaves_is_refused(witness: Served):
    latest = Answer(409, SIZE_TYPE, b"100\n")
    for size in (0, 1, 99):
        assert witness.post(LOG.request(0, size)) == latest
        assert witness.post(LOG.request(size, size)) == latest
        assert witness.post(encode_request(100, (), LOG.note(size))).status == 400
        assert witness.post(encode_request(100, LOG.proof(max(size, 1), 100), LOG.note(size))).status == 400


def test_an_old_checkpoint_sent_again_is_not_cosigned_again(witness: Served):
    first = LOG.request(0, 100)
    take(witness, 100, 200)
    assert witness.post(first) == Answer(409, SIZE_TYPE, b"200\n")


@pytest.mark.parametrize("hashes", [1, 62, 63])
def test_a_proof_bomb_of_allowed_length_is_refused_by_its_length(witness: Served, hashes: int):
    head = b"old 100\n" + HASH_LINE * hashes + b"\n"
    assert witness.post(head + LOG.note(101)).status == 422
    text = Checkpoint(LOG.origin, 2**63 - 1, b"\1" * 32).text()
    huge = Note(text, (sign_note(text, LOG.origin, LOG.key),)).encode()
    assert witness.post(head + huge).status == 422


@pytest.mark.parametrize("hashes", [64, 65, 500, 1400])
def test_a_proof_bomb_of_more_is_malformed(witness: Served, hashes: int):
    answer = witness.post(b"old 100\n" + HASH_LINE * hashes + b"\n" + LOG.note(101))
    assert (answer.status, b"[oversize]" in answer.body) == (400, True)


def padded(size: int, to: int) -> bytes:
    """A genuine checkpoint in a note of so many bytes, or a few less: signatures of nobody fill it."""
    note = LOG.note(size)
    filler = Signature("x", b"\0\0\0\0", b"1" * ((to - len(note) - 7) // 4 * 3 - 4))
    return LOG.note(size, filler) if to > len(note) + 20 else note


def test_a_note_of_64_kib_is_read_and_a_larger_one_is_not(witness: Served):
    large = padded(150, 65_536)
    assert 65_530 < len(large) <= 65_536
    answer = witness.post(encode_request(100, LOG.proof(100, 150), large))
    cosigned(witness.service.verifier, large, answer)
    assert len(witness.memory.held(LOG.origin).note) < 400
    note, extra = LOG.note(160), b"\xe2\x80\x94 x AAAAAAA=\n"
    bomb = note + extra * (65_536 // len(extra))
    assert 65_536 < len(bomb) < MAX_BODY
    answer = witness.post(encode_request(150, LOG.proof(150, 160), bomb))
    assert (answer.status, b"[oversize]" in answer.body) == (400, True)


def test_large_forks_fill_no_disk(witness: Served):
    for i in range(30):
        junk = sign_note(REWRITTEN.text(100), f"junk{i}", PrivateKey.generate())
        assert witness.post(encode_request(100, (), REWRITTEN.note(100, junk))).status == 422
    assert len(witness.memory.evidence()) == 1
    assert len(witness.said) <= 6


def test_a_note_with_a_thousand_signatures_is_refused(witness: Served):
    line = LOG.note(150).rpartition(b"\n\n")[2]
    answer = witness.post(encode_request(100, LOG.proof(100, 150), LOG.note(150) + line * 300))
    assert answer.status == 400


def test_another_logs_key_cosigns_nothing(witness: Served):
    other = Log("other.example/log", PrivateKey.generate()).grow(200)
    witness.memory.trust(other.verifier)
    text, proof = LOG.text(150), LOG.proof(100, 150)
    for signature in (
        sign_note(text, LOG.origin, other.key),
        sign_note(text, other.origin, other.key),
        Signature(LOG.origin, LOG.verifier.key_id, sign_note(text, LOG.origin, other.key).value),
    ):
        note = Note(text, (signature,)).encode()
        assert witness.post(encode_request(100, proof, note)).status == 403
    assert kinds(witness) == []


def test_the_witnesss_own_and_anothers_cosignatures_are_not_the_logs(witness: Served):
    own = parse_cosignatures(witness.post(LOG.request(100, 100)).body)
    note = Note(LOG.text(100), own).encode()
    assert witness.post(encode_request(100, (), note)).status == 403
    timed = sign_note(LOG.text(150), LOG.origin, LOG.key, COSIGNATURE_V1, 1)
    note = Note(LOG.text(150), (timed,)).encode()
    assert witness.post(encode_request(100, LOG.proof(100, 150), note)).status == 403


def test_one_wrong_signature_by_a_known_key_spoils_the_note(witness: Served):
    forged = Signature(LOG.origin, LOG.verifier.key_id, bytes(64))
    for order in ((True, False), (False, True)):
        good = sign_note(LOG.text(150), LOG.origin, LOG.key)
        note = Note(LOG.text(150), tuple(good if right else forged for right in order)).encode()
        assert witness.post(encode_request(100, LOG.proof(100, 150), note)).status == 403


@pytest.mark.parametrize(
    "origin", ["elsewhere.example/log", "node.example/LOG", "node.example/log ", "node.example/lo"]
)
def test_another_origin_is_unknown_whoever_signed_it(witness: Served, origin: str):
    text = Checkpoint(origin, 150, LOG.root(150)).text()
    note = Note(text, (sign_note(text, LOG.origin, LOG.key),)).encode()
    assert witness.post(encode_request(0, (), note)).status == 404


def test_a_checkpoint_of_one_log_does_not_move_another(witness: Served):
    other = Log("other.example/log", PrivateKey.generate()).grow(300)
    witness.memory.trust(other.verifier)
    take(witness, 0, 250, other)
    take(witness, 100, 101)
    assert witness.memory.held(other.origin).size == 250


def test_without_the_last_newline_nothing_is_cosigned(witness: Served):
    body = LOG.request(100, 150)
    assert witness.post(body[:-1]).status == 400
    assert witness.post(body.replace(b"\n", b"\r\n")).status == 400
    assert witness.post(body + b"\n").status == 400
    assert witness.post(body).status == 200


def test_duplicated_signature_lines_are_one(witness: Served):
    signature = sign_note(LOG.text(150), LOG.origin, LOG.key)
    note = Note(LOG.text(150), (signature,) * 10).encode()
    answer = witness.post(encode_request(100, LOG.proof(100, 150), note))
    cosigned(witness.service.verifier, note, answer)
    assert witness.memory.held(LOG.origin).note == LOG.note(150)


def test_a_small_order_key_is_never_trusted():
    with pytest.raises(Exception, match="prime order"):
        VerifierKey(LOG.origin, ED25519, type(LOG.key.public)(bytes([1]) + bytes(31)))


def raw(witness: Served, data: bytes) -> bytes:
    """What comes back for bytes on a connection that then stays open; until the witness closes it."""
    parts = urlsplit(witness.address)
    with closing(socket.create_connection((str(parts.hostname), parts.port or 0), timeout=20)) as connection:
        try:
            connection.sendall(data)
            got = b""
            while more := connection.recv(65_536):
                got += more
        except ConnectionError:
            return b"reset"
        return got


HEAD = b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\n"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"", b"411"),
        (b"Transfer-Encoding: chunked\r\n", b"411"),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"411"),
        (b"Content-Length: 5\r\nContent-Length: 6\r\n", b"411"),
        (b"Content-Length: -1\r\n", b"411"),
        (b"Content-Length: +5\r\n", b"411"),
        (b"Content-Length: 5x\r\n", b"411"),
        (b"Content-Length: 99999999999999999999\r\n", b"411"),
        (b"Content-Length: %d\r\n" % (MAX_BODY + 1), b"413"),
    ],
)
def test_a_body_of_unclear_or_too_great_length_is_not_read(witness: Served, head: bytes, status: bytes):
    got = raw(witness, HEAD + head + b"\r\n5\r\nold 1\r\nGET / HTTP/1.1\r\n\r\n")
    assert got == b"reset" or (got.startswith(b"HTTP/1.1 " + status) and got.count(b"HTTP/1.1") == 1)


def test_a_body_behind_a_get_is_not_taken_for_a_request(witness: Served):
    inner = b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
    got = raw(witness, b"GET / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(inner) + inner)
    assert got == b"reset" or got.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET",
        HEAD,
        HEAD + b"Content-Length: 10\r\n\r\nold ",
    ],
)
def test_whoever_stops_sending_is_left(tmp_path: Path, data: bytes):
    with serving(tmp_path, LOG, request_s=REQUEST_S) as witness:
        assert raw(witness, data) == b""


def test_whoever_sends_a_byte_now_and_then_is_left_at_the_deadline_of_the_whole(tmp_path: Path):
    """A timeout for each read alone would be begun anew by every byte."""
    with serving(tmp_path, LOG, request_s=REQUEST_S) as witness:
        parts = urlsplit(witness.address)
        with closing(socket.create_connection((str(parts.hostname), parts.port or 0))) as connection:
            connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
            connection.settimeout(REQUEST_S / 5)
            for _ in range(100):
                try:
                    connection.sendall(b"o")
                    if connection.recv(1) == b"":
                        break
                except TimeoutError:
                    continue
                except (BrokenPipeError, ConnectionResetError):
                    break
            else:
                pytest.fail("the connection was never closed")


def test_headers_without_end_are_not_read_without_end(witness: Served):
    bomb = b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"a" * 60_000) for i in range(90))
    assert len(bomb) > 20 * (MAX_HEADERS + MAX_BODY)
    assert raw(witness, bomb) in {b"", b"reset"}


def test_more_connections_than_there_are_places_are_closed(tmp_path: Path):
    with serving(tmp_path, LOG, max_connections=2) as witness:
        parts = urlsplit(witness.address)
        place = (str(parts.hostname), parts.port or 0)
        held = [socket.create_connection(place, timeout=20) for _ in range(2)]
        for connection in held:  # each has its place once it was answered
            connection.sendall(b"GET /x HTTP/1.1\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 404"
        assert raw(witness, b"GET / HTTP/1.1\r\n\r\n") in {b"", b"reset"}
        for connection in held:
            connection.close()
        assert answered(witness.address).status == 200


def answered(address: str) -> Answer:
    """The answer of a witness whose places come back when their threads have ended."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return call(address, "GET", "/")
        except (OSError, http.client.HTTPException):
            assert time.monotonic() < deadline, "no place came back"


def test_whatever_was_tried_one_history_was_cosigned(witness: Served):
    seen = [Cosigned(100, LOG.root(100), 0)]
    for log, old, size in [
        (REWRITTEN, 100, 100),
        (REWRITTEN, 0, 100),
        (REWRITTEN, 100, 300),
        (LOG, 100, 300),
        (REWRITTEN, 300, 300),
        (REWRITTEN, 300, 900),
        (LOG, 100, 200),
        (LOG, 300, 700),
    ]:
        answer = witness.post(log.request(old, size))
        if answer.status == 200:
            seen.append(cosigned(witness.service.verifier, log.note(size), answer))
    assert [one.size for one in seen] == [100, 300, 700]
    assert_one_history([LOG, REWRITTEN], seen)
