"""Receipts: only the node's secret makes one, and it says one thing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability import media
from traceability.errors import (
    EncodingError,
    MalformedError,
    OversizeError,
    SignatureMismatchError,
    StatementError,
    TamperError,
)
from traceability.sensing.receipt import Receipt, encode_receipt, open_receipt
from traceability.signing import cbor, cose

SECRET = b"\x01" * 32
DEVICE = "34750f98bd59fcfc946da45aaabe933b"
RECEIPT = Receipt(DEVICE, 2, 3, b"\x22" * 32, ((1, "bad-readings"),))
FIELDS = {1: DEVICE, 2: 2, 3: 3, 4: b"\x22" * 32, 5: [[1, "bad-readings"]]}

RECEIPT_HEX = (
    "d1845834a2010510782e6170706c69636174696f6e2f766e642e666f6f642d74726163656162696c6974792e72656365"
    "6970742b636f7365a0585ca5017820333437353066393862643539666366633934366461343561616162653933336202"
    "0203030458202222222222222222222222222222222222222222222222222222222222222222058182016c6261642d72"
    "656164696e67735820af98aa409250c73bf4e32ff1f2b441164973c2620f827196baeee936c2185bb7"
)

codes = st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True)


@st.composite
def receipts(draw: st.DrawFn) -> Receipt:
    counter = draw(st.integers(0, 2**64 - 1))
    refused = sorted(draw(st.sets(st.integers(0, counter), max_size=4)))
    return Receipt(
        device=draw(st.from_regex(r"[0-9a-f]{32}", fullmatch=True)),
        boot=draw(st.integers(0, 2**32 - 1)),
        counter=counter,
        sha256=draw(st.binary(min_size=32, max_size=32)),
        refused=tuple((number, draw(codes)) for number in refused),
        beacon=draw(st.none() | st.binary(min_size=32, max_size=32)),
    )


def sealed(fields: object) -> bytes:
    return cose.mac0(SECRET, typ=media.RECEIPT, payload=cbor.encode(fields))


@given(receipts(), st.binary(min_size=32, max_size=32))
def test_a_receipt_survives_a_round_trip(receipt: Receipt, secret: bytes) -> None:
    assert open_receipt(secret, encode_receipt(secret, receipt)) == receipt


def test_the_published_vector_stands() -> None:
    assert encode_receipt(SECRET, RECEIPT).hex() == RECEIPT_HEX
    assert open_receipt(SECRET, bytes.fromhex(RECEIPT_HEX)) == RECEIPT


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80])
def test_no_byte_of_a_receipt_can_change(flip: int) -> None:
    data = encode_receipt(SECRET, RECEIPT)
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= flip
        with pytest.raises((MalformedError, TamperError)):
            open_receipt(SECRET, bytes(changed))


def test_another_secret_opens_nothing() -> None:
    with pytest.raises(SignatureMismatchError):
        open_receipt(b"\x02" * 32, encode_receipt(SECRET, RECEIPT))


def test_a_configuration_is_not_a_receipt() -> None:
    data = cose.mac0(SECRET, typ=media.CONFIG, payload=cbor.encode(FIELDS))
    with pytest.raises(StatementError):
        open_receipt(SECRET, data)


@pytest.mark.parametrize(
    "fields", [7, [DEVICE, 2, 3], {}, FIELDS | {7: 0}, {1: DEVICE, 2: 2, 3: 3, 4: bytes(32)}]
)
def test_a_receipt_has_five_fields(fields: object) -> None:
    assert open_receipt(SECRET, sealed(FIELDS)) == RECEIPT
    with pytest.raises(StatementError, match="five fields"):
        open_receipt(SECRET, sealed(fields))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({1: DEVICE.upper()}, "the device"),
        ({1: DEVICE[1:]}, "the device"),
        ({1: bytes.fromhex(DEVICE)}, "the device"),
        ({2: 2**32}, "the boot"),
        ({2: True}, "the boot"),
        ({3: -1}, "the counter"),
        ({3: 3.0}, "the counter"),
        ({3: True}, "the counter"),
        ({4: bytes(31)}, "hash"),
        ({4: "2" * 32}, "hash"),
        ({6: bytes(31)}, "the beacon"),
        ({6: None}, "the beacon"),
        ({5: {}}, "an array"),
        ({5: [7]}, "counter, code"),
        ({5: [[1]]}, "counter, code"),
        ({5: [[1, "a", "b"]]}, "counter, code"),
        ({5: [[4, "late"]]}, "a refused counter"),
        ({5: [[True, "late"]]}, "a refused counter"),
        ({5: [[2, "late"], [1, "late"]]}, "ascending"),
        ({5: [[1, "late"], [1, "late"]]}, "ascending"),
        ({5: [[1, "Late"]]}, "a reason code"),
        ({5: [[1, ""]]}, "a reason code"),
        ({5: [[1, "l" * 65]]}, "a reason code"),
        ({5: [[1, None]]}, "a reason code"),
    ],
)
def test_fields_outside_their_form_are_refused(change: dict[int, object], said: str) -> None:
    with pytest.raises(StatementError, match=said):
        open_receipt(SECRET, sealed(FIELDS | change))


@pytest.mark.parametrize(
    "receipt",
    [
        Receipt(DEVICE[1:], 2, 3, bytes(32)),
        Receipt(DEVICE, -1, 3, bytes(32)),
        Receipt(DEVICE, 2, 2**64, bytes(32)),
        Receipt(DEVICE, 2, 3, b""),
        Receipt(DEVICE, 2, 3, bytes(32), ((4, "late"),)),
    ],
)
def test_a_receipt_that_could_not_be_read_is_not_made(receipt: Receipt) -> None:
    with pytest.raises(StatementError):
        encode_receipt(SECRET, receipt)


def test_a_receipt_has_at_most_sixteen_kibibytes() -> None:
    refused = tuple((number, "bad-readings") for number in range(1100))
    with pytest.raises(OversizeError, match="receipt"):
        encode_receipt(SECRET, Receipt(DEVICE, 2, 1100, bytes(32), refused))
    with pytest.raises(OversizeError):
        open_receipt(SECRET, bytes(16_385))


def test_another_encoding_of_a_receipt_is_refused() -> None:
    with pytest.raises(EncodingError):
        open_receipt(SECRET, cose.mac0(SECRET, typ=media.RECEIPT, payload=cbor.encode(FIELDS) + b"\x00"))
