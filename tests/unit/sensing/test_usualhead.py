"""The fast way to split a statement answers as the slow one does, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.sensing.test_frame import FRAME_HEX, GAP_HEX
from traceability.errors import TraceabilityError
from traceability.sensing import usualhead
from traceability.sensing.frame import parse_statement
from traceability.signing import cbor, cose

FRAME, GAP = bytes.fromhex(FRAME_HEX), bytes.fromhex(GAP_HEX)
BOTH = pytest.mark.parametrize("data", [FRAME, GAP], ids=["frame", "gap"])


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    """Both statements were read once."""
    usualhead._known.clear()
    for data in (FRAME, GAP):
        usualhead.remember(cose.parse_sign1(data))
    yield
    usualhead._known.clear()


def slowly(data: bytes) -> cose.Sign1 | None:
    try:
        return cose.parse_sign1(data)
    except TraceabilityError:
        return None


@BOTH
def test_a_statement_is_split_as_the_slow_way_reads_it(data: bytes) -> None:
    assert usualhead.split(data) == cose.parse_sign1(data)


@BOTH
def test_a_changed_byte_is_split_as_the_slow_way_reads_it(data: bytes) -> None:
    for place in range(len(data)):
        others = {
            0,
            1,
            0x18,
            0x19,
            0x1B,
            0x40,
            0x58,
            0x78,
            0xAA,
            0xAB,
            0xFF,
            data[place] ^ 1,
            data[place] ^ 0x20,
        }
        changed = [data[:place] + bytes((byte,)) + data[place + 1 :] for byte in others]
        for one in (*changed, data[:place] + data[place + 1 :], data[:place] + b"\x00" + data[place:]):
            found = usualhead.split(one)
            assert found is None or found == slowly(one), one.hex()


@pytest.mark.parametrize("size", [0, 1, 23, 24, 25, 189, 190, 191, 254, 255, 256, 257, 1000, 15_000])
def test_payloads_of_every_size_are_split(size: int) -> None:
    before, _, _ = FRAME.partition(b"\xa0\x58\x64\x82")
    data = before + b"\xa0" + cbor.encode(bytes(size)) + FRAME[-66:]
    assert usualhead.split(data) == cose.parse_sign1(data)


def test_what_is_too_long_is_not_split() -> None:
    before, _, _ = FRAME.partition(b"\xa0\x58\x64\x82")
    assert usualhead.split(before + b"\xa0" + cbor.encode(bytes(cose.MAX_BYTES)) + FRAME[-66:]) is None


def test_a_device_that_was_not_read_before_is_not_split() -> None:
    usualhead._known.clear()
    assert usualhead.split(FRAME) is None
    parse_statement(FRAME)
    assert usualhead.split(FRAME) == cose.parse_sign1(FRAME)


def test_a_statement_that_is_refused_is_not_remembered() -> None:
    usualhead._known.clear()
    with pytest.raises(TraceabilityError):
        parse_statement(FRAME.replace(b"/device/3475", b"/devide/3475"))
    assert not usualhead._known


def test_devices_beyond_a_number_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usualhead, "REMEMBERED", 2)
    usualhead.remember(cose.parse_sign1(FRAME))
    assert len(usualhead._known) == 1


def outcome(data: bytes) -> object:
    try:
        return parse_statement(data)
    except TraceabilityError as error:
        return type(error), str(error)


def both_ways(data: bytes) -> tuple[object, object]:
    """What is read when the device is new, and when it was read before."""
    usualhead._known.clear()
    new = outcome(data)
    usualhead._known.clear()
    for one in (FRAME, GAP):
        parse_statement(one)
    return new, outcome(data)


@BOTH
def test_a_changed_byte_is_read_or_refused_alike_whether_its_device_was_read_before_or_not(
    data: bytes,
) -> None:
    for place in range(len(data) - 64):
        for byte in {0, 2, 0x1B, 0xFF, data[place] ^ 1, data[place] ^ 0x20}:
            new, known = both_ways(data[:place] + bytes((byte,)) + data[place + 1 :])
            assert new == known, (place, byte)


BOOT, UPTIME, CLOCK, BEACON = -65538, -65540, -65541, -65542


def with_header(label: int, value: object, claims: dict[int, object] | None = None) -> bytes:
    """The frame, another number in its header; its signature does not matter here."""
    statement = cose.parse_sign1(FRAME)
    headers: dict[int, object] = {**statement.protected, label: value}
    if claims is not None:
        headers[cose.CLAIMS] = claims
    parts = [cbor.encode(headers), {}, statement.payload, statement.signature]
    return cbor.head(6, cose.SIGN1_TAG) + cbor.encode(parts)


@pytest.mark.parametrize(
    ("label", "value"),
    [
        *((label, value) for label in (BOOT, UPTIME) for value in (0, 2**32 - 1, 2**32, 2**64 - 1)),
        *((CLOCK, value) for value in (0, 1, 3, 4)),
        *((-65537, value) for value in (0, 2**64 - 1)),
    ],
)
def test_numbers_at_their_ends_are_read_or_refused_alike(label: int, value: int) -> None:
    new, known = both_ways(with_header(label, value))
    assert new == known


@pytest.mark.parametrize("iat", [None, 0, 2**28 - 1, 2**28, 253_402_300_799, 253_402_300_800, 2**64 - 1])
@pytest.mark.parametrize("clock", [0, 2])
def test_the_time_of_a_statement_at_its_ends_is_read_or_refused_alike(iat: int | None, clock: int) -> None:
    said = cose.parse_sign1(FRAME).protected[cose.CLAIMS]
    assert isinstance(said, dict)
    claims = {k: v for k, v in said.items() if k != 6} | ({} if iat is None else {6: iat})
    new, known = both_ways(with_header(CLOCK, clock, claims))
    assert new == known
    good = clock == 0 if iat is None else clock == 2 and 2**28 <= iat < 253_402_300_800
    assert isinstance(new, tuple) is not good
