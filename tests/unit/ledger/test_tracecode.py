"""Trace codes: one form, many ways to type it, and a checksum that finds slips of the pen."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from traceability.errors import MalformedError, TraceCodeError
from traceability.ledger import tracecode
from traceability.ledger.tracecode import ALPHABET, MAX_COUNT, TraceCode, parse_trace_code, trace_code

BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
HASH = bytes(range(0x40, 0x60))
CODE = trace_code(12, HASH)


@pytest.mark.parametrize(
    "valid",
    [
        "a1lqfn3a",
        "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
        "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
        "?1v759aa",
    ],
)
def test_the_checksum_is_that_of_the_published_examples(valid):
    part, _, digits = valid.rpartition("1")
    values = [BECH32.index(char) for char in digits]
    assert tracecode._polymod([*tracecode._expanded(part), *values]) == tracecode._BECH32M


def test_a_code_holds_the_first_130_bits_of_the_hash_and_no_more():
    digits = CODE.text.replace("-", "")[2:28]
    assert "".join(f"{ALPHABET.index(char):05b}" for char in digits) == f"{int.from_bytes(HASH):0256b}"[:130]
    assert trace_code(12, HASH[:17] + bytes(15)) == trace_code(12, HASH[:16] + b"\x50" + b"\xff" * 15) == CODE
    assert trace_code(12, HASH[:16] + b"\x90" + HASH[17:]) != CODE


@pytest.mark.parametrize("count", [1, 9, 10, MAX_COUNT])
def test_what_is_written_is_read_again(count):
    code = trace_code(count, HASH)
    assert parse_trace_code(code.text) == code
    assert code.text.split("-")[0] == str(count)
    assert [len(group) for group in code.text.split("-")[1:]] == [4] * 8


def test_it_may_be_typed_small_wide_with_other_dashes_or_with_none():
    text = trace_code(10, bytes(32)).text
    for typed in (
        text.lower(),
        text.replace("-", ""),
        text.replace("-", " \N{EM DASH}\N{IDEOGRAPHIC SPACE}\r\n\t"),
        text.replace("0", "O").replace("1", "I"),
        text.replace("0", "o").replace("1", "l"),
        "".join(chr(ord(char) + 0xFEE0) for char in text),
    ):
        assert parse_trace_code(typed).text == text


def test_every_single_other_character_and_every_swap_of_neighbours_is_noticed():
    text = trace_code(34, HASH).text
    places = [i for i, char in enumerate(text) if char != "-"]
    wrong = {text[:i] + char + text[i + 1 :] for i in places for char in ALPHABET} - {text}
    for i, j in pairwise(places):
        swapped = list(text)
        swapped[i], swapped[j] = text[j], text[i]
        wrong.add("".join(swapped))
    wrong.discard(text)
    assert len(wrong) > 1000
    for typed in wrong:
        with pytest.raises(TraceCodeError):
            parse_trace_code(typed)


def test_up_to_four_wrong_characters_are_noticed_wherever_they_are():
    chance, text = random.Random(4), CODE.text.replace("-", "")
    for _ in range(300):
        typed = list(text)
        for place in chance.sample(range(2, len(text)), chance.randint(2, 4)):
            typed[place] = chance.choice(ALPHABET.replace(typed[place], ""))
        with pytest.raises(TraceCodeError, match="do not fit together"):
            parse_trace_code("".join(typed))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "0 characters came"),
        (CODE.text[3:], "32 characters came"),
        (CODE.text.replace(CODE.text[-1], "U"), "the character 'U'"),
        (f"{CODE.text}!", "the character '!'"),
        (f"0{CODE.text}", "before these stands '012'"),
        (f"A{CODE.text[2:]}", "before these stands 'A'"),
        (f"{MAX_COUNT + 1}{CODE.text[2:]}", "before these stands '1000000000'"),
        (f"{CODE.text}{CODE.text[-1]}", "begins with|do not fit together"),
        (CODE.text + " " * 128, "is shorter than"),
        ("\N{LATIN SMALL LETTER DOTLESS I}" + CODE.text[2:], "the character"),
        ("\N{ARABIC-INDIC DIGIT ONE}" + CODE.text[2:], "the character"),
    ],
)
def test_what_is_no_code_is_refused_and_named(typed, said):
    with pytest.raises(TraceCodeError, match=said):
        parse_trace_code(typed)


def test_only_what_a_code_can_tell_becomes_one():
    for count in (0, -1, MAX_COUNT + 1):
        with pytest.raises(TraceCodeError):
            trace_code(count, HASH)
    for head in (-1, 1 << 130):
        with pytest.raises(TraceCodeError):
            TraceCode(1, head)
    with pytest.raises(MalformedError):
        trace_code(1, HASH[1:])
