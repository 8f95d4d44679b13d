"""The table of GS1 keys: which elements each is made of, and of which characters.

Sources: GS1 General Specifications 3 (application identifiers), 7.9 (check digit) and 7.11
(character sets); GS1 Tag Data Standard 2.0, 6.3 (URNs).
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from traceability.errors import IdentifierError

DIGITS: Final = frozenset(string.digits)
CSET39: Final = frozenset(string.digits + string.ascii_uppercase + "#-/")
"""GS1 General Specifications figure 7.11-2: characters of component and part identifiers."""
CSET82: Final = frozenset(string.ascii_letters + string.digits + "!\"%&'()*+,-./_:;<=>?")
"""GS1 General Specifications figure 7.11-1: characters of lots, serials and asset numbers."""

_SET_NAMES: Final = {
    DIGITS: "digits",
    CSET39: "characters of GS1 character set 39",
    CSET82: "characters of GS1 character set 82",
}


def check_digit(digits: str) -> str:
    """The GS1 check digit that belongs behind ``digits``.

    Source: GS1 General Specifications 7.9 (weights 3 and 1, from the right).
    """
    total = 3 * sum(map(int, digits[::-2])) + sum(map(int, digits[-2::-2]))
    return str(-total % 10)


def is_restricted(number: str) -> bool:
    """Whether a GTIN-14 or GLN is a restricted circulation number.

    Source: GS1 General Specifications 1.4.2 and 1.4.3 (GS1 prefixes 02, 04 and 20 to 29; in a
    GTIN-8, which six zeros fill up to 14 digits, GS1-8 prefixes 000 to 099 and 200 to 299).
    """
    if len(number) == 14 and number.startswith("000000"):
        return number[6] in {"0", "2"}
    prefix = number[-13:-11]
    return prefix in {"02", "04"} or prefix[0] == "2"


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a key: how long it may be, and of which characters it is made."""

    name: str
    shortest: int
    longest: int
    chars: frozenset[str] = CSET82
    checked: bool = False
    """The last digit is a check digit."""
    zero_first: bool = True
    """It may have zeros in front."""

    @property
    def wanted(self) -> str:
        """What is expected, in words: ``1 to 20 characters of GS1 character set 82``."""
        least = "" if self.shortest == self.longest else f"{self.shortest} to "
        return f"{least}{self.longest} {_SET_NAMES[self.chars]}"

    def check(self, text: str) -> str:
        """``text`` itself. Raises IdentifierError that says what was expected, and where."""
        if not self.shortest <= len(text) <= self.longest:
            raise IdentifierError(f"{text[:64]!r} is no {self.name}: {self.wanted}, not {len(text)}")
        if not self.chars.issuperset(text):
            at = next(i for i, char in enumerate(text) if char not in self.chars)
            raise IdentifierError(
                f"{self.name} {text!r} has {text[at]!r} at position {at + 1}: {self.wanted}"
            )
        if self.checked and check_digit(text[:-1]) != text[-1]:
            raise IdentifierError(
                f"{self.name} {text} has check digit {text[-1]}, it should be {check_digit(text[:-1])}"
            )
        if not self.zero_first and text[0] == "0" and text != "0":
            raise IdentifierError(f"{self.name} {text} begins with 0: write it without zeros in front")
        if text in {".", ".."}:
            raise IdentifierError(f"{text!r} can be no {self.name}: browsers take it for a step in a path")
        return text


def parse_company_prefix(text: str) -> str:
    """A GS1 company prefix as it is issued: of a U.P.C. company prefix with its leading zero.

    Raises:
        IdentifierError: not 4 to 12 digits, or such digits are never issued to a company: those of
            restricted circulation numbers, and five zeros, which GTIN-8 have there.
    """
    COMPANY_PREFIX.check(text)
    if is_restricted(text.ljust(GLN.longest, "0")):
        raise IdentifierError(f"{text} begins restricted circulation numbers: it is no company's")
    if text.startswith("00000") or not text.strip("0"):
        raise IdentifierError(f"{text} is never issued: GTIN-8 have these zeros there")
    return text


@dataclass(frozen=True, slots=True)
class Scheme:
    """A row of the table: a kind of key, and how its two forms are put together.

    A Digital Link writes each of ``elements`` as an application identifier and a value, which is
    made of one part or of several. The first part is the key proper: company prefix, reference and,
    where it is checked, check digit. A URN writes prefix and reference apart, then every other part.
    """

    name: str
    """As in the URN: ``id:`` for one thing, ``class:`` or ``idpat:`` for a class of them."""
    elements: tuple[tuple[str, tuple[Part, ...]], ...]
    first_digit: Literal["", "zero", "moved"] = ""
    """The digit before the company prefix: none; a zero that the URN leaves out; or one that the
    URN writes before the reference (indicator, extension digit)."""
    absent: str = ""
    """What a URN writes where a link leaves the last element out."""

    @property
    def pattern(self) -> bool:
        """Whether the URN is a pattern, with * in the place of a serial number."""
        return self.name.startswith("idpat:")

    @property
    def ais(self) -> tuple[str, ...]:
        """The application identifiers, in their order."""
        return tuple(ai for ai, _ in self.elements)

    @property
    def number(self) -> Part:
        """The key proper."""
        return self.elements[0][1][0]

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of all elements, in their order."""
        return tuple(part for _, parts in self.elements for part in parts)

    def split(self, values: Sequence[str]) -> Iterator[tuple[Part, str]]:
        """Values of elements as parts: of a value, every part but the last has one length."""
        for (_, parts), value in zip(self.elements, values, strict=False):
            start = 0
            for part in parts[:-1]:
                yield part, value[start : start + part.longest]
                start += part.longest
            yield parts[-1], value[start:]

    def join(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Parts as values of elements: the opposite of ``split``."""
        left = iter(texts)
        return tuple("".join(next(left) for _ in parts) for _, parts in self.elements)


def _number(name: str, digits: int) -> Part:
    return Part(name, digits, digits, DIGITS, checked=True)


GTIN: Final = _number("GTIN", 14)
GLN: Final = _number("GLN", 13)
LOT: Final = Part("lot", 1, 20)
COMPANY_PREFIX: Final = Part("company prefix", 4, 12, DIGITS)
"""GS1 General Specifications 1.4.4: issued with 4 to 12 digits, none the beginning of another."""
SERIAL: Final = Part("serial number", 1, 20)
_GRAI, _GDTI, _GCN = _number("GRAI", 14), _number("GDTI", 13), _number("GCN", 13)
_CPI: Final = Part("component or part identifier", 5, 30, CSET39)
_CPI_SERIAL: Final = Part("serial number", 1, 12, DIGITS, zero_first=False)
_PIECE: Final = (GTIN, Part("piece", 2, 2, DIGITS), Part("total of pieces", 2, 2, DIGITS))
QUALIFIERS: Final = {"22": Part("consumer product variant", 1, 20), "10": LOT, "21": SERIAL}

KEYS: Final[tuple[Scheme, ...]] = (
    Scheme("id:sgtin", (("01", (GTIN,)), ("21", (SERIAL,))), "moved"),
    Scheme("id:upui", (("01", (GTIN,)), ("235", (Part("third-party serial number", 1, 28),))), "moved"),
    Scheme("class:lgtin", (("01", (GTIN,)), ("10", (LOT,))), "moved"),
    Scheme("idpat:sgtin", (("01", (GTIN,)),), "moved"),
    Scheme("id:itip", (("8006", _PIECE), ("21", (SERIAL,))), "moved"),
    Scheme("idpat:itip", (("8006", _PIECE),), "moved"),
    Scheme("id:sscc", (("00", (_number("SSCC", 18),)),), "moved"),
    Scheme("id:sgln", (("414", (GLN,)), ("254", (Part("GLN extension", 1, 20),))), absent="0"),
    Scheme("id:pgln", (("417", (GLN,)),)),
    Scheme("id:grai", (("8003", (_GRAI, Part("serial number", 1, 16))),), "zero"),
    Scheme("idpat:grai", (("8003", (_GRAI,)),), "zero"),
    Scheme("id:giai", (("8004", (Part("GIAI", 5, 30),)),)),
    Scheme("id:gsrn", (("8018", (_number("GSRN", 18),)),)),
    Scheme("id:gsrnp", (("8017", (_number("GSRN", 18),)),)),
    Scheme("id:gdti", (("253", (_GDTI, Part("serial number", 1, 17))),)),
    Scheme("idpat:gdti", (("253", (_GDTI,)),)),
    Scheme("id:cpi", (("8010", (_CPI,)), ("8011", (_CPI_SERIAL,)))),
    Scheme("idpat:cpi", (("8010", (_CPI,)),)),
    Scheme("id:sgcn", (("255", (_GCN, Part("serial number", 1, 12, DIGITS))),)),
    Scheme("idpat:sgcn", (("255", (_GCN,)),)),
    Scheme("id:ginc", (("401", (Part("GINC", 5, 30),)),)),
    Scheme("id:gsin", (("402", (_number("GSIN", 17),)),)),
)
"""The one table of keys. A class without its serial stands behind the key that has one."""
