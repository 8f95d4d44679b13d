"""Which passwords are refused: short ones, common ones, and what others know of the person.

No rules of composition: they make passwords that are easier to guess (NIST SP 800-63B 3.1.1.2, ASVS 6.2).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from traceability.errors import WeakPasswordError

SHORTEST: Final = 12
LONGEST: Final = 200
FEWEST: Final = 5
"""Different characters that a password has at least."""
_STEMS: Final = frozenset(
    (
        *("password", "passwort", "passw0rd", "p@ssword", "p@ssw0rd", "motdepasse", "contrasena", "mima"),
        *("qwerty", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qazwsx", "qazwsxedc", "1q2w3e4r", "1qaz2wsx"),
        *("admin", "administrator", "root", "letmein", "welcome", "iloveyou", "woaini", "changeme", "secret"),
        *("default", "test", "testing", "user", "guest", "login", "master", "hello", "dragon", "monkey"),
        *("football", "baseball", "sunshine", "princess", "superman", "batman", "abc", "abcd", "abcdef"),
        *("foodsafety", "traceability", "foodtraceability", "chongqing", "beijing", "shanghai"),
    )
)
"""What the commonest passwords are made of, whatever digits and signs stand around it, or how often."""
_RUNS: Final = ("abcdefghijklmnopqrstuvwxyz" * 2, "1234567890" * 4, "qwertyuiopasdfghjklzxcvbnm" * 2)
_LETTERS: Final = re.compile(r"[^\W\d_]+")


class Weak(StrEnum):
    """Why a password is refused."""

    LENGTH = "length"
    REPEATED = "repeated"
    COMMON = "common"
    KNOWN = "known"


def require_strong(password: str, known: Iterable[str]) -> None:
    """Refuse a password that is easily guessed.

    Args:
        known: what others know of the person: names, also the firm's.

    Raises:
        WeakPasswordError: it says why.
    """
    plain = fold(password).casefold()
    if not SHORTEST <= len(plain) <= LONGEST:
        raise WeakPasswordError(Weak.LENGTH)
    if (
        len(set(plain)) < FEWEST
        or _is_repeated(plain)
        or any(plain in run or plain in run[::-1] for run in _RUNS)
    ):
        raise WeakPasswordError(Weak.REPEATED)
    if _is_common(plain):
        raise WeakPasswordError(Weak.COMMON)
    if any(word in plain for name in known for word in _words(name) if 2 * len(word) > len(plain)):
        raise WeakPasswordError(Weak.KNOWN)


def fold(password: str) -> str:
    """One form of a password, however a keyboard composes its characters (NFKC)."""
    return unicodedata.normalize("NFKC", password)


def _is_common(plain: str) -> bool:
    """Whether all letters are common words: so is the whole, whatever digits and signs stand around."""
    words = set(_LETTERS.findall(plain))
    bare = "".join(c for c in plain if not c.isspace()).strip("0123456789_!?.,*#-")
    return bare in _STEMS or (bool(words) and words <= _STEMS)


def _is_repeated(plain: str) -> bool:
    return any(
        len(plain) % size == 0 and plain == plain[:size] * (len(plain) // size) for size in range(1, 7)
    )


def _words(name: str) -> list[str]:
    plain = fold(name).casefold()
    return [plain, *plain.split("@"), *plain.split()]
