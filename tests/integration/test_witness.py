"""The real witness on the loopback, and a real log that grows: whatever is asked, in whatever order."""

from __future__ import annotations

import hashlib
import http.client
import json
import signal
import socket
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.witness import (
    NAME,
    REAL,
    Cosigned,
    Log,
    Served,
    WitnessProcess,
    assert_one_history,
    call,
    cosigned,
    make_witness,
    running,
    serving,
)
from traceability.__main__ import main
from traceability.ledger.note import VerifierKey, parse_note, parse_vkey, verify
from traceability.signing.keys import PrivateKey
from traceability.witness.protocol import SIZE_TYPE, Answer, encode_request, parse_size

SIZES = 600
FORKS = (0, 1, 7, 256, 300)
LOG = Log().grow(700)
FORK = LOG.fork(10, 700, "other")

DIES_BEFORE_COMMIT = """
import os, signal
from traceability.witness import memory
real = memory.Deciding.advance
def advance(self, expected, new):
    real(self, expected, new)
    os.kill(os.getpid(), signal.SIGKILL)
memory.Deciding.advance = advance
"""
DIES_BEFORE_ANSWER = """
import os, signal
from traceability.witness import service
service.sign_note = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
"""
ANSWERS_BEFORE_COMMIT = """
import os, signal
from traceability.witness import memory, server
memory.Deciding.advance = lambda self, expected, new: None
real = server.Handler._send
def send(self, answer):
    real(self, answer)
    os.kill(os.getpid(), signal.SIGKILL)
server.Handler._send = send
"""
"""The safeguard taken out: the cosignature is sent, and the machine dies before it is on disk."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("witness")) as made:
        yield made


@dataclass(frozen=True)
class Asked:
    """One request: of which history, from where to where, and how its proof is spoilt."""

    history: int
    old: int | None  # None: where the witness stands, if the checkpoint is not smaller
    size: int
    spoilt: str


def asked() -> st.SearchStrategy[Asked]:
    size = st.one_of(st.integers(0, 12), st.sampled_from([255, 256, 257, 512]), st.integers(0, SIZES))
    spoilt = st.sampled_from(["", "", "", "drop", "add", "flip", "other"])
    return st.builds(Asked, st.integers(0, len(FORKS)), st.one_of(st.none(), size), size, spoilt)


def spoil(how: str, proof: list[bytes], other: list[bytes]) -> list[bytes]:
    if how == "drop":
        return proof[1:]
    if how == "add":
        return [*proof, b"\0" * 32]
    if how == "flip" and proof:
        return [*proof[:-1], bytes(32)]
    return other if how == "other" else proof


def histories(origin: str) -> list[Log]:
    main_line = Log(origin, PrivateKey.from_seed(hashlib.sha256(origin.encode()).digest())).grow(SIZES)
    return [main_line, *(main_line.fork(at, SIZES, f"fork at {at}") for at in FORKS)]


COUNTER = iter(range(10**6))


@settings(max_examples=40)
@given(st.lists(asked(), min_size=1, max_size=25))
def test_no_order_of_requests_gets_two_histories_cosigned(served: Served, requests: list[Asked]):
    logs = histories(f"log{next(COUNTER)}.example/log")
    served.memory.trust(logs[0].verifier)
    stands, root, seen = 0, logs[0].root(0), list[Cosigned]()
    for one in requests:
        log = logs[one.history]
        old = stands if one.old is None else one.old
        honest = log.proof(old, one.size)
        proof = spoil(one.spoilt, honest, logs[one.history - 1].proof(old, one.size))
        note = log.note(one.size)
        answer = served.post(encode_request(old, proof, note))
        if old > one.size:
            expected = 400
        elif old != stands:
            expected = 409
        else:
            fits = log.root(stands) == root and (proof == honest)
            expected = 200 if fits else 422
        assert answer.status == expected, (one, stands)
        if answer.status == 409:
            assert (answer.media_type, parse_size(answer.body)) == (SIZE_TYPE, stands)
        if answer.status == 200:
            seen.append(cosigned(served.service.verifier, note, answer))
            stands, root = one.size, log.root(one.size)
    assert_one_history(logs, seen)


def test_requests_that_race_get_one_history_cosigned(served: Served):
    logs = histories("race.example/log")
    served.memory.trust(logs[0].verifier)
    seen: list[Cosigned] = []
    gate = threading.Barrier(6)

    def feed(log: Log) -> None:
        """Catch up with the witness, as a log does, and take every cosignature there is."""
        gate.wait()
        for size in range(20, SIZES, 20):
            answer = served.post(log.request(0, size))
            while answer.status == 409 and (old := parse_size(answer.body)) <= size:
                answer = served.post(log.request(old, size))
            if answer.status == 200:
                seen.append(cosigned(served.service.verifier, log.note(size), answer))

    threads = [threading.Thread(target=feed, args=(log,)) for log in logs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) > 5
    assert_one_history(logs, sorted(seen, key=lambda one: (one.time_s, one.size)))
    assert any(one.origin == "race.example/log" for one in served.memory.evidence())


def test_one_connection_carries_many_requests(served: Served):
    log = Log("kept.example/log").grow(50)
    served.memory.trust(log.verifier)
    parts = urlsplit(served.address)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    connection.connect()
    first = connection.sock
    for old, size in [(0, 5), (0, 9), (5, 9), (9, 50), (50, 3)]:
        connection.request("POST", "/add-checkpoint", log.request(old, size))
        answer = connection.getresponse()
        answer.read()
        assert answer.status == (409 if (old, size) == (0, 9) else 400 if size == 3 else 200)
        assert connection.sock is first
    connection.close()


def test_it_says_who_it_is_and_everything_else_is_not_found(served: Served):
    log = Log("shown.example/log").grow(50)
    served.memory.trust(log.verifier)
    cosigned(served.service.verifier, log.note(50), served.post(log.request(0, 50)))
    page = call(served.address, "GET", "/")
    assert page.status == 200
    assert page.media_type == "text/plain; charset=utf-8"
    assert f"vkey {served.service.verifier.vkey()}\n" in page.body.decode()
    assert f"log {log.origin}\n  vkey {log.verifier.vkey()}\n  size 50\n" in page.body.decode()
    newest = call(served.address, "GET", f"/{hashlib.sha256(log.origin.encode()).hexdigest()}/checkpoint")
    assert [one.by for one in verify(parse_note(newest.body), [log.verifier, served.service.verifier])] == [
        log.verifier,
        served.service.verifier,
    ]
    for method, path in [
        ("GET", "/add-checkpoint"),
        ("GET", "/x"),
        ("GET", f"/{'0' * 64}/checkpoint"),
        ("POST", "/"),
        ("POST", "/add-checkpoint?x"),
        ("POST", "/add-checkpoint/"),
        ("POST", "/x/add-checkpoint"),
        ("PUT", "/add-checkpoint"),
        ("DELETE", "/"),
        ("OPTIONS", "/"),
        ("HEAD", "/"),
        ("BREW", "/"),
    ]:
        assert call(served.address, method, path).status == 404, (method, path)


def test_evidence_is_shown_to_anyone(served: Served):
    log = Log("caught.example/log").grow(50)
    served.memory.trust(log.verifier)
    served.post(log.request(0, 50))
    served.post(log.fork(9, 50, "x").request(50, 50))
    shown = call(served.address, "GET", "/evidence")
    assert shown.status == 200
    assert log.note(50) in shown.body
    assert log.fork(9, 50, "x").note(50) in shown.body
    assert any("another root than the one of 50 leaves" in text for text in served.said)


def killed(folder: Path, program: str, body: bytes) -> Answer | None:
    """One request to a witness that dies of it; the answer, if there was one."""
    with running(folder, program + REAL) as witness:
        try:
            return witness.post(body)
        except (http.client.HTTPException, ConnectionError):
            return None
        finally:
            assert witness.wait() == -signal.SIGKILL


def after_the_kill(folder: Path, program: str) -> tuple[VerifierKey, list[Cosigned], int]:
    """What is cosigned when a witness dies of a checkpoint and, started again, is shown another history."""
    verifier, seen = make_witness(folder, [LOG]), []
    with running(folder) as witness:
        seen.append(cosigned(verifier, LOG.note(20), witness.post(LOG.request(0, 20))))
    if answer := killed(folder, program, LOG.request(20, 40)):
        seen.append(cosigned(verifier, LOG.note(40), answer))
    with running(folder) as witness:
        held = parse_size(witness.post(LOG.request(0, 700)).body)
        rewritten = LOG.fork(30, 700, "other")
        answer = witness.post(rewritten.request(held, 40))
        if answer.status == 200:
            seen.append(cosigned(verifier, rewritten.note(40), answer))
        else:
            seen.append(cosigned(verifier, LOG.note(50), witness.post(LOG.request(held, 50))))
    return verifier, seen, held


@pytest.mark.slow
def test_killed_before_the_commit_it_has_cosigned_nothing_and_held_nothing(tmp_path: Path):
    _, seen, held = after_the_kill(tmp_path / "w", DIES_BEFORE_COMMIT)
    assert (held, [one.size for one in seen]) == (20, [20, 40])
    assert_one_history([LOG, LOG.fork(30, 700, "other")], seen)


@pytest.mark.slow
def test_killed_between_commit_and_answer_it_stands_by_what_it_never_said(tmp_path: Path):
    _, seen, held = after_the_kill(tmp_path / "w", DIES_BEFORE_ANSWER)
    assert (held, [one.size for one in seen]) == (40, [20, 50])
    assert_one_history([LOG, LOG.fork(30, 700, "other")], seen)


@pytest.mark.slow
def test_answering_before_the_commit_would_cosign_two_histories(tmp_path: Path):
    """The negative control: the same kill, the same questions, and the check finds it."""
    _, seen, held = after_the_kill(tmp_path / "w", ANSWERS_BEFORE_COMMIT)
    assert (held, [one.size for one in seen]) == (20, [20, 40, 40])
    with pytest.raises(AssertionError, match="inconsistent checkpoints were cosigned"):
        assert_one_history([LOG, LOG.fork(30, 700, "other")], seen)


@pytest.mark.slow
def test_it_ends_when_asked_and_remembers(tmp_path: Path):
    verifier = make_witness(tmp_path / "w", [LOG])
    witness = WitnessProcess(tmp_path / "w")
    cosigned(verifier, LOG.note(20), witness.post(LOG.request(0, 20)))
    assert witness.close() == 0
    with running(tmp_path / "w") as again:
        assert again.post(FORK.request(20, 20)).status == 422
        assert json.loads(again.wait_for("does not fit"))["kind"] == "fork"
        assert again.post(LOG.request(0, 30)) == Answer(409, SIZE_TYPE, b"20\n")


@pytest.mark.slow
def test_a_second_witness_on_the_same_folder_refuses(tmp_path: Path):
    make_witness(tmp_path / "w", [LOG])
    with running(tmp_path / "w") as first:
        assert first.get("/").status == 200
        second = WitnessProcess(tmp_path / "w")
        assert second.wait() == 1
        assert "another witness runs on" in "\n".join(second.said)
        assert second.close() == 1
        assert first.get("/").status == 200


def test_the_commands_make_a_witness_and_show_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = tmp_path / "w"
    assert main(["witness", "init", "--data", str(folder), "--name", NAME, "--only", "vkey"]) == 0
    verifier = parse_vkey(capsys.readouterr().out.strip())
    assert (verifier.name, verifier.kind) == (NAME, 0x04)
    assert stat.S_IMODE((folder / "witness.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert main(["witness", "init", "--data", str(folder), "--name", NAME]) == 1
    assert main(["witness", "trust", "--data", str(folder), verifier.vkey()]) == 1
    assert "the witness's own key" in capsys.readouterr().err
    with running(folder) as witness:
        assert witness.post(LOG.request(0, 20)).status == 404
        assert main(["witness", "trust", "--data", str(folder), LOG.verifier.vkey()]) == 0
        assert "watching node.example/log" in capsys.readouterr().out
        cosigned(verifier, LOG.note(20), witness.post(LOG.request(0, 20)))
        witness.post(FORK.request(20, 20))
        assert main(["witness", "show", "--data", str(folder), "--json"]) == 0
        shown = json.loads(capsys.readouterr().out)
    assert shown["logs"][LOG.origin]["cosigned"]["size"] == 20
    assert shown["logs"][LOG.origin]["refused"] == {"fork": 1}
    assert main(["witness", "show", "--data", str(folder)]) == 0
    assert f"== fork: {LOG.origin} at size 20" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["", "two words", "a+b", "line\nbreak"])
def test_a_name_that_cannot_stand_in_a_note_makes_no_witness(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["witness", "init", "--data", str(tmp_path / "w"), "--name", name]) == 1
    assert "[malformed]" in capsys.readouterr().err
    assert not (tmp_path / "w").exists()


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    make_witness(tmp_path / "w", [LOG])
    (tmp_path / "w" / "witness.pem").chmod(0o644)
    assert main(["witness", "show", "--data", str(tmp_path / "w")]) == 1
    assert "chmod 600" in capsys.readouterr().err


def test_a_witness_that_lost_its_memory_does_nothing_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    make_witness(tmp_path / "w", [LOG])
    (tmp_path / "w" / "witness.sqlite").unlink()
    for words in (["show"], ["trust", LOG.verifier.vkey()]):
        assert main(["witness", words[0], "--data", str(tmp_path / "w"), *words[1:]]) == 1
        assert "Never cosign with this key again" in capsys.readouterr().err
    assert main(["witness", "init", "--data", str(tmp_path / "w"), "--name", NAME]) == 1
    assert main(["witness", "show", "--data", str(tmp_path / "nothing")]) == 1


def test_a_port_that_is_taken_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    make_witness(tmp_path / "w", [LOG])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["witness", "run", "--data", str(tmp_path / "w"), "--port", port]) == 1
    assert "cannot listen on 127.0.0.1" in capsys.readouterr().err
