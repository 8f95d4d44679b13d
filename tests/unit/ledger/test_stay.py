"""Stays: line texts with one encoding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.vectors import VECTORS
from traceability import media
from traceability.errors import IdentifierError, MalformedError, OversizeError
from traceability.ledger.record import GENESIS, MAX_TIME_MS
from traceability.ledger.stay import (
    MAX_MILLI_C,
    Series,
    StayAmend,
    StayClose,
    StayOpen,
    parse_stay_amend,
    parse_stay_close,
    parse_stay_open,
)
from traceability.ledger.staydevice import DELIVERED, ENDS, MAX_CHANNELS, MAX_COUNTER, SILENT, StayDevice

BATCH = "https://id.gs1.org/01/09506000134352/10/LOT-7"
ASSET = "https://id.gs1.org/8004/9506000ROOM1"
A, B = "0a" * 16, "0b" * 16

OPEN = StayOpen(
    batch=BATCH,
    asset=ASSET,
    entered_seq=3,
    entered_ms=1_767_323_045_678,
    asset_count=0,
    asset_head=GENESIS,
    devices=(StayDevice(A, 0), StayDevice(B, 17)),
)
OPEN_TEXT = (
    "food-traceability/stay-open/v1\n"
    f"{BATCH}\n"
    f"{ASSET}\n"
    "3\n"
    "2026-01-02T03:04:05.678Z\n"
    "0\n"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    "2\n"
    f"{A} 0\n"
    f"{B} 17\n"
).encode()
CLOSE = StayClose(
    batch=BATCH,
    asset=ASSET,
    open_seq=4,
    left_seq=5,
    left_ms=1_767_409_445_678,
    asset_count=144,
    asset_head=bytes(range(32)),
    low_milli_c=-500,
    high_milli_c=8000,
    max_gap_ms=900_000,
    devices=(StayDevice(A, 144, DELIVERED), StayDevice(B, 17, SILENT)),
    series=(
        Series(A, "temperature", 144, -125, 8250, 60_000, 0, 0),
        Series(B, "temperature", 0, None, None, 0, 0, 86_400_000),
    ),
)
CLOSE_TEXT = (
    "food-traceability/stay-close/v1\n"
    f"{BATCH}\n"
    f"{ASSET}\n"
    "4\n"
    "5\n"
    "2026-01-03T03:04:05.678Z\n"
    "144\n"
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    "-500 8000 900000\n"
    "2\n"
    f"{A} 144 delivered\n"
    f"{B} 17 silent\n"
    "2\n"
    f"{A} temperature 144 -125 8250 60000 0 0\n"
    f"{B} temperature 0 - - 0 0 86400000\n"
).encode()
AMEND_TEXT = CLOSE_TEXT.replace(b"stay-close", b"stay-amend")

Parse = Callable[[bytes], StayOpen | StayClose]
FORMS: list[tuple[bytes, Parse]] = [
    (OPEN_TEXT, parse_stay_open),
    (CLOSE_TEXT, parse_stay_close),
    (AMEND_TEXT, parse_stay_amend),
]

uris = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=60)
naturals = st.integers(0, 2**63 - 1)
times = st.integers(0, MAX_TIME_MS)
counters = st.integers(0, MAX_COUNTER)
ids = st.binary(min_size=16, max_size=16).map(bytes.hex)
assets = st.tuples(st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32).filter(any)) | st.just(
    (0, GENESIS)
)
series_names = st.sampled_from(["temperature", "t", "0", "a:b./_-c", "Z" * 128])
intervals = st.tuples(st.integers(-MAX_MILLI_C, MAX_MILLI_C), st.integers(-MAX_MILLI_C, MAX_MILLI_C)).map(
    sorted
)


@st.composite
def opens(draw: st.DrawFn) -> StayOpen:
    devices = draw(st.dictionaries(ids, counters, max_size=4))
    listed = tuple(StayDevice(device, devices[device]) for device in sorted(devices))
    return StayOpen(draw(uris), draw(uris), draw(naturals), draw(times), *draw(assets), listed)


@st.composite
def closes(draw: st.DrawFn) -> StayClose:
    devices = draw(st.dictionaries(ids, st.tuples(counters, st.sampled_from(sorted(ENDS))), max_size=4))
    listed = tuple(StayDevice(device, *devices[device]) for device in sorted(devices))
    series = []
    for device in sorted(devices):
        for name in sorted(draw(st.sets(series_names, max_size=2))):
            count = draw(st.integers(0, 9))
            low, high = draw(intervals) if count else (None, None)
            series.append(Series(device, name, count, low, high, draw(times), draw(times), draw(times)))
    place = (draw(uris), draw(uris), draw(naturals), draw(naturals), draw(times))
    low, high = draw(intervals)
    return draw(st.sampled_from([StayClose, StayAmend]))(
        *place, *draw(assets), low, high, draw(times), listed, tuple(series)
    )


def test_stays_have_the_documented_texts() -> None:
    assert OPEN.encode() == OPEN_TEXT
    assert CLOSE.encode() == CLOSE_TEXT
    amend = parse_stay_amend(AMEND_TEXT)
    assert amend.encode() == AMEND_TEXT
    assert replace(amend).series == CLOSE.series
    assert amend != CLOSE


def test_stays_name_their_media_types() -> None:
    assert (OPEN.MEDIA_TYPE, CLOSE.MEDIA_TYPE) == (media.STAY_OPEN, media.STAY_CLOSE)
    assert parse_stay_amend(AMEND_TEXT).MEDIA_TYPE == media.STAY_AMEND


@given(opens())
def test_stay_open_round_trip(stay: StayOpen) -> None:
    assert parse_stay_open(stay.encode()) == stay


@given(closes())
def test_stay_close_and_amend_round_trip(stay: StayClose) -> None:
    parse: Parse = parse_stay_amend if isinstance(stay, StayAmend) else parse_stay_close
    assert parse(stay.encode()) == stay


@given(st.sampled_from(FORMS), st.data())
def test_changed_byte_is_refused_or_gives_another_stay(
    form: tuple[bytes, Parse], data: st.DataObject
) -> None:
    text, parse = form
    position = data.draw(st.integers(0, len(text) - 1))
    changed = text[:position] + bytes([data.draw(st.integers(0, 255))]) + text[position + 1 :]
    try:
        stay = parse(changed)
    except MalformedError:
        return
    assert stay.encode() == changed
    assert (stay == parse(text)) == (changed == text)


@pytest.mark.parametrize(("text", "parse"), FORMS)
def test_text_of_one_kind_is_refused_as_another(text: bytes, parse: Parse) -> None:
    assert parse(text).encode() == text
    for _, other in FORMS:
        if other is not parse:
            with pytest.raises(MalformedError, match="first line"):
                other(text)


@pytest.mark.parametrize(("text", "parse"), FORMS)
def test_text_with_another_end_is_refused(text: bytes, parse: Parse) -> None:
    for changed in (
        text[:-1],
        text + b"\n",
        text + b"more\n",
        text.rpartition(b"\n")[0].rpartition(b"\n")[0] + b"\n",
    ):
        with pytest.raises(MalformedError):
            parse(changed)
    with pytest.raises(OversizeError):
        parse(text + b"x" * 262_144)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n2\n0a", "\n-1\n0a"),
        ("\n2\n0a", "\n02\n0a"),
        ("\n2\n0a", "\n99999999999999999999\n0a"),
        ("-500 8000", "-0 8000"),
        ("-500 8000", "+500 8000"),
        ("-500 8000", "-500  8000"),
        ("-500 8000", "- 8000"),
        (" 144 delivered", " 144"),
        (" 144 delivered", " 144 broken"),
        (" 144 delivered", " -1 delivered"),
        ("144 -125 8250", "144 - 8250"),
        ("144 -125 8250", "144 -125 -"),
        ("144 -125 8250", "144 - -"),
        ("144 -125 8250", "0 -125 8250"),
        ("temperature 0 - - 0", "temperature 0 - - -0"),
        ("2026-01-03", "2026-1-3"),
    ],
)
def test_stay_close_outside_the_form_is_refused(old: str, new: str) -> None:
    assert old.encode() in CLOSE_TEXT
    with pytest.raises(MalformedError):
        parse_stay_close(CLOSE_TEXT.replace(old.encode(), new.encode(), 1))


def test_negative_number_of_items_is_not_read_as_none() -> None:
    empty = replace(OPEN, devices=()).encode()
    assert parse_stay_open(empty).devices == ()
    with pytest.raises(MalformedError, match="not the one encoding"):
        parse_stay_open(empty.removesuffix(b"0\n") + b"-1\n")


@pytest.mark.parametrize(
    "change",
    [
        {"entered_seq": -1},
        {"entered_ms": -1},
        {"asset_count": -1},
        {"asset_head": bytes(31)},
        {"asset_head": b"\1" * 32},
        {"asset_count": 1},
        {"devices": (StayDevice(B, 0), StayDevice(A, 0))},
        {"devices": (StayDevice(A, 0), StayDevice(A, 1))},
        {"devices": (StayDevice(A, 0, DELIVERED),)},
    ],
)
def test_stay_open_outside_its_bounds_cannot_be_made(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        replace(OPEN, **change)


@pytest.mark.parametrize(
    "change",
    [
        {"open_seq": -1},
        {"left_seq": 2**63},
        {"left_ms": MAX_TIME_MS + 1},
        {"asset_head": GENESIS},
        {"asset_head": b"\1" * 31},
        {"asset_count": 2**63},
        {"asset_count": 0},
        {"low_milli_c": 8001},
        {"low_milli_c": -MAX_MILLI_C - 1},
        {"high_milli_c": MAX_MILLI_C + 1},
        {"max_gap_ms": -1},
        {"devices": (CLOSE.devices[0], StayDevice(B, 17))},
        {"devices": CLOSE.devices[::-1]},
        {"devices": CLOSE.devices[:1]},
        {"series": CLOSE.series[::-1]},
        {"series": CLOSE.series[:1] * 2},
    ],
)
def test_stay_close_outside_its_bounds_cannot_be_made(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        replace(CLOSE, **change)


@pytest.mark.parametrize("uri", ["", "a b", "x" * 513])
def test_stay_of_what_is_no_stream_cannot_be_made(uri: str) -> None:
    changes: list[dict[str, Any]] = [{"batch": uri}, {"asset": uri}]
    for change in changes:
        with pytest.raises(IdentifierError):
            replace(OPEN, **change)
        with pytest.raises(IdentifierError):
            replace(CLOSE, **change)


@pytest.mark.parametrize(
    "change",
    [
        {"device": "0A" * 16},
        {"device": "0a" * 15},
        {"name": ""},
        {"name": "a b"},
        {"name": "-a"},
        {"name": "a" * 129},
        {"readings": -1},
        {"min_milli_c": 8251},
        {"max_milli_c": MAX_MILLI_C + 1},
        {"above_ms": -1},
        {"below_ms": MAX_TIME_MS + 1},
        {"unknown_ms": -1},
    ],
)
def test_series_outside_its_bounds_cannot_be_made(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        replace(CLOSE.series[0], **change)


def test_roles_have_the_documented_text() -> None:
    text = VECTORS["stay-open-channels"].encode()
    opened = parse_stay_open(text)
    assert opened.devices[0].channels[2] == ("supply", "air-supply")
    assert opened.devices[1].channels == ()
    assert opened.encode() == text


def test_roles_of_channels_stand_behind_the_counter_and_come_back() -> None:
    said = StayDevice(A, 17, channels=(("return", "air-return"), ("supply", "air-supply")))
    assert said.line() == f"{A} 17 return=air-return,supply=air-supply"
    opened = replace(OPEN, devices=(said, StayDevice(B, 0)))
    assert parse_stay_open(opened.encode()) == opened


@pytest.mark.parametrize(
    "channels",
    [
        "",
        "supply",
        "supply=",
        "=product",
        "supply=cold",
        "supply=product,",
        "supply=product,return=air-return",
        "supply=product,supply=other",
        "Supply=product",
        f"{'s' * 33}=product",
        ",".join(f"c{n:02}=other" for n in range(MAX_CHANNELS + 1)),
    ],
)
def test_roles_in_another_form_are_refused(channels: str) -> None:
    text = OPEN.encode().replace(f"{A} 0\n".encode(), f"{A} 0 {channels}\n".encode(), 1)
    with pytest.raises(MalformedError):
        parse_stay_open(text)


def test_a_device_that_ends_says_no_roles() -> None:
    with pytest.raises(MalformedError):
        StayDevice(A, 1, DELIVERED, (("supply", "air-supply"),))


def test_counter_goes_one_past_the_highest_of_64_bits() -> None:
    assert StayDevice(A, 2**64).line() == f"{A} 18446744073709551616"
    for counter in (-1, 2**64 + 1):
        with pytest.raises(MalformedError):
            StayDevice(A, counter)


@pytest.mark.parametrize("device", ["", "0A" * 16, "0a" * 15, "0a" * 17, "0g" * 16])
def test_device_with_an_id_in_another_form_is_refused(device: str) -> None:
    with pytest.raises(MalformedError):
        StayDevice(device, 0)
