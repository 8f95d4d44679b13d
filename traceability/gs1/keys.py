"""GS1 keys in their two forms, read and written by the table.

A key is written as an EPC URN (``urn:epc:id:sgtin:9521141.012345.4711``) or as a GS1 Digital Link
(``https://id.gs1.org/01/09521141123454/21/4711``). The URN shows how long the company prefix is and
leaves the check digit out; the link does the opposite.

Sources: GS1 Tag Data Standard 2.0, 6.3 (URNs); GS1 Digital Link URI syntax 1.2, 4; which keys an
event may name: GS1 Core Business Vocabulary 2.0, 8.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby, takewhile
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from traceability.errors import IdentifierError
from traceability.gs1.table import (
    COMPANY_PREFIX,
    CSET82,
    DIGITS,
    GLN,
    GTIN,
    KEYS,
    QUALIFIERS,
    Scheme,
    check_digit,
    is_restricted,
)

MAX_URI_CHARS: Final = 2000
PREFIX_LENGTHS: Final = range(6, 13)
"""How many digits a company prefix has in a URN (Tag Data Standard 2.0, 6.3)."""

_LINK = re.compile(r"https?://[^/?#@]+/([^?#]*)(?:[?#].*)?", re.IGNORECASE)
_VISIBLE = re.compile(rf"[!-~]{{1,{MAX_URI_CHARS}}}")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PLAIN_IN_PATH: Final = frozenset(string.ascii_letters + string.digits + "-._~!$&'()*+,;=:@%")
_PLAIN_IN_URN: Final = CSET82 - frozenset('"&/<>?')
_SCHEMES: Final = {scheme.name: scheme for scheme in KEYS}
_URN_SCHEMES: Final = {**_SCHEMES, "idpat:upui": _SCHEMES["idpat:sgtin"]}
_PATHS: Final = {ais: tuple(rows) for ais, rows in groupby(KEYS, lambda scheme: scheme.ais)}
_PATHS["414",] = _PATHS["414", "254"]
_PRIMARY: Final = frozenset(ais[0] for ais in _PATHS)


def encode_value(value: str) -> str:
    """One Digital Link path value in its only accepted spelling."""
    return value if value.isalnum() and value.isascii() else quote(value, safe="-._~")


def decode_value(text: str) -> str:
    """The value of one Digital Link path segment; other spellings of it are refused."""
    try:
        value = unquote_to_bytes(text).decode("ascii")
    except UnicodeDecodeError as error:
        raise IdentifierError(f"{text[:64]!r} holds characters outside ASCII") from error
    if encode_value(value) != text:
        raise IdentifierError(f"{text[:64]!r} should be written {encode_value(value)!r}")
    return value


@dataclass(frozen=True, slots=True)
class Key:
    """A GS1 key. It is checked when it is made; two are equal when they name the same."""

    scheme: str
    """The name of its row in ``KEYS``."""
    values: tuple[str, ...]
    """The values of its Digital Link path, not encoded: ``("09521141123454", "4711")``."""
    prefix_length: int | None = field(default=None, compare=False)
    """Digits of the company prefix, 6 to 12: known from a URN, None from a Digital Link."""

    def __post_init__(self) -> None:
        scheme = self._row
        needed = len(scheme.elements) - bool(scheme.absent)
        if not needed <= len(self.values) <= len(scheme.elements):
            raise IdentifierError(f"{scheme.name} has {needed} values, not {len(self.values)}")
        for part, text in scheme.split(self.values):
            part.check(text)
        number = self.values[0]
        if scheme.first_digit == "zero" and number[0] != "0":
            raise IdentifierError(f"{scheme.number.name} {number} begins with {number[0]}, it should be 0")
        if not DIGITS.issuperset(number[:4]):
            raise IdentifierError(f"{number!r} has no GS1 company prefix: it begins with at least 4 digits")
        if scheme.absent in self.values[1:]:
            raise IdentifierError(f"{scheme.parts[-1].name} {scheme.absent} means that there is none")

    @property
    def _row(self) -> Scheme:
        return _SCHEMES[self.scheme]

    @property
    def instance(self) -> bool:
        """Whether it names one thing (or place or party), not a class or a lot of them."""
        return self.scheme.startswith("id:")

    @property
    def restricted(self) -> bool:
        """Whether its GTIN or GLN is a restricted circulation number."""
        number = self._row.number
        return (number is GTIN or number is GLN) and is_restricted(self.values[0][: number.longest])

    @property
    def company_digits(self) -> str:
        """The digits with which its company prefix begins, at most 12: how many are its, it does not say.

        Source: GS1 Tag Data Standard 2.0, 6.3: indicator and extension digits stand before the prefix.
        """
        number = self.values[0][: self._row.number.longest]
        digits = number[1:] if self._row.first_digit else number
        return "".join(takewhile(DIGITS.__contains__, digits[: COMPANY_PREFIX.longest]))

    @property
    def path(self) -> str:
        """The canonical Digital Link path: ``/01/09521141123454/21/4711``."""
        pairs = zip(self._row.elements, self.values, strict=False)
        return "".join([f"/{ai}/{encode_value(value)}" for (ai, _), value in pairs])

    def urn(self, prefix_length: int | None = None) -> str:
        """The EPC URN. Raises IdentifierError where the length of the company prefix is not known."""
        length = prefix_length or self.prefix_length
        if length not in PREFIX_LENGTHS:
            raise IdentifierError(f"a URN of {self.path} needs the length of its company prefix, 6 to 12")
        scheme = self._row
        number, *texts = (text for _, text in scheme.split(self.values))
        digits = number[:-1] if scheme.number.checked else number
        first, digits = (digits[0], digits[1:]) if scheme.first_digit else ("", digits)
        prefix, reference = digits[:length], digits[length:]
        if not (DIGITS.issuperset(prefix) and (scheme.number.checked or reference)):
            raise IdentifierError(f"{number!r} has no company prefix of {length} digits and a reference")
        if scheme.first_digit == "moved":
            reference = first + reference
        if len(self.values) < len(scheme.elements):
            texts.append(scheme.absent)
        tail = [quote(text, safe="!'()*+,:;=") for text in (reference, *texts)]
        return f"urn:epc:{scheme.name}:" + ".".join([prefix, *tail] + ["*"] * scheme.pattern)


@lru_cache(maxsize=8192)
def parse_key(text: str) -> Key:
    """The key in an EPC URN or a GS1 Digital Link. Raises IdentifierError."""
    return parse_urn(text) if text.startswith("urn:") else parse_digital_link(text)


def parse_urn(text: str) -> Key:
    """The key in an EPC URN; a pattern is one only if it stands for all serials of a class."""
    _check_visible(text)
    urn, epc, *names, body = text.split(":", 4) if text.count(":") > 3 else ("", "", "", text)
    scheme = _URN_SCHEMES.get(":".join(names))
    if (urn, epc) != ("urn", "epc") or scheme is None:
        raise IdentifierError(f"{text[:64]!r} is not the EPC URN of a GS1 key, such as urn:epc:id:sgtin:...")
    count = 1 + len(scheme.parts) + scheme.pattern
    prefix, *texts = body.split(".", count - 1)
    if len(texts) != count - 1:
        raise IdentifierError(f"{text[:64]!r} has {len(texts) + 1} parts between dots, it should be {count}")
    if scheme.pattern and texts.pop() != "*":
        raise IdentifierError(f"{text[:64]!r} is no class: its last part should be *")
    if not (len(prefix) in PREFIX_LENGTHS and DIGITS.issuperset(prefix)):
        raise IdentifierError(f"{prefix[:64]!r} is not a GS1 company prefix: 6 to 12 digits")
    reference, *texts = (_unescape(part, _PLAIN_IN_URN) for part in texts)
    for part, given in zip(scheme.parts[1:], texts, strict=True):
        part.check(given)
    return _made(scheme, scheme.join([_compose(scheme, prefix, reference), *texts]), len(prefix))


def _compose(scheme: Scheme, prefix: str, reference: str) -> str:
    """The key proper, from the company prefix and what a URN writes behind it."""
    if not scheme.number.checked:
        if not reference:
            raise IdentifierError(
                f"nothing stands behind the company prefix of {scheme.number.name} {prefix}"
            )
        return prefix + reference
    wanted = scheme.number.longest - 1 - (scheme.first_digit == "zero")
    if len(prefix + reference) != wanted or not DIGITS.issuperset(reference):
        raise IdentifierError(
            f"company prefix {prefix} and reference {reference[:64]!r} of a {scheme.number.name} should be "
            f"{wanted} digits together, not {len(prefix + reference)}"
        )
    if scheme.first_digit == "moved":
        digits = reference[:1] + prefix + reference[1:]
    else:
        digits = ("0" if scheme.first_digit == "zero" else "") + prefix + reference
    return digits + check_digit(digits)


def parse_digital_link(uri: str) -> Key:
    """The key in a GS1 Digital Link on any host, behind any path; its query is left aside.

    Escapes may be written in any way. Of a GTIN's qualifiers the finest one is the key's, and the
    others are checked and left out: what a serial number names it names without its lot.
    """
    _check_visible(uri)
    found = _LINK.fullmatch(uri)
    segments = found[1].split("/") if found else []
    start = next((i for i, segment in enumerate(segments) if segment in _PRIMARY), None)
    if start is None:
        raise IdentifierError(
            f"{uri[:128]!r} is not a GS1 Digital Link: https, a host, and a path as /01/..."
        )
    ais, values = segments[start::2], [_unescape(v, _PLAIN_IN_PATH) for v in segments[start + 1 :: 2]]
    if len(ais) != len(values):
        raise IdentifierError(f"application identifier {ais[-1]!r} has no value in {uri[:128]!r}")
    finest = _finest(ais, values)
    rows = _PATHS.get(tuple(ais[i] for i in finest))
    if rows is None:
        raise IdentifierError(f"application identifiers {', '.join(ais)[:64]} make no key that events name")
    scheme = rows[0] if len(values[0]) > rows[-1].number.longest else rows[-1]
    return _made(scheme, tuple(values[i] for i in finest), None)


def _finest(ais: Sequence[str], values: Sequence[str]) -> list[int]:
    """Which of the elements make the key: the first, and of a trade item's qualifiers the last."""
    if ais[0] not in {"01", "8006"} or ais[1:] != [ai for ai in QUALIFIERS if ai in ais[1:]]:
        return list(range(len(ais)))
    for ai, value in zip(ais[1:], values[1:], strict=True):
        QUALIFIERS[ai].check(value)
    return [0] if ais[-1] in {ais[0], "22"} else [0, len(ais) - 1]


def _made(scheme: Scheme, values: tuple[str, ...], prefix_length: int | None) -> Key:
    if scheme.absent and values[1:] == (scheme.absent,):
        values = values[:1]
    return Key(scheme.name, values, prefix_length)


def _check_visible(text: str) -> None:
    if not _VISIBLE.fullmatch(text):
        raise IdentifierError(f"{text[:64]!r} is not a URI: 1 to {MAX_URI_CHARS} visible ASCII characters")


def _unescape(text: str, plain: frozenset[str]) -> str:
    """The value that ``text`` spells, where only the characters ``plain`` may stand for themselves."""
    if not plain.issuperset(text):
        wrong = next(char for char in text if char not in plain)
        raise IdentifierError(f"{text[:64]!r} has {wrong!r}, which is written %{ord(wrong):02X} in a URI")
    broken = _BROKEN_ESCAPE.search(text)
    if broken:
        raise IdentifierError(f"{text[:64]!r} has % without two hexadecimal digits at {broken.start() + 1}")
    return unquote_to_bytes(text).decode("utf-8", "replace") if "%" in text else text
