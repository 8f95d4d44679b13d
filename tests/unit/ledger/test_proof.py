"""A tlog-proof is read back as it was written, and leads nowhere when any of it is changed."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.errors import MalformedError, OversizeError, TamperError, TraceabilityError
from traceability.ledger import merkle, note
from traceability.ledger.proof import MAX_BYTES, Proof, parse_proof, verify_proof
from traceability.signing.keys import PrivateKey

KEY = PrivateKey.from_seed(bytes(32))
ORIGIN = "log.example/log"
VERIFIERS = [note.VerifierKey(ORIGIN, note.ED25519, KEY.public)]
LEAVES = [hashlib.sha256(bytes([n])).digest() for n in range(5)]


def proof_of(index: int, size: int = 5) -> Proof:
    leaves = LEAVES[:size]
    text = note.Checkpoint(ORIGIN, size, merkle.root(leaves)).text()
    signed = note.Note(text, (note.sign_note(text, ORIGIN, KEY),)).encode()
    return Proof(index, tuple(merkle.inclusion_proof(index, leaves)), signed)


@pytest.mark.parametrize("size", range(1, 6))
def test_a_proof_survives_being_written_and_proves_its_leaf_alone(size):
    for index in range(size):
        proof = parse_proof(proof_of(index, size).encode())
        assert proof == proof_of(index, size)
        assert verify_proof(proof, LEAVES[index], VERIFIERS).size == size
        for other in set(range(5)) - {index}:
            with pytest.raises(TamperError):
                verify_proof(proof, LEAVES[other], VERIFIERS)


def test_the_text_is_that_of_the_specification():
    lines = proof_of(3).encode().split(b"\n")
    assert lines[:2] == [b"c2sp.org/tlog-proof@v1", b"index 3"]
    assert lines[5:8] == [b"", ORIGIN.encode(), b"5"]


def test_no_byte_of_a_proof_can_be_changed():
    data = proof_of(3).encode()
    for position in range(len(data)):
        changed = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        with pytest.raises(TraceabilityError):
            verify_proof(parse_proof(changed), LEAVES[3], VERIFIERS)


def test_extra_data_is_read_over():
    data = proof_of(0).encode()
    assert parse_proof(data.replace(b"\nindex", b"\nextra aGk=\nindex")) == proof_of(0)
    with pytest.raises(MalformedError):
        parse_proof(data.replace(b"\nindex", b"\nextra hi\nindex"))


@pytest.mark.parametrize(
    "change",
    [
        (b"tlog-proof@v1", b"tlog-proof@v2"),
        (b"index 3\n", b""),
        (b"index 3\n", b"index 03\n"),
        (b"index 3\n", b"index -1\n"),
        (b"index 3\n", b"index 3\nAAAA\n"),
        (b"index 3\n", b"index 3\n" + b"A" * 43 + b"=\n" * 1 + (b"A" * 43 + b"=\n") * 63),
        (b"\n\n", b"\n"),
    ],
)
def test_another_form_is_refused(change):
    with pytest.raises(MalformedError):
        parse_proof(proof_of(3).encode().replace(*change))


def test_a_proof_bomb_is_not_read():
    with pytest.raises(OversizeError):
        parse_proof(bytes(MAX_BYTES + 1))


@given(st.binary(max_size=300))
def test_noise_is_refused_as_malformed(data):
    with pytest.raises(MalformedError):
        parse_proof(data)


def test_a_checkpoint_by_somebody_else_proves_nothing():
    stranger = [note.VerifierKey(ORIGIN, note.ED25519, PrivateKey.from_seed(bytes([1]) * 32).public)]
    with pytest.raises(TamperError):
        verify_proof(proof_of(3), LEAVES[3], stranger)
