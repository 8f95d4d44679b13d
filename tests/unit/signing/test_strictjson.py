"""Strict JSON and base64url: one text for each value, and nothing else is read."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.errors import EncodingError, OversizeError
from traceability.signing.strictjson import (
    MAX_DEPTH,
    MAX_INTEGER,
    b64url,
    b64url_decode,
    json_decode,
    json_encode,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
FRACTIONS = st.decimals(-1_000_000, 1_000_000, places=3)
SCALARS = st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | FRACTIONS | TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)


@given(st.binary(max_size=70))
def test_base64url_round_trip(data):
    assert b64url_decode(b64url(data)) == data


@pytest.mark.parametrize(
    "text",
    ["QQ==", "QQ=", "Q", "QR", "QUI+", "Q/I", "QU I", "QUI\n", "QUJD*", "Qé", "\ud800"],
    ids=[
        "padded",
        "half padded",
        "length 1",
        "trailing bits",
        "plus",
        "slash",
        "space",
        "newline",
        "star",
        "é",
        "half",
    ],
)
def test_second_spellings_of_base64url_are_refused(text):
    with pytest.raises(EncodingError):
        b64url_decode(text)


@given(VALUES)
def test_what_is_written_is_read_back_and_has_one_text(value):
    text = json_encode(value)
    assert json_decode(text) == value
    assert json_encode(json_decode(text)) == text


@given(VALUES)
def test_the_text_is_what_any_json_parser_reads(value):
    assert json.loads(json_encode(value), parse_float=Decimal) == value


def test_members_are_sorted_by_utf16_code_units_without_whitespace():
    value = {"b": 1, "a": [True, None], "\ufb01": 2, "\U0001f955": 3}
    # The carrot is a surrogate pair (U+D83E first), so it comes before U+FB01: RFC 8785 3.2.3.
    assert json_encode(value) == '{"a":[true,null],"b":1,"\U0001f955":3,"\ufb01":2}'.encode()


def test_texts_have_the_shortest_escapes():
    assert json_encode('"\\/\b\f\n\r\t\x01\x7fé') == b'"\\"\\\\/\\b\\f\\n\\r\\t\\u0001\x7f\xc3\xa9"'


@pytest.mark.parametrize(
    ("written", "again"),
    [
        ("1.50", "1.50"),
        ("-0.0", "-0.0"),
        ("1E-3", "0.001"),
        ("1.5e2", "150"),
        ("0.0000001", "0.0000001"),
        ("-0", "0"),
    ],
)
def test_fractions_keep_their_digits_and_are_written_plainly(written, again):
    assert json_encode(json_decode(written)) == again.encode()


def test_integers_stay_integers_and_fractions_are_decimals():
    values = cast("list[object]", json_decode("[1, 1.0]"))
    assert values == [1, Decimal("1.0")]
    assert [type(value) for value in values] == [int, Decimal]


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}',
        '{"a":1,"\\u0061":2}',
        "NaN",
        "Infinity",
        "-Infinity",
        '"\\ud800"',
        '{"\\udc00":1}',
        '["\\ud83e\\ud83e"]',
        "\ud800",
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf1",
        "1 2",
        "",
        "[1,]",
        "01",
        "'a'",
        '"\n"',
        str(MAX_INTEGER + 1),
        str(-MAX_INTEGER - 1),
        "9" * 5000,
        "0." + "1" * 5000,
        "1.5e" + "0" * 80,
        "1e400",
        "1e-400",
        "1e20",
        "1e99999999999999999999",
        "1." + "1" * 30 + "e-50",
        "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
        '{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1),
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
    ],
)
def test_lax_json_is_refused(text):
    with pytest.raises(EncodingError):
        json_decode(text)


@pytest.mark.parametrize("text", ["1e999999", "-1e-999999", "0e999999", "1e99999999999999999999"])
def test_a_huge_exponent_is_refused_before_it_is_written_out(text):
    with pytest.raises(EncodingError, match="exponent"):
        json_decode(text)


def test_the_limits_themselves_are_read():
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert json_encode(json_decode(deepest)) == deepest.encode()
    assert json_decode(f"[{MAX_INTEGER},{-MAX_INTEGER}]") == [MAX_INTEGER, -MAX_INTEGER]
    assert json_decode("[1]", max_depth=1, max_bytes=3) == [1]


def test_smaller_limits_of_the_caller_hold():
    with pytest.raises(EncodingError):
        json_decode("[[1]]", max_depth=1)
    with pytest.raises(OversizeError):
        json_decode("[1]", max_bytes=2)
    with pytest.raises(OversizeError):
        json_decode('"é"', max_bytes=3)


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        float("nan"),
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("1E+100"),
        Decimal("1E-100"),
        Decimal("1e20"),
        Decimal("0." + "1" * 80),
        MAX_INTEGER + 1,
        -MAX_INTEGER - 1,
        b"bytes",
        {1: 2},
        {"a": {"b", "c"}},
        "\ud800",
        {"\ud800": 1},
    ],
)
def test_what_has_no_strict_json_form_is_refused(value):
    with pytest.raises(EncodingError):
        json_encode(value)


def test_a_value_deeper_than_can_be_read_or_endless_is_refused():
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(EncodingError):
        json_encode(endless)


def test_tuples_are_written_as_arrays():
    assert json_encode((1, ("a",))) == b'[1,["a"]]'
