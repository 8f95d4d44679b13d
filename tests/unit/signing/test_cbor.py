"""Deterministic CBOR: one encoding a value, checked against an independent library."""

from __future__ import annotations

import math
from types import MappingProxyType

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.errors import EncodingError
from traceability.signing import cbor

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
INTEGERS = st.integers(-(2**64), 2**64 - 1) | st.integers(-300, 300)
FLOATS = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
    | st.floats(allow_nan=False, allow_infinity=False, width=16)
)
SCALARS = st.none() | st.booleans() | INTEGERS | FLOATS | st.binary(max_size=300) | TEXT
KEYS = INTEGERS | TEXT


def containers(depth: int) -> st.SearchStrategy[object]:
    if depth == 0:
        return SCALARS
    inner = containers(depth - 1)
    return SCALARS | st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5)


VALUES = containers(3)


def refused(data: str, because: str) -> None:
    with pytest.raises(EncodingError, match=because):
        cbor.decode(bytes.fromhex(data))


@given(VALUES)
def test_what_is_encoded_decodes_to_the_same_value_and_types(value: object) -> None:
    decoded = cbor.decode(cbor.encode(value))
    assert decoded == value
    assert cbor.encode(decoded) == cbor.encode(value), "true is not 1, and 1.0 is not 1"


@given(VALUES)
def test_another_library_reads_the_same_value(value: object) -> None:
    assert cbor2.loads(cbor.encode(value)) == value


@given(SCALARS)
def test_scalars_are_written_as_another_library_writes_its_canonical_form(value: object) -> None:
    assert cbor.encode(value) == cbor2.dumps(value, canonical=True)


@given(st.binary(max_size=40))
def test_whatever_is_accepted_is_its_own_encoding(data: bytes) -> None:
    try:
        value = cbor.decode(data)
    except EncodingError:
        return
    assert cbor.encode(value) == data


@given(VALUES, st.data())
def test_one_changed_byte_never_gives_the_same_value(value: object, data: st.DataObject) -> None:
    changed = bytearray(cbor.encode(value))
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        decoded = cbor.decode(bytes(changed))
    except EncodingError:
        return
    assert cbor.encode(decoded) == bytes(changed)


@given(VALUES, st.data())
def test_a_shortened_item_is_refused(value: object, data: st.DataObject) -> None:
    whole = cbor.encode(value)
    with pytest.raises(EncodingError):
        cbor.decode(whole[: data.draw(st.integers(0, len(whole) - 1))])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "00"),
        (23, "17"),
        (24, "1818"),
        (255, "18ff"),
        (256, "190100"),
        (65535, "19ffff"),
        (65536, "1a00010000"),
        (2**32 - 1, "1affffffff"),
        (2**32, "1b0000000100000000"),
        (2**64 - 1, "1bffffffffffffffff"),
        (-1, "20"),
        (-24, "37"),
        (-25, "3818"),
        (-(2**64), "3bffffffffffffffff"),
        (0.0, "f90000"),
        (-0.0, "f98000"),
        (1.0, "f93c00"),
        (1.5, "f93e00"),
        (65504.0, "f97bff"),
        (5.960464477539063e-8, "f90001"),
        (65505.0, "fa477fe100"),
        (100000.0, "fa47c35000"),
        (3.4028234663852886e38, "fa7f7fffff"),
        (1.1, "fb3ff199999999999a"),
        (1.0e300, "fb7e37e43c8800759c"),
        (2.0**-149, "fa00000001"),
        (2.0**-150, "fb3690000000000000"),
        (False, "f4"),
        (True, "f5"),
        (None, "f6"),
        (b"\x01\x02", "420102"),
        ("", "60"),
        ("水", "63e6b0b4"),
        ([1, [2, 3]], "8201820203"),
        ((1, 2), "820102"),
        ({}, "a0"),
        (MappingProxyType({"a": 1}), "a1616101"),
    ],
)
def test_published_and_boundary_encodings(value: object, expected: str) -> None:
    assert cbor.encode(value).hex() == expected
    assert cbor.encode(cbor.decode(bytes.fromhex(expected))).hex() == expected


def test_map_keys_stand_in_bytewise_order_not_length_first() -> None:
    value = {"aa": 0, "b": 0, -1: 0, 100: 0, 10: 0}
    assert cbor.encode(value).hex() == "a5" + "0a00" + "186400" + "2000" + "616200" + "62616100"


def test_a_senml_pack_has_one_encoding() -> None:
    pack = [{-2: "urn:dev:mac:0024befffe804ff1:", -3: 1700000000, -4: "Cel", 0: "t", 2: 4.5}, {2: 4.6, 6: 60}]
    expected = (
        "82a50061740 2f9448021 781d75726e3a6465763a6d61633a303032346265666666653830346666313a"
        "221a6553f100 236343656c a202fb401266666666666606183c"
    ).replace(" ", "")
    assert cbor.encode(pack).hex() == expected


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_encoding_for_numbers_that_are_none(value: float) -> None:
    with pytest.raises(EncodingError, match="NaN"):
        cbor.encode(value)


@pytest.mark.parametrize("value", [2**64, -(2**64) - 1])
def test_no_encoding_beyond_64_bits(value: int) -> None:
    with pytest.raises(EncodingError, match="64 bits"):
        cbor.encode(value)


@pytest.mark.parametrize("value", [object(), {1, 2}, bytearray(b"x"), 1j])
def test_no_encoding_for_other_types(value: object) -> None:
    with pytest.raises(EncodingError, match="no CBOR form for"):
        cbor.encode(value)


@pytest.mark.parametrize("key", [True, None, 1.0, b"k", (1,)])
def test_no_encoding_for_other_keys(key: object) -> None:
    with pytest.raises(EncodingError, match="map key"):
        cbor.encode({key: 0})


def test_no_encoding_for_a_lone_surrogate() -> None:
    with pytest.raises(EncodingError, match="surrogate"):
        cbor.encode("\ud800")


@pytest.mark.parametrize("value", [[[[[[]]]]], {1: {1: {1: {1: {}}}}}])
def test_nesting_is_limited_both_ways(value: object) -> None:
    with pytest.raises(EncodingError, match="nested too deep"):
        cbor.encode(value)
    data = cbor.encode(value, max_depth=5)
    with pytest.raises(EncodingError, match="nested too deep"):
        cbor.decode(data)
    assert cbor.decode(data, max_depth=5) == value


def test_a_value_that_contains_itself_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(EncodingError, match="nested too deep"):
        cbor.encode(endless)


def test_thousands_of_levels_are_refused_at_the_first_too_many() -> None:
    with pytest.raises(EncodingError, match="nested too deep"):
        cbor.decode(b"\x81" * 16000 + b"\x00")


def test_depth_counts_containers_only() -> None:
    assert cbor.decode(b"\x00", max_depth=0) == 0
    with pytest.raises(EncodingError, match="nested too deep"):
        cbor.decode(b"\x80", max_depth=0)


@pytest.mark.parametrize(
    "data",
    [
        "1817",
        "190018",
        "1900ff",
        "1a0000ffff",
        "1b00000000ffffffff",
        "3817",
        "5800",
        "7801 61",
        "9800",
        "b80101 01",
    ],
)
def test_longer_heads_than_needed_are_refused(data: str) -> None:
    refused(data, "head is not the shortest")


@pytest.mark.parametrize(
    "data",
    [
        "fa3f800000",
        "fb3ff0000000000000",
        "fb40f86a0000000000",
        "fa00000000",
        "fb8000000000000000",
        "fb36a0000000000000",
    ],
)
def test_longer_floats_than_needed_are_refused(data: str) -> None:
    refused(data, "float is not the shortest")


@pytest.mark.parametrize(
    "data",
    [
        "f97e00",
        "f97c00",
        "f9fc00",
        "f97e01",
        "fa7fc00000",
        "fa7f800000",
        "fb7ff8000000000000",
        "fb7ff0000000000000",
        "fb7ff8000000000001",
    ],
)
def test_numbers_that_are_none_are_refused(data: str) -> None:
    refused(data, "NaN and infinity")


@pytest.mark.parametrize("data", ["5f4101ff", "7f6161ff", "9f01ff", "bf0102ff", "1c", "3d", "5e", "9c"])
def test_indefinite_lengths_and_reserved_heads_are_refused(data: str) -> None:
    refused(data, "indefinite lengths and reserved heads")


@pytest.mark.parametrize("data", ["c001", "c24101", "d81c80", "d81d00", "d82361 61", "d9d9f700", "8 1c1 00"])
def test_tags_are_refused(data: str) -> None:
    refused(data.replace(" ", ""), "tag or simple value")


@pytest.mark.parametrize("data", ["e0", "f3", "f7", "f800", "f8ff", "fc", "ff", "81f7", "a101f7"])
def test_undefined_and_other_simple_values_are_refused(data: str) -> None:
    refused(data, "tag or simple value")


@pytest.mark.parametrize(
    "data", ["a201000100", "a2616100616100", "a201000000", "a220000a00", "a2616200616100"]
)
def test_keys_twice_or_out_of_order_are_refused(data: str) -> None:
    refused(data, "strictly increasing")


@pytest.mark.parametrize("data", ["a1f400", "a1f93c0000", "a1416100", "a18000", "a1a000", "a1c10000"])
def test_other_keys_are_refused(data: str) -> None:
    refused(data, "map key is an integer or text")


@pytest.mark.parametrize("data", ["61ff", "62c080", "63eda080", "a161ff00"])
def test_text_that_is_not_utf8_is_refused(data: str) -> None:
    refused(data, "not UTF-8")


@pytest.mark.parametrize(
    "data",
    [
        "",
        "18",
        "19ff",
        "1b00",
        "41",
        "5affffffff00",
        "61",
        "81",
        "9bffffffffffffffff00",
        "a1",
        "a101",
        "f9",
        "fa00",
        "fb00",
    ],
)
def test_items_that_end_early_are_refused(data: str) -> None:
    refused(data, "ends early")


@pytest.mark.parametrize("data", ["0000", "8000", "f6f6"])
def test_bytes_after_the_item_are_refused(data: str) -> None:
    refused(data, "1 bytes follow")


def test_true_and_one_are_different_values() -> None:
    assert cbor.decode(b"\xf5") is True
    assert type(cbor.decode(b"\x01")) is int
    assert type(cbor.decode(bytes.fromhex("f93c00"))) is float
