"""A trace code: the head of a chain at a count, short enough to print on a label and to read aloud.

    1-7R2W-TW7Z-VV6V-735B-B0KB-36MV-BVBS-F6SW

The number is how many records the chain had; behind it stand the first 130 bits of the hash of the
last of them, and six characters that tell a slip of the pen from another chain. What is printed
cannot be printed again: a chain that was rewritten since does not have that head any more.

Source: Crockford, Base32 (alphabet, and what is read as what); BIP 350, Bech32m (checksum, over the
number as its human-readable part); docs/formats.md, Trace codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from traceability.errors import TraceCodeError
from traceability.ledger import merkle
from traceability.ledger.lines import require_size

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
HEAD_BITS: Final = 130
MAX_COUNT: Final = 999_999_999
MAX_TYPED: Final = 128
"""Characters of a code as somebody typed it, with everything between them."""

_DIGIT_BITS: Final = 5
_HEAD: Final = HEAD_BITS // _DIGIT_BITS
_CHECK: Final = 6
_GROUP: Final = 4
_BECH32M: Final = 0x2BC830A3
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)

_FULL_WIDTH: Final = {0xFF01 + i: 0x21 + i for i in range(94)}
_PASSED_OVER: Final = dict.fromkeys(map(ord, "\t\n\r -\xa0\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u3000"))
_READ_AS: Final = str.maketrans("abcdefghjkmnpqrstvwxyzILOilo", "ABCDEFGHJKMNPQRSTVWXYZ110110")


@dataclass(frozen=True, slots=True)
class TraceCode:
    """The head of a chain at a count.

    Attributes:
        count: how many records the chain had, 1 to ``MAX_COUNT``.
        head: the first 130 bits of the hash of the last of them, as an integer.

    Raises:
        TraceCodeError: one of them is out of range.
    """

    count: int
    head: int

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_COUNT:
            raise TraceCodeError(f"a trace code is of 1 to {MAX_COUNT} records, not {self.count}")
        if not 0 <= self.head < 1 << HEAD_BITS:
            raise TraceCodeError(f"the head in a trace code has {HEAD_BITS} bits")

    @property
    def text(self) -> str:
        """The one form in which a code is written."""
        digits = [self.head >> _DIGIT_BITS * i & 31 for i in reversed(range(_HEAD))]
        left = _polymod([*_expanded(str(self.count)), *digits, *[0] * _CHECK]) ^ _BECH32M
        digits += [left >> _DIGIT_BITS * i & 31 for i in reversed(range(_CHECK))]
        written = "".join(ALPHABET[digit] for digit in digits)
        groups = (written[i : i + _GROUP] for i in range(0, len(written), _GROUP))
        return "-".join((str(self.count), *groups))


def trace_code(count: int, record_hash: bytes) -> TraceCode:
    """The code of a chain.

    Args:
        count: how many records it has.
        record_hash: of the last of them, 32 bytes.

    Raises:
        TraceCodeError: no records, or more than a code can tell.
        MalformedError: a hash of another length.
    """
    require_size("a record hash", record_hash, merkle.HASH_SIZE)
    return TraceCode(count, int.from_bytes(record_hash) >> 8 * merkle.HASH_SIZE - HEAD_BITS)


def parse_trace_code(typed: str) -> TraceCode:
    """A code as a person typed it.

    Small letters, full-width characters, and O, I and L for 0, 1 and 1 are taken; dashes and spaces are
    passed over, wherever they are.

    Raises:
        TraceCodeError: not a code, or one with a slip of the pen.
    """
    if len(typed) > MAX_TYPED:
        raise TraceCodeError(f"a trace code is shorter than the {len(typed)} characters that came")
    read = typed.translate(_FULL_WIDTH).translate(_PASSED_OVER).translate(_READ_AS)
    strange = [char for char in read if char not in ALPHABET]
    if strange:
        raise TraceCodeError(f"no trace code has the character {strange[0]!r}")
    number, digits = read[: -_HEAD - _CHECK], [ALPHABET.index(char) for char in read[-_HEAD - _CHECK :]]
    if not number:
        raise TraceCodeError(
            f"a trace code is a number and {_HEAD + _CHECK} characters; {len(read)} characters came"
        )
    if not number.isdecimal() or number[0] == "0" or int(number) > MAX_COUNT:
        raise TraceCodeError(
            f"a trace code begins with a number of 1 to {MAX_COUNT} and ends with {_HEAD + _CHECK} "
            f"characters; before these stands {number[:40]!r}"
        )
    if _polymod([*_expanded(number), *digits]) != _BECH32M:
        raise TraceCodeError("the characters of this trace code do not fit together: one or more are wrong")
    return TraceCode(int(number), _integer(digits[:_HEAD]))


def _integer(digits: Sequence[int]) -> int:
    value = 0
    for digit in digits:
        value = value << _DIGIT_BITS | digit
    return value


def _expanded(number: str) -> list[int]:
    """A human-readable part as BIP 173 brings it under the checksum."""
    return [*(ord(char) >> 5 for char in number), 0, *(ord(char) & 31 for char in number)]


def _polymod(values: Iterable[int]) -> int:
    """The remainder of BIP 173's BCH code over GF(32): it notices any four characters that are wrong."""
    left = 1
    for value in values:
        top = left >> 25
        left = (left & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate(_GENERATOR):
            left ^= generator if top >> i & 1 else 0
    return left
