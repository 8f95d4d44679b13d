"""Device statements: what a device signs is read back, and every other header is refused by name."""

from __future__ import annotations

import hashlib
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability import media
from traceability.errors import (
    EncodingError,
    MalformedError,
    OversizeError,
    ReadingsError,
    SignatureMismatchError,
    StatementError,
    TamperError,
)
from traceability.sensing import frame
from traceability.sensing.frame import Clock, Gap, Head, encode_frame, encode_gap, parse_statement
from traceability.sensing.senml import Reading
from traceability.signing import cbor, cose
from traceability.signing.keys import PrivateKey

KEY = PrivateKey.from_seed(b"\x01" * 32)
DEVICE = "34750f98bd59fcfc946da45aaabe933b"
ISSUER = f"https://node.example/device/{DEVICE}"
STREAM = "https://id.gs1.org/8004/9521141ABC"
READINGS = (Reading("temp", "Cel", 1_760_000_000_000, 4.5), Reading("temp", "Cel", 1_760_000_300_500, -18))
UPTIMES = (Reading("temp", "Cel", 1_000, 4.5), Reading("temp", "Cel", 300_999, -18))

FRAME_HEX = (
    "d284590130ab013203766170706c69636174696f6e2f73656e6d6c2b63626f72045034750f98bd59fcfc946da45aaabe"
    "933b0fa301783c68747470733a2f2f6e6f64652e6578616d706c652f6465766963652f33343735306639386264353966"
    "6366633934366461343561616162653933336202782268747470733a2f2f69642e6773312e6f72672f383030342f3935"
    "3231313431414243061a68e7792d10782c6170706c69636174696f6e2f766e642e666f6f642d74726163656162696c69"
    "74792e6672616d652b636f73653a00010000003a00010001013a00010002582000000000000000000000000000000000"
    "000000000000000000000000000000003a0001000319012c3a00010004023a0001000558201111111111111111111111"
    "111111111111111111111111111111111111111111a0586482a5006474656d7002f9448021783d68747470733a2f2f6e"
    "6f64652e6578616d706c652f6465766963652f3334373530663938626435396663666339343664613435616161626539"
    "3333622f221a68e77800236343656ca3006474656d70023106f95cb25840e26b8968e0e0d90aa67b65efcbc8d6f95daa"
    "d18e4beb0adad61f7701e581ff4444d611b96c5c5ea0aba7f459cdd8aed75b6e6e1e42081a790a3b9183ec115805"
)
GAP_HEX = (
    "d28458faaa013203706170706c69636174696f6e2f63626f72045034750f98bd59fcfc946da45aaabe933b0fa201783c"
    "68747470733a2f2f6e6f64652e6578616d706c652f6465766963652f3334373530663938626435396663666339343664"
    "61343561616162653933336202782268747470733a2f2f69642e6773312e6f72672f383030342f393532313134314142"
    "4310782a6170706c69636174696f6e2f766e642e666f6f642d74726163656162696c6974792e6761702b636f73653a00"
    "010000033a00010001023a000100025820d194b9b9301b32b52be972d17c270f23acc87b889c8e3cd7b2f69df27768dc"
    "963a00010003183c3a0001000400a04f818301026a666c6173682d66756c6c5840fc12a8f181bb0da57b61891f719fd8"
    "5454fcd4eb87f75edaebb7061fc4b25da6a3d74155064af39ce6bcb81eb9b2f86dd9e145945bda6f6991cb1e1cd40157"
    "01"
)


def head_of(**changes: Any) -> Head:
    head = Head(
        issuer=ISSUER,
        stream=STREAM,
        counter=0,
        boot=1,
        prev=frame.NO_PREVIOUS,
        uptime_s=300,
        clock=Clock.NETWORK,
        issued_at=1_760_000_301,
        beacon=b"\x11" * 32,
    )
    return cast("Head", {**head, **changes})


def without_clock(**changes: Any) -> Head:
    return head_of(clock=Clock.UNSYNCHRONISED, issued_at=None, **changes)


def free_headers() -> dict[int, Any]:
    """The headers of a good frame that ``cose.sign1`` lets a caller set."""
    return {
        cose.CLAIMS: {1: ISSUER, 2: STREAM, 6: 1_760_000_301},
        frame.COUNTER: 7,
        frame.BOOT: 1,
        frame.PREV: bytes(32),
        frame.UPTIME: 301,
        frame.CLOCK: 3,
    }


def signed(
    headers: dict[int, Any],
    *,
    typ: str = media.FRAME,
    content_type: str = media.SENML_CBOR,
    payload: bytes = b"",
) -> bytes:
    return cose.sign1(KEY, typ=typ, content_type=content_type, headers=headers, payload=payload)


def gap_statement(rows: object, counter: int = 7) -> frame.DeviceStatement:
    headers = free_headers() | {frame.COUNTER: counter}
    data = signed(headers, typ=media.GAP, content_type=media.CBOR, payload=cbor.encode(rows))
    return parse_statement(data)


def test_a_frame_reads_back_as_it_was_signed() -> None:
    data = encode_frame(KEY, readings=READINGS, **head_of())
    statement = parse_statement(data)
    statement.verify(KEY.public)
    assert statement.readings() == READINGS
    assert statement.media_type == media.FRAME
    assert (statement.device, statement.issuer, statement.stream) == (DEVICE, ISSUER, STREAM)
    assert (statement.counter, statement.boot, statement.uptime_s) == (0, 1, 300)
    assert (statement.clock, statement.issued_at) == (Clock.NETWORK, 1_760_000_301)
    assert (statement.prev, statement.beacon) == (bytes(32), b"\x11" * 32)
    assert statement.kid == KEY.public.kid
    assert statement.message == data
    assert statement.sha256 == hashlib.sha256(data).digest()
    assert statement.payload not in (b"", data)
    assert statement.payload in data


def test_the_published_vectors_stand() -> None:
    data = encode_frame(KEY, readings=READINGS, **head_of())
    assert data.hex() == FRAME_HEX
    gap = encode_gap(
        KEY,
        gaps=[Gap(1, 2, "flash-full")],
        **without_clock(counter=3, boot=2, prev=hashlib.sha256(data).digest(), uptime_s=60, beacon=None),
    )
    assert gap.hex() == GAP_HEX


@given(
    counter=st.integers(0, 2**64 - 1),
    boot=st.integers(0, 2**32 - 1),
    uptime_s=st.integers(0, 2**32 - 1),
    prev=st.binary(min_size=32, max_size=32),
    beacon=st.none() | st.binary(min_size=32, max_size=32),
    clock=st.sampled_from(Clock),
    issued_at=st.integers(2**28, 253_402_300_799),
)
def test_every_header_survives_a_round_trip(clock: Clock, issued_at: int, **head: Any) -> None:
    said: Head = head_of(clock=clock, issued_at=issued_at if clock else None, **head)
    readings = READINGS if clock else (Reading("temp", "Cel", 0, 4),)
    statement = parse_statement(encode_frame(KEY, readings=readings, **said))
    statement.verify(KEY.public)
    assert {name: getattr(statement, name) for name in said} == said
    assert statement.readings() == readings


def test_a_beacon_may_be_left_out() -> None:
    head = head_of()
    del head["beacon"]
    statement = parse_statement(encode_frame(KEY, readings=READINGS, **head))
    assert statement.beacon is None


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80])
def test_no_byte_of_a_statement_can_change(flip: int) -> None:
    data = encode_frame(KEY, readings=READINGS, **head_of())
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= flip
        with pytest.raises((MalformedError, TamperError)):
            parse_statement(bytes(changed)).verify(KEY.public)


def test_another_key_does_not_verify() -> None:
    statement = parse_statement(encode_frame(KEY, readings=READINGS, **head_of()))
    with pytest.raises(SignatureMismatchError):
        statement.verify(PrivateKey.from_seed(b"\x02" * 32).public)


def test_a_header_that_is_not_asked_for_is_refused() -> None:
    assert parse_statement(signed(free_headers())).counter == 7
    for label in (5, 33, -65543, -70000):
        with pytest.raises(StatementError, match="closed set"):
            parse_statement(signed(free_headers() | {label: 1}))


@pytest.mark.parametrize(
    "label", [frame.COUNTER, frame.BOOT, frame.PREV, frame.UPTIME, frame.CLOCK, cose.CLAIMS]
)
def test_a_header_that_is_missing_is_refused(label: int) -> None:
    headers = free_headers()
    del headers[label]
    with pytest.raises(StatementError, match="closed set"):
        parse_statement(signed(headers))


@pytest.mark.parametrize(
    ("label", "value", "said"),
    [
        (frame.COUNTER, -1, "the counter"),
        (frame.COUNTER, 7.0, "the counter"),
        (frame.COUNTER, True, "the counter"),
        (frame.COUNTER, None, "the counter"),
        (frame.BOOT, 2**32, "the boot"),
        (frame.BOOT, False, "the boot"),
        (frame.UPTIME, 2**32, "the uptime"),
        (frame.UPTIME, "301", "the uptime"),
        (frame.CLOCK, 4, "the clock"),
        (frame.CLOCK, True, "the clock"),
        (frame.PREV, bytes(31), "prev"),
        (frame.PREV, bytes(33), "prev"),
        (frame.PREV, "0" * 32, "prev"),
        (frame.BEACON, bytes(31), "the beacon"),
        (frame.BEACON, None, "the beacon"),
    ],
)
def test_a_header_out_of_range_is_refused(label: int, value: object, said: str) -> None:
    with pytest.raises(StatementError, match=said):
        parse_statement(signed(free_headers() | {label: value}))


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ([ISSUER, STREAM], "the claims"),
        ({1: ISSUER, 2: STREAM}, "the claims"),
        ({1: ISSUER, 6: 1_760_000_301}, "the claims"),
        ({2: STREAM, 6: 1_760_000_301}, "the claims"),
        ({1: ISSUER, 2: STREAM, 6: 1_760_000_301, 4: 1}, "the claims"),
        ({1: ISSUER, 2: STREAM, 6: 1_760_000_301.5}, "iat"),
        ({1: ISSUER, 2: STREAM, 6: 2**28 - 1}, "iat"),
        ({1: ISSUER, 2: STREAM, 6: 253_402_300_800}, "iat"),
    ],
)
def test_claims_outside_the_form_are_refused(claims: object, said: str) -> None:
    with pytest.raises(StatementError, match=said):
        parse_statement(signed(free_headers() | {cose.CLAIMS: claims}))


def test_a_device_without_a_clock_says_no_time() -> None:
    with pytest.raises(StatementError, match="exactly when"):
        parse_statement(signed(free_headers() | {frame.CLOCK: 0}))
    with pytest.raises(StatementError, match="exactly when"):
        encode_frame(KEY, readings=READINGS, **head_of(issued_at=None))
    with pytest.raises(StatementError, match="exactly when"):
        encode_frame(KEY, readings=UPTIMES, **head_of(clock=Clock.UNSYNCHRONISED))


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        7,
        DEVICE,
        ISSUER[:-1],
        ISSUER + "0",
        ISSUER + "/",
        ISSUER + "\n",
        ISSUER.upper(),
        f"http://node.example/device/{DEVICE}",
        f"https://node.example/{DEVICE}",
        f"https:///device/{DEVICE}",
        f"https://node.example/device/{DEVICE.upper()}",
        f"https://node.example/x/device/{DEVICE}",
        f"https://user@node.example/device/{DEVICE}",
        f"https://node.example:/device/{DEVICE}",
        f"https://{'n' * 254}/device/{DEVICE}",
    ],
)
def test_an_issuer_is_a_devices_uri(issuer: object) -> None:
    with pytest.raises(StatementError, match="iss must match"):
        parse_statement(signed(free_headers() | {cose.CLAIMS: {1: issuer, 2: STREAM, 6: 1_760_000_301}}))


def test_an_issuer_may_name_a_port() -> None:
    issuer = f"https://localhost:8443/device/{DEVICE}"
    statement = parse_statement(encode_frame(KEY, readings=READINGS, **head_of(issuer=issuer)))
    assert (statement.issuer, statement.device) == (issuer, DEVICE)
    assert statement.readings() == READINGS


@pytest.mark.parametrize(
    "stream",
    ["", 7, "https://", "http://a", "urn:x", "https://a b", "https://a\n", "https://é", "https://a\x7f"],
)
def test_a_stream_is_an_https_uri(stream: object) -> None:
    with pytest.raises(StatementError, match="sub must match"):
        parse_statement(signed(free_headers() | {cose.CLAIMS: {1: ISSUER, 2: stream, 6: 1_760_000_301}}))


def test_a_stream_has_at_most_512_bytes() -> None:
    longest = "https://" + "a" * 504
    assert parse_statement(encode_frame(KEY, readings=READINGS, **head_of(stream=longest))).stream == longest
    with pytest.raises(StatementError, match="sub must match"):
        encode_frame(KEY, readings=READINGS, **head_of(stream=longest + "a"))


def test_other_kinds_of_statement_are_refused() -> None:
    for typ in (media.EVENT, media.RECEIPT, media.CONFIG, "frame"):
        with pytest.raises(StatementError, match="not a device statement"):
            parse_statement(signed(free_headers(), typ=typ))


@pytest.mark.parametrize(
    ("typ", "content_type"),
    [
        (media.FRAME, media.CBOR),
        (media.FRAME, "application/senml+json"),
        (media.GAP, media.SENML_CBOR),
        (media.RESUME, media.SENML_CBOR),
        (media.ROTATION, ""),
    ],
)
def test_each_kind_has_one_content_type(typ: str, content_type: str) -> None:
    with pytest.raises(StatementError, match="content type"):
        parse_statement(signed(free_headers(), typ=typ, content_type=content_type))


@pytest.mark.parametrize("typ", [media.RESUME, media.ROTATION])
def test_resume_and_rotation_are_read_as_far_as_their_header(typ: str) -> None:
    statement = parse_statement(signed(free_headers(), typ=typ, content_type=media.CBOR, payload=b"\xff"))
    assert (statement.media_type, statement.counter, statement.payload) == (typ, 7, b"\xff")
    with pytest.raises(StatementError, match="no readings"):
        statement.readings()
    with pytest.raises(StatementError, match="no gaps"):
        statement.gaps()


def test_frames_hold_no_gaps_and_gaps_no_readings() -> None:
    with pytest.raises(StatementError, match="no gaps"):
        parse_statement(encode_frame(KEY, readings=READINGS, **head_of())).gaps()
    with pytest.raises(StatementError, match="no readings"):
        gap_statement([[1, 2, "corrupt"]]).readings()


def test_readings_belong_to_the_device_that_signed() -> None:
    payload = parse_statement(encode_frame(KEY, readings=READINGS, **head_of())).payload
    other = f"https://node.example/device/{'0' * 32}"
    claims = {1: other, 2: STREAM, 6: 1_760_000_301}
    statement = parse_statement(signed(free_headers() | {cose.CLAIMS: claims}, payload=payload))
    with pytest.raises(ReadingsError, match="base name"):
        statement.readings()


def test_without_a_clock_readings_are_uptimes_up_to_the_statements_own() -> None:
    data = encode_frame(KEY, readings=UPTIMES, **without_clock(uptime_s=300))
    assert parse_statement(data).readings() == UPTIMES
    with pytest.raises(ReadingsError, match="later than"):
        encode_frame(KEY, readings=UPTIMES, **without_clock(uptime_s=299))
    with pytest.raises(ReadingsError, match="later than"):
        encode_frame(KEY, readings=[Reading("temp", "Cel", 301_000, 4)], **without_clock(uptime_s=300))
    headers = free_headers() | {frame.CLOCK: 0, frame.UPTIME: 299, cose.CLAIMS: {1: ISSUER, 2: STREAM}}
    early = parse_statement(signed(headers, payload=parse_statement(data).payload))
    with pytest.raises(ReadingsError, match="later than"):
        early.readings()
    for readings, head in ((READINGS, without_clock()), (UPTIMES, head_of())):
        with pytest.raises(ReadingsError, match="is not a"):
            encode_frame(KEY, readings=readings, **head)


def test_a_statement_has_at_most_sixteen_kibibytes() -> None:
    many = [Reading(f"{n:016}", "Cel", 1_760_000_000_000, 4) for n in range(768)]
    with pytest.raises(OversizeError, match="statement"):
        encode_frame(KEY, readings=many, **head_of())
    assert parse_statement(encode_frame(KEY, readings=many[:700], **head_of())).readings() == tuple(
        many[:700]
    )
    with pytest.raises(OversizeError):
        parse_statement(signed(free_headers(), payload=bytes(16_384)))


GOOD_GAPS = [
    [Gap(0, 0, "corrupt")],
    [Gap(1, 6, "flash-worn")],
    [Gap(1, 6, "receipted")],
    [Gap(1, 2, "flash-full"), Gap(3, 3, "corrupt")],
    [Gap(1, 2, "flash-full"), Gap(4, 6, "flash-full")],
]


@pytest.mark.parametrize("gaps", GOOD_GAPS)
def test_gaps_read_back_as_they_were_signed(gaps: list[Gap]) -> None:
    statement = parse_statement(encode_gap(KEY, gaps=gaps, **head_of(counter=7)))
    statement.verify(KEY.public)
    assert statement.media_type == media.GAP
    assert statement.gaps() == tuple(gaps)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "at least one"),
        ({}, "at least one"),
        (7, "at least one"),
        ([7], "first, last, reason"),
        ([[1, 2]], "first, last, reason"),
        ([[1, 2, "corrupt", 0]], "first, last, reason"),
        ([[2, 1, "corrupt"]], "first counter"),
        ([[-1, 1, "corrupt"]], "first counter"),
        ([[True, 1, "corrupt"]], "first counter"),
        ([[1, 2.0, "corrupt"]], "last counter"),
        ([[1, 7, "corrupt"]], "last counter"),
        ([[1, 2, "bored"]], "reason"),
        ([[1, 2, "corrupt\n"]], "reason"),
        ([[1, 2, None]], "reason"),
        ([[1, 2, ["corrupt"]]], "reason"),
        ([[3, 4, "corrupt"], [1, 2, "corrupt"]], "ascending"),
        ([[1, 3, "corrupt"], [3, 4, "flash-full"]], "ascending"),
        ([[1, 2, "corrupt"], [3, 4, "corrupt"]], "one gap"),
    ],
)
def test_gaps_outside_the_form_are_refused(rows: object, said: str) -> None:
    with pytest.raises(StatementError, match=said):
        gap_statement(rows).gaps()


def test_a_gap_that_could_not_be_read_is_not_signed() -> None:
    for gaps in ([], [Gap(1, 7, "corrupt")], [Gap(1, 2, "bored")]):
        with pytest.raises(StatementError):
            encode_gap(KEY, gaps=gaps, **head_of(counter=7))


def test_a_gap_in_another_encoding_is_refused() -> None:
    data = signed(free_headers(), typ=media.GAP, content_type=media.CBOR, payload=b"\x9f\xff")
    with pytest.raises(EncodingError):
        parse_statement(data).gaps()
