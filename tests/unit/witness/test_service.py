"""What a witness cosigns, what it refuses, and what it keeps of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.witness import NAME, START_S, Cosigned, Log, cosigned
from traceability.ledger.merkle import EMPTY_ROOT
from traceability.ledger.note import (
    COSIGNATURE_V1,
    Checkpoint,
    Note,
    parse_note,
    sign_note,
    verify,
)
from traceability.signing.keys import PrivateKey
from traceability.witness import pages
from traceability.witness.evidence import Kind
from traceability.witness.memory import MAX_EVIDENCE, Memory, create
from traceability.witness.protocol import SIZE_TYPE, Answer, encode_request
from traceability.witness.service import MAX_STEP_BACK_S, Service

LOG = Log().grow(700)
FORK = LOG.fork(10, 700, "other")


@dataclass
class Witness:
    """A service on a memory, a clock that is set by hand, and what it said."""

    service: Service
    memory: Memory
    now_s: int = START_S
    said: list[dict[str, object]] = field(default_factory=list)

    def add(self, body: bytes) -> Answer:
        return self.service.add_checkpoint(body)

    def cosign(self, old: int, size: int, log: Log = LOG) -> Cosigned:
        return cosigned(self.service.verifier, log.note(size), self.add(log.request(old, size)))

    def status(self, body: bytes) -> int:
        return self.add(body).status


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    create(tmp_path / "w.sqlite", NAME)
    memory = Memory(tmp_path / "w.sqlite")
    memory.trust(LOG.verifier)
    made: Witness

    def say(level: str, message: str, **more: object) -> None:
        made.said.append({"level": level, "message": message} | more)

    made = Witness(Service(NAME, PrivateKey.generate(), memory, lambda: made.now_s, say), memory)
    yield made
    memory.close()


def test_a_log_is_cosigned_as_it_grows(witness: Witness) -> None:
    for old, size in [(0, 3), (3, 4), (4, 256), (256, 257), (257, 700)]:
        assert witness.cosign(old, size) == Cosigned(size, LOG.root(size), START_S)
    assert witness.memory.held(LOG.origin).size == 700
    assert witness.said == []


def test_the_same_checkpoint_again_gets_a_new_time(witness: Witness) -> None:
    assert witness.cosign(0, 20).time_s == START_S
    witness.now_s += 3600
    assert witness.cosign(20, 20).time_s == START_S + 3600
    assert witness.memory.held(LOG.origin).time_s == START_S + 3600


def test_an_empty_log_is_cosigned_and_grows_without_a_proof(witness: Witness) -> None:
    assert witness.cosign(0, 0).root == EMPTY_ROOT
    assert witness.cosign(0, 0).size == 0
    assert witness.cosign(0, 5).size == 5


def test_extension_lines_are_cosigned_with_the_rest(witness: Witness) -> None:
    text = Checkpoint(LOG.origin, 5, LOG.root(5), ("more", "and more")).text()
    note = Note(text, (sign_note(text, LOG.origin, LOG.key),)).encode()
    cosigned(witness.service.verifier, note, witness.add(encode_request(0, (), note)))


def test_time_never_goes_back_and_a_clock_that_did_is_not_believed(witness: Witness) -> None:
    witness.cosign(0, 20)
    witness.now_s -= MAX_STEP_BACK_S
    assert witness.cosign(20, 21).time_s == START_S
    witness.now_s -= 1
    answer = witness.add(LOG.request(21, 22))
    assert (answer.status, b"[clock-stuck]" in answer.body) == (503, True)
    assert witness.memory.held(LOG.origin).size == 21


def test_an_old_size_that_is_not_the_latest_is_answered_with_the_latest(witness: Witness) -> None:
    assert witness.add(LOG.request(5, 20)) == Answer(409, SIZE_TYPE, b"0\n")
    witness.cosign(0, 20)
    for old, size in [(0, 30), (19, 30), (21, 30), (0, 20), (0, 0), (19, 20), (5, 7)]:
        assert witness.add(LOG.request(old, size)) == Answer(409, SIZE_TYPE, b"20\n"), (old, size)
    assert witness.memory.evidence() == []


def test_an_old_size_larger_than_the_checkpoint_is_malformed(witness: Witness) -> None:
    witness.cosign(0, 20)
    for old, size in [(20, 19), (21, 20), (700, 5)]:
        assert witness.status(encode_request(old, (), LOG.note(size))) == 400


def test_the_order_of_the_checks(witness: Witness) -> None:
    witness.cosign(0, 20)
    stranger = Log("elsewhere.example/log").grow(40)
    forged = Log(LOG.origin, PrivateKey.generate()).grow(40)
    assert witness.status(b"old 5 \n\n" + stranger.note(4)) == 400
    assert witness.status(encode_request(5, (), stranger.note(4))) == 404
    assert witness.status(encode_request(5, (), forged.note(4))) == 403
    assert witness.status(encode_request(5, (), LOG.note(4))) == 400
    assert witness.status(encode_request(5, (), LOG.note(40))) == 409
    assert witness.status(encode_request(20, (), LOG.note(40))) == 422


@pytest.mark.parametrize(("old", "size"), [(0, 20), (20, 20), (20, 32), (32, 64), (20, 700)])
def test_a_proof_with_one_hash_changed_lost_or_added_is_refused(
    witness: Witness, old: int, size: int
) -> None:
    if old:
        witness.cosign(0, old)
    proof, note = LOG.proof(old, size), LOG.note(size)
    wrong = [[*proof, b"\0" * 32], [b"\0" * 32, *proof], proof * 2 or [b"\1" * 32]]
    wrong += [proof[:i] + proof[i + 1 :] for i in range(len(proof))]
    for i, one in enumerate(proof):
        wrong.append([*proof[:i], bytes([one[0] ^ 1]) + one[1:], *proof[i + 1 :]])
    for hashes in wrong:
        assert witness.status(encode_request(old, hashes, note)) == 422
    assert witness.memory.held(LOG.origin).size == old
    assert witness.cosign(old, size).size == size


def test_another_root_of_the_same_size_is_a_fork_and_is_kept_with_what_was_held(witness: Witness) -> None:
    witness.cosign(0, 20)
    answer = witness.add(FORK.request(20, 20))
    assert answer.status == 422
    assert b"[bad-proof]" in answer.body
    (found,) = witness.memory.evidence()
    assert (found.kind, found.time_s, found.root) == (Kind.FORK, START_S, FORK.root(20))
    for note in (found.note, found.held):
        verify(parse_note(note), [LOG.verifier])
    assert (found.note, found.held) == (FORK.note(20), LOG.note(20))
    assert [(line["kind"], line["times"], line["level"]) for line in witness.said] == [("fork", 1, "error")]
    assert witness.cosign(20, 20).root == LOG.root(20)


def test_a_fork_is_kept_whatever_old_size_it_came_with(witness: Witness) -> None:
    witness.cosign(0, 20)
    assert witness.add(FORK.request(0, 20)) == Answer(409, SIZE_TYPE, b"20\n")
    assert [one.kind for one in witness.memory.evidence()] == [Kind.FORK]


def test_an_empty_tree_with_another_root_is_a_fork(witness: Witness) -> None:
    text = Checkpoint(LOG.origin, 0, b"\1" * 32).text()
    note = Note(text, (sign_note(text, LOG.origin, LOG.key),)).encode()
    assert witness.status(encode_request(0, (), note)) == 422
    assert [(one.kind, one.held) for one in witness.memory.evidence()] == [(Kind.FORK, b"")]
    assert "nothing was held" in pages.evidence(witness.memory)


def test_a_refused_proof_is_kept_until_the_same_checkpoint_is_proven(witness: Witness) -> None:
    witness.cosign(0, 20)
    assert witness.status(encode_request(20, (), LOG.note(40))) == 422
    assert witness.status(encode_request(20, FORK.proof(20, 40), FORK.note(40))) == 422
    assert [(one.kind, one.root) for one in witness.memory.evidence()] == [
        (Kind.UNPROVEN, LOG.root(40)),
        (Kind.UNPROVEN, FORK.root(40)),
    ]
    witness.cosign(20, 40)
    assert [one.root for one in witness.memory.evidence()] == [FORK.root(40)]
    assert witness.memory.refused() == {(LOG.origin, Kind.UNPROVEN): 2}


def test_a_proof_where_there_is_nothing_to_prove_accuses_nobody(witness: Witness) -> None:
    assert witness.status(encode_request(0, [b"\0" * 32], LOG.note(20))) == 422
    witness.cosign(0, 20)
    assert witness.status(encode_request(20, [b"\0" * 32], LOG.note(20))) == 422
    assert (witness.memory.evidence(), witness.said) == ([], [])


def test_evidence_is_kept_once_for_each_text_and_said_when_its_count_doubles(witness: Witness) -> None:
    witness.cosign(0, 20)
    stranger = PrivateKey.generate()
    for i in range(20):
        junk = sign_note(FORK.text(20), f"junk{i}", stranger)
        assert witness.status(encode_request(20, (), FORK.note(20, junk))) == 422
    (found,) = witness.memory.evidence()
    assert found.note == FORK.note(20)
    assert [line["times"] for line in witness.said] == [1, 2, 4, 8, 16]
    assert witness.memory.refused() == {(LOG.origin, Kind.FORK): 20}


def long_fork(word: str, size: int = 20, long: int = 60_000) -> bytes:
    """A fork whose signed text is long and unlike any other."""
    text = Checkpoint(LOG.origin, size, hashlib.sha256(word.encode()).digest(), (word * (long // len(word)),))
    return Note(text.text(), (sign_note(text.text(), LOG.origin, LOG.key),)).encode()


def test_evidence_has_a_limit_for_each_log_and_kind(witness: Witness) -> None:
    other = Log("second.example/log", PrivateKey.generate()).grow(30)
    witness.memory.trust(other.verifier)
    witness.cosign(0, 20)
    for i in range(10):
        witness.add(encode_request(20, (), long_fork(f"{i}", size=40)))
    kept = witness.memory.evidence()
    assert 0 < sum(len(one.note) + len(one.held) for one in kept) <= MAX_EVIDENCE
    assert len(kept) == 4
    for i, long in enumerate([10_000] * 3 + [1_000] * 20 + [20] * 10):
        witness.add(encode_request(20, (), long_fork(f"{i:03}", size=40, long=long)))
    kept = witness.memory.evidence()
    assert MAX_EVIDENCE - 500 < sum(len(one.note) + len(one.held) for one in kept) <= MAX_EVIDENCE
    assert witness.memory.refused() == {(LOG.origin, Kind.UNPROVEN): 43}
    witness.add(FORK.request(20, 20))
    witness.cosign(0, 20, other)
    witness.add(other.fork(5, 30, "x").request(20, 20))
    assert [(one.origin, one.kind) for one in witness.memory.evidence()[len(kept) :]] == [
        (LOG.origin, Kind.FORK),
        (other.origin, Kind.FORK),
    ]


def test_a_second_key_of_a_log_is_as_good_and_an_unknown_one_is_ignored(witness: Witness) -> None:
    new = Log(LOG.origin, PrivateKey.generate()).grow(700)
    assert witness.status(new.request(0, 20)) == 403
    witness.memory.trust(new.verifier)
    witness.cosign(0, 20, new)
    witness.cosign(20, 30)
    both = LOG.note(40, sign_note(LOG.text(40), LOG.origin, PrivateKey.generate()))
    cosigned(witness.service.verifier, both, witness.add(encode_request(30, LOG.proof(30, 40), both)))
    assert witness.memory.held(LOG.origin).note == LOG.note(40)


def test_the_newest_checkpoint_is_shown_as_it_was_cosigned(witness: Witness) -> None:
    name = hashlib.sha256(LOG.origin.encode()).hexdigest()
    assert witness.service.checkpoint(name) is None
    witness.cosign(0, 20)
    witness.now_s += 9
    shown = witness.service.checkpoint(name)
    assert shown is not None
    checked = verify(parse_note(shown), [LOG.verifier, witness.service.verifier])
    assert [one.time_s for one in checked] == [None, START_S]
    assert witness.service.checkpoint("0" * 64) is None


def test_what_it_says_of_itself(witness: Witness) -> None:
    witness.cosign(0, 20)
    witness.add(FORK.request(20, 20))
    lines = pages.about(witness.service.verifier, witness.memory)
    assert lines[:4] == [
        f"witness {NAME}",
        f"vkey {witness.service.verifier.vkey()}",
        f"log {LOG.origin}",
        f"  vkey {LOG.verifier.vkey()}",
    ]
    assert lines[4] == "  size 20"
    assert lines[6:] == ["  cosigned 2026-01-02T03:04:05Z", "  fork 1"]
    assert witness.service.verifier.kind == COSIGNATURE_V1
    text = pages.evidence(witness.memory)
    assert text.startswith(f"== fork: {LOG.origin} at size 20, refused 2026-01-02T03:04:05Z\n")
    assert LOG.note(20).decode() in text
    assert FORK.note(20).decode() in text


def test_a_memory_that_cannot_be_written_cosigns_nothing(witness: Witness) -> None:
    witness.cosign(0, 20)
    witness.memory.close()
    answer = witness.add(LOG.request(20, 30))
    assert (answer.status, b"[store-unavailable]" in answer.body) == (503, True)
    assert [line["code"] for line in witness.said] == ["store-unavailable"]
