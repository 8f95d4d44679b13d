"""Published signed notes: the example of signed-note, and a checkpoint of the Go checksum database."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

import pytest

from traceability.errors import KeyRefusedError, MalformedError, TamperError, TraceabilityError
from traceability.ledger.note import Note, VerifierKey, parse_checkpoint, parse_note, parse_vkey, verify

NOTES = ("example.note", "sumdb.checkpoint")


def load(conformance: Path, name: str) -> tuple[bytes, VerifierKey]:
    folder = conformance / "checkpoint"
    vkey = (folder / name).with_suffix(".vkey").read_text("ascii").removesuffix("\n")
    return (folder / name).read_bytes(), parse_vkey(vkey)


def open_note(data: bytes, verifier: VerifierKey) -> Note:
    note = parse_note(data)
    verify(note, [verifier])
    return note


@pytest.mark.parametrize("name", NOTES)
def test_published_note_verifies_and_encodes_back(conformance: Path, name: str) -> None:
    data, verifier = load(conformance, name)
    note = open_note(data, verifier)
    assert note.encode() == data
    assert [item.by for item in verify(note, [verifier])] == [verifier]
    assert verifier.vkey() + "\n" == (conformance / "checkpoint" / name).with_suffix(".vkey").read_text()


@pytest.mark.parametrize("name", NOTES)
def test_no_byte_of_a_published_note_can_be_flipped(conformance: Path, name: str) -> None:
    data, verifier = load(conformance, name)
    for position in range(len(data)):
        for mask in (0x01, 0x20, 0x80):
            changed = bytearray(data)
            changed[position] ^= mask
            with pytest.raises((MalformedError, TamperError)):
                open_note(bytes(changed), verifier)


@pytest.mark.parametrize("name", NOTES)
def test_no_byte_of_a_published_key_can_be_flipped(conformance: Path, name: str) -> None:
    vkey = load(conformance, name)[1].vkey().encode()
    for position in range(len(vkey)):
        changed = bytearray(vkey)
        changed[position] ^= 0x01
        with pytest.raises((MalformedError, KeyRefusedError)):
            parse_vkey(changed.decode())


@pytest.mark.parametrize(("name", "other"), [NOTES, NOTES[::-1]])
def test_published_note_is_refused_under_another_key(conformance: Path, name: str, other: str) -> None:
    with pytest.raises(TraceabilityError):
        open_note(load(conformance, name)[0], load(conformance, other)[1])


def test_published_checkpoint_has_an_origin_that_is_not_its_key_name(conformance: Path) -> None:
    data, verifier = load(conformance, "sumdb.checkpoint")
    note = open_note(data, verifier)
    checkpoint = parse_checkpoint(note.text)
    assert (checkpoint.origin, verifier.name) == ("go.sum database tree", "sum.golang.org")
    assert checkpoint.size == 35225469
    assert checkpoint.root == b64decode("vt5T6GaLCXvyHFl9VUvvItR43XZxfLgftEcTyO3eJCQ=")
    assert checkpoint.text() == note.text


def test_published_note_that_is_no_checkpoint_is_refused_as_one(conformance: Path) -> None:
    data, verifier = load(conformance, "example.note")
    with pytest.raises(MalformedError, match="three lines"):
        parse_checkpoint(open_note(data, verifier).text)
