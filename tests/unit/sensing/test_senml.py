"""SenML packs: one meaning for each accepted pack, and a named refusal for every other."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.errors import EncodingError, MalformedError, OversizeError, ReadingsError
from traceability.sensing.senml import (
    MAX_PACK_BYTES,
    MAX_READINGS,
    UNITS,
    Reading,
    encode_pack,
    milli,
    parse_pack,
)
from traceability.signing import cbor

BASE = "https://node.example/device/0123456789abcdef0123456789abcdef/"
NOW_MS = 1_760_000_000_000
FIRST: dict[object, object] = {-2: BASE, -3: 1_760_000_000, -4: "Cel", 0: "temp", 2: 4}


def readings_of(*, absolute: bool) -> st.SearchStrategy[list[Reading]]:
    low, high = (2**28 * 1000, 253_402_300_800_000 - 1) if absolute else (0, 2**28 * 1000 - 1)

    def reading(unit: str) -> st.SearchStrategy[Reading]:
        bounds = UNITS[unit]
        floats = st.floats(bounds.low, bounds.high)
        whole = st.integers(math.ceil(bounds.low), math.floor(bounds.high))
        return st.builds(
            Reading,
            name=st.from_regex(r"[a-z0-9][a-z0-9_-]{0,31}", fullmatch=True),
            unit=st.just(unit),
            at_ms=st.integers(low, high),
            value=floats | whole,
        )

    one = st.sampled_from(sorted(UNITS)).flatmap(reading)
    return st.lists(one, min_size=1, max_size=6, unique_by=lambda r: (r.name, r.at_ms))


def parse(*records: object, absolute: bool = True) -> tuple[Reading, ...]:
    return parse_pack(cbor.encode(list(records)), base_name=BASE, absolute=absolute)


@given(st.booleans().flatmap(lambda absolute: st.tuples(st.just(absolute), readings_of(absolute=absolute))))
def test_readings_survive_a_round_trip(case: tuple[bool, list[Reading]]) -> None:
    absolute, readings = case
    pack = encode_pack(BASE, readings, absolute=absolute)
    assert parse_pack(pack, base_name=BASE, absolute=absolute) == tuple(readings)


@given(st.data())
def test_a_changed_byte_is_refused_by_name_or_read_as_something_valid(data: st.DataObject) -> None:
    readings = [Reading("temp", "Cel", NOW_MS, 4.5), Reading("rh", "%RH", NOW_MS + 250, 80)]
    pack = bytearray(encode_pack(BASE, readings, absolute=True))
    pack[data.draw(st.integers(0, len(pack) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        parsed = parse_pack(bytes(pack), base_name=BASE, absolute=True)
    except MalformedError:
        return
    assert encode_pack(BASE, parsed, absolute=True), "what is accepted can be written again"


def test_the_first_record_carries_what_all_share() -> None:
    readings = [
        Reading("temp", "Cel", NOW_MS + 500, 4.5),
        Reading("temp", "Cel", NOW_MS + 2000, -18),
        Reading("rh", "%RH", NOW_MS - 1000, 80),
    ]
    assert cbor.decode(encode_pack(BASE, readings, absolute=True)) == [
        {-2: BASE, -3: 1_760_000_000, -4: "Cel", 0: "temp", 2: 4.5, 6: 0.5},
        {0: "temp", 2: -18, 6: 2},
        {0: "rh", 1: "%RH", 2: 80, 6: -1},
    ]


def test_base_unit_may_be_left_out_where_every_record_has_its_own() -> None:
    without = {label: value for label, value in FIRST.items() if label != -4}
    assert parse(without | {1: "Cel"}) == (Reading("temp", "Cel", NOW_MS, 4),)
    with pytest.raises(ReadingsError, match="unit"):
        parse(without)


@pytest.mark.parametrize(
    ("base_time", "offset", "at_ms"),
    [
        (1_760_000_000, 0.5, NOW_MS + 500),
        (1_760_000_000.25, 1, NOW_MS + 1250),
        (1_760_000_000, 0.10000000149011612, NOW_MS + 100),
        (1_760_000_000, 0.0004, NOW_MS),
        (1_760_000_000, 0.0006, NOW_MS + 1),
        (0, 1_760_000_000, NOW_MS),
        (2**60 + 1_760_000_001, -(2**60), NOW_MS),
    ],
)
def test_times_are_rounded_to_milliseconds(base_time: float, offset: float, at_ms: int) -> None:
    assert parse(FIRST | {-3: base_time, 6: offset})[0].at_ms == at_ms


@pytest.mark.parametrize(
    ("time_s", "absolute"),
    [(2**28, True), (253_402_300_799.999, True), (0, False), (2**28 - 0.001, False)],
)
def test_times_up_to_the_bounds_are_accepted(time_s: float, absolute: bool) -> None:
    assert parse(FIRST | {-3: time_s}, absolute=absolute)[0].at_ms == round(time_s * 1000)


@pytest.mark.parametrize(
    ("time_s", "absolute"),
    [
        (2**28 - 0.001, True),
        (0, True),
        (253_402_300_800, True),
        (1.7e308, True),
        (2**28, False),
        (-1, False),
        (1_760_000_000, False),
    ],
)
def test_times_outside_the_bounds_are_refused(time_s: float, absolute: bool) -> None:
    with pytest.raises(ReadingsError, match=r"not a|counted"):
        parse(FIRST | {-3: time_s}, absolute=absolute)
    if abs(time_s) < 1e12:
        reading = Reading("temp", "Cel", round(time_s * 1000), 4)
        with pytest.raises(ReadingsError, match="not a"):
            encode_pack(BASE, [reading], absolute=absolute)


def test_a_pack_without_base_time_is_refused_because_it_would_mean_now() -> None:
    without = {label: value for label, value in FIRST.items() if label != -3}
    for absolute in (True, False):
        with pytest.raises(ReadingsError, match="label -3"):
            parse(without, absolute=absolute)


@pytest.mark.parametrize("base_name", [BASE[:-1], BASE.upper(), "", 7, None])
def test_a_base_name_that_is_not_the_devices_is_refused(base_name: object) -> None:
    with pytest.raises(ReadingsError, match="base name"):
        parse(FIRST | {-2: base_name})


@pytest.mark.parametrize("label", [-1, -5, -6, 3, 4, 5, 7, 8, 9, "x_"])
@pytest.mark.parametrize("position", [0, 1])
def test_labels_outside_the_profile_are_refused(label: object, position: int) -> None:
    records: list[dict[object, object]] = [{**FIRST}, {0: "rh", 1: "%RH", 2: 80}]
    records[position][label] = 1
    with pytest.raises(ReadingsError, match=f"record {position} has labels"):
        parse(*records)


@pytest.mark.parametrize("label", [-2, -3, -4])
def test_base_values_after_the_first_record_are_refused(label: int) -> None:
    with pytest.raises(ReadingsError, match="record 1 has labels"):
        parse(FIRST, {0: "rh", 1: "%RH", 2: 80, label: FIRST[label]})


@pytest.mark.parametrize("value", [True, "4", b"4", None, [4]])
@pytest.mark.parametrize("label", [2, -3, 6])
def test_only_numbers_are_numbers(label: int, value: object) -> None:
    with pytest.raises(ReadingsError, match=f"label {label} must be a number"):
        parse(FIRST | {label: value})


def test_a_reading_without_a_value_is_refused() -> None:
    with pytest.raises(ReadingsError, match="label 2"):
        parse({label: value for label, value in FIRST.items() if label != 2})


@pytest.mark.parametrize("name", ["", "Temp", "-temp", "t" * 33, "te mp", "temp\n", "température", "t٣"])
def test_channel_names_outside_the_form_are_refused(name: str) -> None:
    with pytest.raises(ReadingsError, match="channel name"):
        parse(FIRST | {0: name})
    with pytest.raises(ReadingsError, match="channel name"):
        encode_pack(BASE, [Reading(name, "Cel", NOW_MS, 4)], absolute=True)


@pytest.mark.parametrize("change", [{0: 7}, {1: 7}, {1: None}])
def test_names_and_units_are_text(change: dict[int, object]) -> None:
    with pytest.raises(ReadingsError, match="both text"):
        parse(FIRST | change)


@pytest.mark.parametrize("unit", sorted(UNITS))
def test_each_unit_has_bounds_that_are_accepted_and_nothing_beyond(unit: str) -> None:
    bounds = UNITS[unit]
    for value in (bounds.low, bounds.high):
        assert parse(FIRST | {1: unit, 2: value})[0].value == value
    for value in (math.nextafter(bounds.low, -math.inf), math.nextafter(bounds.high, math.inf)):
        with pytest.raises(ReadingsError, match="not plausible"):
            parse(FIRST | {1: unit, 2: value})
        with pytest.raises(ReadingsError, match="not plausible"):
            encode_pack(BASE, [Reading("x", unit, NOW_MS, value)], absolute=True)


@pytest.mark.parametrize("unit", ["K", "cel", "degC", "°C", ""])
def test_other_units_are_refused(unit: str) -> None:
    with pytest.raises(ReadingsError, match="not accepted"):
        parse(FIRST | {1: unit})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True])
def test_what_is_not_a_finite_number_is_never_written(value: float) -> None:
    with pytest.raises(ReadingsError, match="not plausible"):
        encode_pack(BASE, [Reading("temp", "Cel", NOW_MS, value)], absolute=True)


def test_one_channel_speaks_once_at_one_instant() -> None:
    with pytest.raises(ReadingsError, match="twice"):
        parse(FIRST, {0: "temp", 2: 5})
    assert len(parse(FIRST, {0: "probe", 2: 5}, {0: "temp", 2: 5, 6: 0.001})) == 3


def test_at_most_a_thousand_readings() -> None:
    full = [Reading("t", "Cel", NOW_MS + 1000 * n, 4) for n in range(MAX_READINGS)]
    pack = encode_pack(BASE, full, absolute=True)
    assert len(parse_pack(pack, base_name=BASE, absolute=True)) == MAX_READINGS
    with pytest.raises(OversizeError, match="1001"):
        encode_pack(BASE, [*full, Reading("t", "Cel", NOW_MS - 1, 4)], absolute=True)
    with pytest.raises(OversizeError, match="1001"):
        parse(FIRST, *({0: "t", 2: 4, 6: n} for n in range(MAX_READINGS)))


def test_at_most_sixteen_kibibytes() -> None:
    long_names = [Reading(f"{n:032}", "Cel", NOW_MS, 4) for n in range(600)]
    with pytest.raises(OversizeError, match="16384"):
        encode_pack(BASE, long_names, absolute=True)
    with pytest.raises(OversizeError, match="16384"):
        parse_pack(bytes(MAX_PACK_BYTES + 1), base_name=BASE, absolute=True)
    with pytest.raises(EncodingError):
        parse_pack(bytes(MAX_PACK_BYTES), base_name=BASE, absolute=True)


@pytest.mark.parametrize("pack", [{}, [], [[]], 7, [7], "temp", FIRST])
def test_a_pack_is_an_array_of_records(pack: object) -> None:
    with pytest.raises(ReadingsError, match="array of records"):
        parse_pack(cbor.encode(pack), base_name=BASE, absolute=True)


def test_every_record_is_a_map() -> None:
    with pytest.raises(ReadingsError, match="a record is a map"):
        parse(FIRST, [0, "temp"])


def test_no_readings_make_no_pack() -> None:
    with pytest.raises(ReadingsError, match="at least one"):
        encode_pack(BASE, [], absolute=True)


@pytest.mark.parametrize(
    "damage",
    [
        lambda pack: pack + b"\x00",
        lambda pack: pack[:-1],
        lambda pack: b"\x9f" + pack[1:] + b"\xff",
        lambda pack: b"\x98\x01" + pack[1:],
        lambda pack: b"\xc1" + pack,
        lambda pack: b"\x81" * 5 + pack,
    ],
    ids=["trailing byte", "cut", "indefinite length", "longer head", "tag", "nested"],
)
def test_other_encodings_of_the_same_pack_are_refused(damage: Callable[[bytes], bytes]) -> None:
    pack = cbor.encode([FIRST])
    assert parse_pack(pack, base_name=BASE, absolute=True)
    with pytest.raises(EncodingError):
        parse_pack(damage(pack), base_name=BASE, absolute=True)


@pytest.mark.parametrize(
    ("value", "thousandths"),
    [
        (4, 4000),
        (4.0, 4000),
        (-0.5, -500),
        (0.0005, 1),
        (-0.0005, 0),
        (-0.0006, -1),
        (-18.0001, -18000),
        (-0.0, 0),
    ],
)
def test_thousandths_round_halves_up(value: float, thousandths: int) -> None:
    assert milli(value) == thousandths


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300, 2**60])
def test_what_has_no_thousandths_is_refused(value: float) -> None:
    with pytest.raises(ReadingsError, match="thousandths"):
        milli(value)
