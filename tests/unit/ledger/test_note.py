"""Signed notes, checkpoints and cosignatures."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.errors import (
    KeyRefusedError,
    MalformedError,
    OversizeError,
    SignatureMismatchError,
    TamperError,
)
from traceability.ledger import merkle
from traceability.ledger.note import (
    COSIGNATURE_V1,
    ED25519,
    Checkpoint,
    Note,
    Signature,
    Verified,
    VerifierKey,
    parse_checkpoint,
    parse_note,
    parse_signature,
    parse_vkey,
    sign_note,
    verify,
)
from traceability.signing.keys import PrivateKey

KEY = PrivateKey.from_seed(b"\x03" * 32)
WITNESS_KEY = PrivateKey.from_seed(b"\x04" * 32)
LOG = VerifierKey("example.org/log", ED25519, KEY.public)
WITNESS = VerifierKey("witness.example/w1", COSIGNATURE_V1, WITNESS_KEY.public)
CHECKPOINT = Checkpoint("example.org/log", 1235, merkle.leaf_hash(b"root"))
TEXT = CHECKPOINT.text()
TIME_S = 1_767_323_045
SIGNED = sign_note(TEXT, LOG.name, KEY)
COSIGNED = sign_note(TEXT, WITNESS.name, WITNESS_KEY, COSIGNATURE_V1, TIME_S)
NOTE = Note(TEXT, (SIGNED, COSIGNED))
DATA = NOTE.encode()

lines = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]), min_size=1, max_size=30)


def test_checkpoint_signed_by_log_and_witness_has_the_documented_bytes() -> None:
    assert DATA.decode() == (
        "example.org/log\n"
        "1235\n"
        "PAb5plclr2BSYfY2ZyyWINQJcx2JpFHXRV/pxK4WeCk=\n"
        "\n"
        "\u2014 example.org/log "
        "kPLAtBiB3AC3Y4zhMDwAPlxNHU+4wneVKk5m49ECYSnHBjYGskmYXx6+n0gg"
        "xsgUzuMIawmSxVX8j7Bipnb0X9gp0wk=\n"
        "\u2014 witness.example/w1 "
        "FB8mCgAAAABpVzWl8UwyR+G5qrR8mxq5hqmRSPLcAito24lFUUzv/Wv7T0eZ"
        "s3EbcL6DOC1z3XPcnupncIFEI8tIWuSXSYW4QgE4BA==\n"
    )
    assert LOG.vkey() == "example.org/log+90f2c0b4+Ae1JKMYo0cLG6ukDOJBZlWEpWSc6XGP5NjbBRhSshzfR"
    assert WITNESS.vkey() == "witness.example/w1+141f260a+BMqTrBcFGHBx1nuDx/8O/oEI6OxFMFdddyaHkzPb2r58"


def test_signatures_are_those_of_the_specifications() -> None:
    KEY.public.verify(TEXT, SIGNED.value)
    message = b"cosignature/v1\ntime 1767323045\n" + TEXT
    assert COSIGNED.value[:8] == TIME_S.to_bytes(8, "big")
    WITNESS_KEY.public.verify(message, COSIGNED.value[8:])
    assert LOG.key_id == hashlib.sha256(b"example.org/log\n\x01" + KEY.public.raw).digest()[:4]
    assert WITNESS.key_id == hashlib.sha256(b"witness.example/w1\n\x04" + WITNESS_KEY.public.raw).digest()[:4]


def test_known_keys_are_reported_in_the_order_of_the_note() -> None:
    note = parse_note(DATA)
    assert note == NOTE
    assert verify(note, [WITNESS, LOG]) == [Verified(LOG, None), Verified(WITNESS, TIME_S)]


def test_signatures_of_unknown_keys_are_ignored() -> None:
    broken = replace(COSIGNED, value=bytes(72))
    assert verify(Note(TEXT, (broken, SIGNED)), [LOG]) == [Verified(LOG, None)]
    same_id = replace(SIGNED, name="other.example/log")
    same_name = replace(SIGNED, key_id=bytes(4))
    assert verify(Note(TEXT, (same_id, same_name, SIGNED)), [LOG]) == [Verified(LOG, None)]


@pytest.mark.parametrize(
    "value", [bytes(64), SIGNED.value + b"\0", SIGNED.value[:-1], b"\0" * 8 + SIGNED.value]
)
def test_bad_signature_of_a_known_key_refuses_the_whole_note(value: bytes) -> None:
    note = Note(TEXT, (COSIGNED, replace(SIGNED, value=value)))
    with pytest.raises(SignatureMismatchError):
        verify(note, [LOG, WITNESS])


def test_note_without_a_signature_by_a_known_key_is_refused() -> None:
    for verifiers in ([], [WITNESS]):
        with pytest.raises(SignatureMismatchError, match="no signature by a known key"):
            verify(Note(TEXT, (SIGNED,)), verifiers)


@pytest.mark.parametrize("value", [TIME_S + 1, 0])
def test_changed_time_of_a_cosignature_is_refused(value: int) -> None:
    changed = replace(COSIGNED, value=value.to_bytes(8, "big") + COSIGNED.value[8:])
    with pytest.raises(SignatureMismatchError):
        verify(Note(TEXT, (changed,)), [WITNESS])


def test_cosignature_after_the_end_of_time_is_refused() -> None:
    stamp = (2**63).to_bytes(8, "big")
    signature = WITNESS_KEY.sign(b"cosignature/v1\ntime %d\n%b" % (2**63, TEXT))
    with pytest.raises(MalformedError, match="time of a cosignature"):
        verify(Note(TEXT, (replace(COSIGNED, value=stamp + signature),)), [WITNESS])
    with pytest.raises(MalformedError):
        sign_note(TEXT, WITNESS.name, WITNESS_KEY, COSIGNATURE_V1, 2**63)


def test_signature_of_one_type_does_not_stand_for_another() -> None:
    as_cosigner = VerifierKey(LOG.name, COSIGNATURE_V1, KEY.public)
    assert as_cosigner.key_id != LOG.key_id
    relabelled = Signature(LOG.name, as_cosigner.key_id, bytes(8) + SIGNED.value)
    with pytest.raises(SignatureMismatchError):
        verify(Note(TEXT, (relabelled,)), [as_cosigner])


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_no_byte_of_a_note_can_be_changed(position: int, mask: int) -> None:
    changed = bytearray(DATA)
    changed[position] ^= mask
    try:
        verified = verify(parse_note(bytes(changed)), [LOG, WITNESS])
    except (MalformedError, TamperError):
        return
    # A changed name or key id makes one signer unknown; the other still covers the whole text.
    assert len(verified) == 1
    assert position >= len(TEXT)


@given(lines, st.lists(lines, min_size=1, max_size=4))
def test_note_round_trip(name: str, text: list[str]) -> None:
    name = "".join(char for char in name if not char.isspace() and char != "+") or "name"
    body = "".join(f"{line}\n" for line in text).encode()
    note = Note(body, (sign_note(body, name, KEY),))
    assert parse_note(note.encode()) == note
    assert verify(note, [VerifierKey(name, ED25519, KEY.public)])


def test_text_of_a_note_may_hold_blank_lines() -> None:
    text = b"one\n\n\ntwo\n"
    note = Note(text, (sign_note(text, "name", KEY),))
    assert parse_note(note.encode()) == note


def test_sixty_four_signatures_are_read_and_no_more() -> None:
    note = Note(TEXT, (SIGNED,) * 64)
    assert len(verify(parse_note(note.encode()), [LOG])) == 64
    with pytest.raises(MalformedError, match="number of signatures"):
        parse_note(note.encode() + SIGNED.line())
    with pytest.raises(MalformedError, match="number of signatures"):
        Note(TEXT, ())


def test_note_above_64_kib_is_neither_read_nor_made() -> None:
    text = b"x" * (65_536 - len(DATA) + len(TEXT) - 1) + b"\n"
    fits = Note(text, NOTE.signatures)
    assert parse_note(fits.encode()) == fits
    with pytest.raises(OversizeError):
        Note(b"x" + text, NOTE.signatures).encode()
    with pytest.raises(OversizeError):
        parse_note(b"x" + fits.encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        TEXT,
        TEXT + b"\n",
        DATA[:-1],
        DATA + b"\n",
        DATA + b"\n\n",
        DATA.replace(b"\n", b"\r\n"),
        DATA.replace(b"1235", b"12\t35"),
        DATA.replace(b"1235", b"12\xff35"),
        DATA.replace("\u2014".encode(), b"-"),
        DATA.replace("\u2014 ".encode(), "\u2014\u00a0".encode()),
        DATA.replace(b"\n\n", b"\n"),
        SIGNED.line(),
        b"\n" + SIGNED.line(),
    ],
)
def test_data_that_is_no_note_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_note(data)


@pytest.mark.parametrize(
    "line",
    [
        "\u2014 name",
        "\u2014 name ",
        "\u2014  name AAAAAAA=",
        "\u2014 name AAAAAAA= ",
        "\u2014 na+me AAAAAAA=",
        "\u2014 na\u3000me AAAAAAA=",
        "\u2014 name AAAAAA==",
        "\u2014 name AAAA",
        "\u2014 name AAAAAAB=",
        "\u2014 name AAAAAAA",
        "\u2014name AAAAAAA=",
        "name AAAAAAA=",
    ],
)
def test_line_that_is_no_signature_is_refused(line: str) -> None:
    assert parse_signature("\u2014 name AAAAAAA=\n".encode()) == Signature("name", bytes(4), b"\0")
    with pytest.raises(MalformedError):
        parse_signature(f"{line}\n".encode())


@pytest.mark.parametrize("text", [b"", b"no newline", b"tab\t\n", b"\xff\n"])
def test_text_that_cannot_stand_in_a_note_is_not_signed(text: bytes) -> None:
    with pytest.raises(MalformedError):
        sign_note(text, "name", KEY)
    with pytest.raises(MalformedError):
        Note(text, (SIGNED,))


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\nb", "a\x00b"])
def test_name_that_no_key_can_have_is_refused(name: str) -> None:
    with pytest.raises(MalformedError):
        sign_note(TEXT, name, KEY)
    with pytest.raises(MalformedError):
        VerifierKey(name, ED25519, KEY.public)


def test_vkey_round_trip() -> None:
    for verifier in (LOG, WITNESS):
        assert parse_vkey(verifier.vkey()) == verifier


def vkey(kind: int, raw: bytes) -> str:
    key_id = hashlib.sha256(b"name\n" + bytes([kind]) + raw).hexdigest()[:8]
    return f"name+{key_id}+{b64encode(bytes([kind]) + raw).decode()}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name+00000000",
        "name++",
        vkey(0x02, KEY.public.raw),
        LOG.vkey().replace(LOG.key_id.hex(), LOG.key_id.hex().upper()),
        LOG.vkey().replace(LOG.key_id.hex(), "00000000"),
        LOG.vkey() + "\n",
        "other" + LOG.vkey(),
    ],
)
def test_text_that_is_no_vkey_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_vkey(text)


def test_vkey_with_an_unsafe_key_is_refused() -> None:
    assert parse_vkey(vkey(ED25519, KEY.public.raw)).key == KEY.public
    for raw in (bytes(32), b"\x01" + bytes(31), KEY.public.raw[:-1]):
        with pytest.raises(KeyRefusedError):
            parse_vkey(vkey(ED25519, raw))


def test_unknown_type_of_signature_is_refused() -> None:
    with pytest.raises(MalformedError, match="unknown type"):
        sign_note(TEXT, "name", KEY, 0x06)
    with pytest.raises(MalformedError, match="unknown type"):
        VerifierKey("name", 0x06, KEY.public)


def test_key_id_of_another_length_is_refused() -> None:
    with pytest.raises(MalformedError):
        Signature("name", bytes(3), bytes(64))


@given(
    st.builds(
        Checkpoint,
        lines,
        st.integers(0, 2**63 - 1),
        st.binary(min_size=32, max_size=32),
        st.lists(lines, max_size=3).map(tuple),
    )
)
def test_checkpoint_round_trip(checkpoint: Checkpoint) -> None:
    assert parse_checkpoint(checkpoint.text()) == checkpoint


@given(st.integers(0, len(TEXT) - 1), st.integers(0, 255))
def test_changed_byte_is_refused_or_gives_another_checkpoint(position: int, value: int) -> None:
    changed = TEXT[:position] + bytes([value]) + TEXT[position + 1 :]
    try:
        checkpoint = parse_checkpoint(changed)
    except MalformedError:
        return
    assert checkpoint.text() == changed
    assert (checkpoint == CHECKPOINT) == (changed == TEXT)


@pytest.mark.parametrize(
    "text",
    [
        TEXT[:-1],
        TEXT + b"\n",
        TEXT + b"\nextension\n",
        b"\n" + TEXT,
        TEXT.replace(b"1235", b"01235"),
        TEXT.replace(b"1235", b"-1"),
        TEXT.replace(b"1235", b"9223372036854775808"),
        TEXT.replace(b"=\n", b"\n"),
        b"origin\n0\n",
        b"origin\n0\nAAAA\n",
        TEXT.replace(b"1235\n", b"1235\r\n"),
    ],
)
def test_text_that_is_no_checkpoint_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_checkpoint(text)


@pytest.mark.parametrize("line", ["", "a\nb", "a\rb"])
def test_checkpoint_with_a_line_that_is_none_cannot_be_made(line: str) -> None:
    with pytest.raises(MalformedError):
        replace(CHECKPOINT, origin=line)
    with pytest.raises(MalformedError):
        replace(CHECKPOINT, extensions=(line,))
