"""GS1 element strings: what a reader of bar codes gives, taken apart into application identifiers.

    ]C10109520001000102 10L-1 <FNC1> 3103000125     GS1-128, as a reader sends it
    (01)09520001000102(10)L-1                       as it is printed below the code

A value of fixed length ends by itself; any other ends at FNC1, which readers send as the control
character GS (hexadecimal 1D), or at the end.

Source: GS1 General Specifications 24, 5.10.1 and 7.8 (predefined lengths), ISO/IEC 15424
(symbology identifiers).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from traceability.errors import IdentifierError

FNC1: Final = "\x1d"
MAX_CHARS: Final = 512
"""Far more than the largest code that trade items bear."""

_SYMBOLOGY: Final = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_PRINTED: Final = re.compile(r"\(([0-9]{2,4})\)")
_LENGTHS: Final[Mapping[str, int]] = {
    "00": 18,
    **dict.fromkeys(("01", "02", "03"), 14),
    "04": 16,
    "20": 2,
    "41": 13,
    **dict.fromkeys(("11", "12", "13", "14", "15", "16", "17", "18", "19"), 6),
    **dict.fromkeys(("31", "32", "33", "34", "35", "36"), 6),
}
"""Characters of values of fixed length, by the first two digits of their application identifier."""
_DIGITS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("23", "24", "25", "40", "41", "42", "71"), 3),
    **dict.fromkeys(("31", "32", "33", "34", "35", "36", "39", "43", "70", "72", "80", "81", "82"), 4),
}
"""Digits of an application identifier by its first two, where there are more than two."""


def without_symbology(text: str) -> str:
    """What a reader sent, without the three characters that say which kind of code it was."""
    return text[3:] if _SYMBOLOGY.match(text) else text


def parse_elements(text: str) -> dict[str, str]:
    """The values of an element string by their application identifiers, in its order.

    Values are not checked: what a number means is the matter of who asks for it.

    Raises:
        IdentifierError: it is none; the message says where it breaks off.
    """
    if len(text) > MAX_CHARS:
        raise IdentifierError(f"a code of {len(text)} characters, at most {MAX_CHARS} are read")
    bare = without_symbology(text).replace("\N{SYMBOL FOR GROUP SEPARATOR}", FNC1).lstrip(FNC1)
    found: dict[str, str] = {}
    for ai, value in _printed(bare) if bare.startswith("(") else _sent(bare):
        if found.setdefault(ai, value) != value:
            raise IdentifierError(f"the code gives ({ai}) twice: {found[ai][:32]!r} and {value[:32]!r}")
    if not found:
        raise IdentifierError("an empty code")
    return found


def _printed(text: str) -> Iterator[tuple[str, str]]:
    parts = _PRINTED.split(text)
    if parts[0].strip():
        raise IdentifierError(f"{text[:32]!r} does not begin with an application identifier")
    for ai, value in zip(parts[1::2], parts[2::2], strict=True):
        yield ai, value.strip()


def _sent(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        kind = text[at : at + 2]
        ai = text[at : at + _DIGITS.get(kind, 2)]
        if not (ai.isascii() and ai.isdecimal()) or len(ai) < _DIGITS.get(kind, 2):
            raise IdentifierError(f"no application identifier at position {at + 1}: {text[at : at + 16]!r}")
        begin = at + len(ai)
        length = _LENGTHS.get(kind)
        end = text.find(FNC1, begin) if length is None else begin + length
        end = len(text) if end < 0 else end
        if not begin < end <= len(text) or FNC1 in text[begin:end]:
            raise IdentifierError(f"({ai}) has no value of its length at position {begin + 1}")
        yield ai, text[begin:end]
        at = end + (text[end : end + 1] == FNC1)
