"""Records: seven lines, one encoding, one chain."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from traceability import media
from traceability.errors import ChainMismatchError, IdentifierError, MalformedError, TraceabilityError
from traceability.ledger.record import (
    GENESIS,
    MAX_TIME_MS,
    Record,
    check_chain,
    commit,
    format_time,
    make_salt,
    parse_record,
    parse_time,
)

STREAM = "https://id.gs1.org/01/09506000134352/10/LOT-7"
RECORD = Record(
    stream=STREAM,
    seq=0,
    prev=GENESIS,
    time_ms=1_767_323_045_678,
    media_type=media.EVENT,
    commitment=commit(hashlib.sha256(b"statement").digest(), bytes(range(16))),
)
TEXT = (
    b"food-traceability/record/v1\n"
    b"https://id.gs1.org/01/09506000134352/10/LOT-7\n"
    b"0\n"
    b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    b"2026-01-02T03:04:05.678Z\n"
    b"application/vnd.food-traceability.event+sd-jwt\n"
    b"bq8dUbFHArc+1ke233/fC+biJoIzcb2ePf4WtuJcx64=\n"
)
hashes = st.binary(min_size=32, max_size=32)
records = st.builds(
    Record,
    stream=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=512),
    seq=st.integers(0, 2**63 - 1),
    prev=hashes,
    time_ms=st.integers(0, MAX_TIME_MS),
    media_type=st.sampled_from(sorted(media.RECORDED)),
    commitment=hashes,
)


def chain(length: int) -> list[Record]:
    made: list[Record] = []
    for seq in range(length):
        prev = made[-1].hash if made else GENESIS
        made.append(replace(RECORD, seq=seq, prev=prev, time_ms=RECORD.time_ms + seq))
    return made


def test_record_has_the_documented_text_and_hash() -> None:
    assert RECORD.text() == TEXT
    assert RECORD.hash == hashlib.sha256(b"\x00" + TEXT).digest()
    assert RECORD.hash.hex() == "3e05cd70ffdecdb38cab5826b19a9b5ef76f3979d685bb9c2f0219b9146dfa35"


@given(records)
def test_record_round_trip(record: Record) -> None:
    assert parse_record(record.text()) == record


@given(st.integers(0, len(TEXT) - 1), st.integers(0, 255))
def test_changed_byte_is_refused_or_gives_another_record(position: int, value: int) -> None:
    changed = TEXT[:position] + bytes([value]) + TEXT[position + 1 :]
    try:
        record = parse_record(changed)
    except MalformedError:
        return
    assert record.text() == changed
    assert (record == RECORD) == (changed == TEXT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\n0\n", b"\n00\n"),
        (b"\n0\n", b"\n-1\n"),
        (b"\n0\n", b"\n9223372036854775808\n"),
        (b"record/v1", b"record/v2"),
        (b"05.678Z", b"05.678+00:00"),
        (b"AAA=\n", b"AAB=\n"),
        (b"AAA=\n", b"\n"),
        (b"event+sd-jwt", b"receipt+cose"),
        (b"\n0\n", b"\r\n0\n"),
        (b"\n0\n", b"\n\n0\n"),
    ],
)
def test_text_outside_the_form_is_refused(old: bytes, new: bytes) -> None:
    assert old in TEXT
    with pytest.raises(MalformedError):
        parse_record(TEXT.replace(old, new))


@pytest.mark.parametrize("text", [TEXT[:-1], TEXT + b"\n", TEXT + b"more\n", TEXT * 9, b""])
def test_text_with_another_end_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_record(text)


@pytest.mark.parametrize("stream", ["", "a b", "a\n", "caf\u00e9", "a\x7f", "x" * 513])
def test_stream_that_is_no_uri_is_refused(stream: str) -> None:
    with pytest.raises(IdentifierError):
        replace(RECORD, stream=stream)


@pytest.mark.parametrize(
    "change",
    [
        {"seq": -1},
        {"seq": 2**63},
        {"prev": bytes(31)},
        {"time_ms": -1},
        {"time_ms": MAX_TIME_MS + 1},
        {"media_type": media.RESUME},
        {"commitment": bytes(33)},
    ],
)
def test_record_outside_its_bounds_cannot_be_made(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        replace(RECORD, **change)


def test_commitment_hides_the_statement_behind_the_salt() -> None:
    statement, salt = hashlib.sha256(b"statement").digest(), bytes(range(16))
    assert commit(statement, salt) == hashlib.sha256(salt + statement).digest()
    for wrong in ((statement[:-1], salt), (statement, salt + b"\x00"), (statement, b"")):
        with pytest.raises(MalformedError):
            commit(*wrong)


def test_chain_gives_count_and_head() -> None:
    records = chain(4)
    assert check_chain(records, stream=STREAM) == (4, records[-1].hash)
    assert check_chain([], stream=STREAM) == (0, GENESIS)
    later = check_chain(records[2:], start_seq=2, prev=records[1].hash, stream=STREAM)
    assert later == (4, records[-1].hash)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stream": STREAM + "x"}, "stream of record 2"),
        ({"seq": 3}, "number of record 2"),
        ({"prev": GENESIS}, "previous hash of record 2"),
        ({"time_ms": RECORD.time_ms}, "time of record 2"),
    ],
)
def test_broken_chain_names_the_record(change: dict[str, Any], message: str) -> None:
    records = chain(4)
    records[2] = replace(records[2], **change)
    with pytest.raises(ChainMismatchError, match=message):
        check_chain(records, stream=STREAM)


def test_record_left_out_swapped_or_repeated_breaks_the_chain() -> None:
    first, second, third = chain(3)
    for records in ([first, third], [second, first, third], [first, first, second], [second, third]):
        with pytest.raises(ChainMismatchError, match="number of record"):
            check_chain(records, stream=STREAM)


def test_two_records_of_one_time_are_in_order() -> None:
    first = RECORD
    second = replace(RECORD, seq=1, prev=first.hash)
    assert check_chain([first, second], stream=STREAM) == (2, second.hash)


@given(st.integers(0, MAX_TIME_MS))
@example(0)
@example(MAX_TIME_MS)
def test_time_round_trip(time_ms: int) -> None:
    text = format_time(time_ms)
    assert parse_time(text) == time_ms
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    assert text == moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time_ms % 1000:03}Z"


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-29T00:00:00.000Z",
        "2026-01-01T24:00:00.000Z",
        "2016-12-31T23:59:60.000Z",
        "1969-12-31T23:59:59.999Z",
        "0000-01-01T00:00:00.000Z",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.000000Z",
        "2026-01-01 00:00:00.000Z",
        "2026-01-01T00:00:00.000z",
        "2026-01-01T00:00:00.000Z\n",
        "\u0662026-01-01T00:00:00.000Z",
        "",
    ],
)
def test_time_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_time(text)


@pytest.mark.parametrize("time_ms", [-1, MAX_TIME_MS + 1])
def test_time_outside_the_calendar_is_refused(time_ms: int) -> None:
    with pytest.raises(TraceabilityError):
        format_time(time_ms)


def test_a_salt_is_made_from_the_key_the_stream_and_the_number_as_documented():
    salt = make_salt(bytes(32), STREAM, 7)
    assert salt == hmac.new(bytes(32), f"{STREAM}\n7".encode(), hashlib.sha256).digest()[:16]
    others = [(b"\1" * 32, STREAM, 7), (bytes(32), STREAM + "8", 7), (bytes(32), STREAM, 8)]
    assert len({salt, *(make_salt(*other) for other in others)}) == 4
