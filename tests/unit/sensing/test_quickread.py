"""Quick reading: it takes what the strict readers took before, as they did, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.damage import damaged
from traceability.errors import MalformedError
from traceability.sensing import quickread
from traceability.sensing.frame import Clock, DeviceStatement, Gap, encode_frame, encode_gap, parse_statement
from traceability.sensing.quickread import QuickReader
from traceability.sensing.senml import Reading
from traceability.signing import cbor, cose
from traceability.signing.keys import PrivateKey

KEY = PrivateKey.from_seed(b"\x01" * 32)
ISSUER = f"https://node.example/device/{KEY.public.device_id}"
STREAM = "https://id.gs1.org/8004/9521141ABC"
BEGIN_MS = 1_760_000_000_000


def frame(*readings: Reading, **changes: Any) -> bytes:
    head: dict[str, Any] = {"issuer": ISSUER, "stream": STREAM, "counter": 7, "boot": 1, "prev": b"\x02" * 32}
    head |= {"uptime_s": 300, "clock": Clock.NETWORK, "issued_at": BEGIN_MS // 1000 + 600}
    return encode_frame(KEY, readings=readings, **head | changes)


def air(offset_ms: int, value: float, name: str = "air", unit: str = "Cel") -> Reading:
    return Reading(name, unit, BEGIN_MS + offset_ms, value)


USUAL = [air(second * 1000, 4 + second / 16) for second in range(0, 300, 10)]
VARIETY = {
    "usual": frame(*USUAL),
    "one reading": frame(air(0, 4.5)),
    "milliseconds": frame(air(0, 4.5), air(500, 4.25), air(1_001, -3)),
    "two channels": frame(air(0, 4.5), air(0, 4.5, "core"), air(1000, 4.5), air(1000, 3.5, "core")),
    "two units": frame(
        air(0, 4.5), air(0, 81.5, "hum", "%RH"), air(60_000, 4.5), air(60_000, 80, "hum", "%RH")
    ),
    "backwards": frame(air(0, 4.5), air(9_000, 4.5), air(3_000, 4.5)),
    "beacon": frame(*USUAL, beacon=b"\x01" * 32),
    "great numbers": frame(air(0, 4.5), counter=2**40, boot=70_000, uptime_s=2**31),
    "middling numbers": frame(air(0, 4.5), counter=300, boot=200, uptime_s=20),
}


def learned(*bodies: bytes) -> QuickReader:
    reader = QuickReader()
    for body in bodies:
        reader.learn(parse_statement(body))
    return reader


def strict(body: bytes) -> DeviceStatement | None:
    try:
        statement = parse_statement(body)
        statement.readings()
    except MalformedError:
        return None
    return statement


def agree(reader: QuickReader, body: bytes) -> bool:
    """Whether it was taken; then the strict readers take it too, and read the same."""
    found = reader.read(body)
    if found is None:
        return False
    statement = strict(body)
    assert statement is not None, body.hex()
    times = [reading.at_ms for reading in statement.readings()]
    signed = cbor.encode(["Signature1", statement.envelope.raw_protected, b"", statement.payload])
    expected = (statement.issuer, statement.stream, statement.kid, statement.counter, statement.boot)
    assert (found.issuer, found.stream, found.kid, found.counter, found.boot) == expected
    assert (found.prev, found.signature, found.signed) == (
        statement.prev,
        statement.envelope.signature,
        signed,
    )
    assert found.span == (min(times), max(times))
    return True


@pytest.mark.parametrize("kind", VARIETY)
def test_what_was_read_strictly_is_read_quickly_from_then_on(kind: str):
    reader = QuickReader()
    assert reader.read(VARIETY[kind]) is None
    reader.learn(parse_statement(VARIETY[kind]))
    assert agree(reader, VARIETY[kind])


def test_known_pieces_in_another_order_at_another_time_are_read_too():
    reader = learned(frame(*USUAL))
    later = [Reading(r.name, r.unit, r.at_ms + 86_400_000, r.value) for r in USUAL]
    assert agree(reader, frame(*later, counter=8, boot=2, prev=b"\x03" * 32))
    assert agree(reader, frame(USUAL[0], USUAL[5], USUAL[2]))


def test_what_is_not_known_is_left_to_the_strict_readers():
    reader = learned(frame(*USUAL))
    assert reader.read(frame(USUAL[0], air(10_000, 23.5))) is None
    assert reader.read(frame(air(0, 23.5), USUAL[1])) is None
    assert reader.read(frame(*USUAL, stream=f"{STREAM}D")) is None
    assert reader.read(frame(*(Reading("air", "%RH", r.at_ms, r.value) for r in USUAL))) is None


def test_a_channel_twice_at_one_instant_is_never_taken():
    first = frame(air(0, 4.5), air(1000, 4.5), air(2000, 4.25))
    reader = learned(first, frame(air(0, 4.5), air(2000, 4.5)))
    twice = first.replace(b"\x06\x01", b"\x06\x02")
    assert twice != first
    assert strict(twice) is None
    assert reader.read(twice) is None


def test_gaps_and_devices_without_a_clock_are_left_to_the_strict_readers():
    head: dict[str, Any] = {"issuer": ISSUER, "stream": STREAM, "counter": 7, "boot": 1, "prev": bytes(32)}
    head |= {"uptime_s": 300, "clock": Clock.UNSYNCHRONISED, "issued_at": None}
    unsynchronised = encode_frame(KEY, readings=[Reading("air", "Cel", 1000, 4.5)], **head)
    gap = encode_gap(KEY, gaps=[Gap(1, 2, "flash-full")], **head)
    reader = learned(unsynchronised, frame(*USUAL))
    assert reader.read(unsynchronised) is None
    assert reader.read(gap) is None


def test_a_damaged_frame_is_taken_only_if_the_strict_readers_take_it():
    reader = learned(*VARIETY.values())
    taken = [agree(reader, body) for body in damaged(VARIETY.values(), 400)]
    assert 0 < sum(taken) < len(taken) / 2


def test_a_damaged_header_or_payload_in_a_whole_message_is_taken_only_if_it_is_so_strictly():
    reader = learned(*VARIETY.values())
    for body in VARIETY.values():
        envelope = parse_statement(body).envelope
        for header in damaged([envelope.raw_protected], 150):
            agree(reader, rebuilt(header, envelope.payload, envelope.signature))
        for payload in damaged([envelope.payload], 150, seed=2):
            changed = rebuilt(envelope.raw_protected, payload, envelope.signature)
            agree(reader, changed)
            if (statement := strict(changed)) is not None:
                reader.learn(statement)
                agree(reader, changed)


def rebuilt(header: bytes, payload: bytes, signature: bytes) -> bytes:
    return cbor.head(6, cose.SIGN1_TAG) + cbor.encode([header, {}, payload, signature])


def test_no_more_is_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(quickread, "MAX_KNOWN", 2)
    reader = learned(frame(*USUAL))
    assert agree(reader, frame(*USUAL))
    reader.learn(parse_statement(frame(air(0, 9.5))))
    assert reader.read(frame(*USUAL)) is None
    assert agree(reader, frame(air(0, 9.5)))


def test_readings_before_the_base_time_or_far_behind_it_are_left_to_the_strict_readers():
    for offset_ms in (-3_000, 2**40):
        body = frame(air(0, 4.5), air(offset_ms, 4.5))
        assert learned(body).read(body) is None


def test_known_pieces_at_a_time_that_no_clock_shows_are_not_taken():
    body = frame(air(0, 4.5), air(1_000, 4.5))
    base = BEGIN_MS // 1000
    early = body.replace(b"\x22\x1a" + base.to_bytes(4, "big"), b"\x22\x1a" + (2**28 - 2).to_bytes(4, "big"))
    assert early != body
    assert strict(early) is None
    assert learned(body).read(early) is None


@pytest.mark.parametrize(
    ("kind", "place", "other"),
    [
        ("beacon", b"\xab\x01\x32", b"\xaa\x01\x32"),
        ("usual", b"\xaa\x01\x32", b"\xab\x01\x32"),
        ("usual", b"\x01\x78" + bytes([len(ISSUER)]), b"\x01\x78" + bytes([len(ISSUER) + 1])),
        ("usual", b"\x02\x78" + bytes([len(STREAM)]), b"\x02\x78" + bytes([len(STREAM) - 1])),
    ],
)
def test_a_header_that_counts_wrongly_is_not_taken(kind: str, place: bytes, other: bytes):
    body = VARIETY[kind]
    wrong = body.replace(place, other)
    assert wrong != body
    assert strict(wrong) is None
    assert learned(body).read(wrong) is None


@pytest.mark.parametrize(("name", "count"), [("a", 1_001), ("a" * 32, 400)])
def test_known_pieces_are_not_taken_beyond_the_limits_of_a_pack_or_a_message(name: str, count: int):
    readings = [air(second * 1000, 4.5, name) for second in range(count)]
    half = count // 2
    reader = learned(frame(*readings[:half]), frame(readings[0], *readings[half:]))
    assert agree(reader, frame(*readings[:half]))
    envelope = parse_statement(frame(*readings[:half])).envelope
    first = cbor.decode(envelope.payload)
    assert isinstance(first, list)
    later: list[object] = [{0: name, 2: 4.5, 6: second} for second in range(half, count)]
    body = rebuilt(envelope.raw_protected, cbor.encode([*first, *later]), envelope.signature)
    assert strict(body) is None
    assert reader.read(body) is None
