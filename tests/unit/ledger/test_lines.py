"""Texts of lines: one encoding for each value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.errors import MalformedError, OversizeError
from traceability.ledger.lines import (
    LineReader,
    decode_base64,
    decode_integer,
    encode_base64,
    encode_lines,
    require_range,
    require_size,
)


@given(st.integers(-(10**20) + 1, 10**20 - 1))
def test_integer_round_trip(value: int) -> None:
    assert decode_integer(str(value)) == value


@pytest.mark.parametrize(
    "text", ["", "-0", "+1", "01", "-01", " 1", "1\n", "1_0", "1e3", "\u0663", "1" * 21, "9" * 5000]
)
def test_integer_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        decode_integer(text)


@given(st.binary(max_size=40))
def test_base64_round_trip(data: bytes) -> None:
    assert decode_base64(encode_base64(data)) == data


@pytest.mark.parametrize(
    "text", ["AA", "AB==", "AAB=", "AA==\n", "A A==", "_-==", "=", "AA===", "A", "AA==AA==", "\u0663A=="]
)
def test_base64_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        decode_base64(text)


def test_reader_gives_the_lines_in_order() -> None:
    data = encode_lines("title", "text", "-7", "AAE=", "a b")
    lines = LineReader(data, "title", 100)
    assert (lines.text(), lines.integer(), lines.data(), lines.fields(2)) == (
        "text",
        -7,
        b"\x00\x01",
        ["a", "b"],
    )
    lines.end(data)


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"title", b"title\r\n", b"other\n", b"\xef\xbb\xbftitle\n", b"titl\xc3\xa9\n"]
)
def test_text_without_its_title_line_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        LineReader(data, "title", 100)


def test_text_above_the_limit_is_refused() -> None:
    LineReader(b"title\n", "title", 6)
    with pytest.raises(OversizeError):
        LineReader(b"title\n", "title", 5)


def test_missing_line_is_refused() -> None:
    with pytest.raises(MalformedError, match="ends after 1"):
        LineReader(b"title\n", "title", 100).text()


def test_line_with_another_number_of_fields_is_refused() -> None:
    with pytest.raises(MalformedError, match="2 fields, not 3"):
        LineReader(b"title\na  b\n", "title", 100).fields(2)


def test_text_that_is_not_what_its_value_encodes_to_is_refused() -> None:
    lines = LineReader(b"title\nmore\n", "title", 100)
    with pytest.raises(MalformedError, match="not the one encoding"):
        lines.end(b"title\n")


def test_bounds_are_included_and_nothing_beyond() -> None:
    require_range("x", 2, 2, 3)
    require_range("x", 3, 2, 3)
    require_size("x", b"ab", 2)
    for value in (1, 4):
        with pytest.raises(MalformedError, match="x must be 2 to 3"):
            require_range("x", value, 2, 3)
    for data in (b"a", b"abc"):
        with pytest.raises(MalformedError, match="x has 2 bytes"):
            require_size("x", data, 2)
