"""Passwords: argon2id (RFC 9106), never more than a few computations at once.

Each takes 64 MiB of memory, so strangers who try passwords must not be able to start many.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import BoundedSemaphore
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from traceability.errors import TooOftenError
from traceability.operations.accounts.strength import fold

AT_ONCE: Final = 2
"""Computations in one process; a site has eight threads, and those who only read must find one."""
WAIT_S: Final = 5.0
MAX_BYTES: Final = 1024
"""Of a password; longer ones are not looked at."""

_HASHER: Final = PasswordHasher()
_ROOM: Final = BoundedSemaphore(AT_ONCE)


def hash_password(password: str) -> str:
    """The text to keep in a password's place: parameters, salt and hash.

    Raises:
        TooOftenError: too many others are being computed.
    """
    with _turn():
        return _HASHER.hash(fold(password))


def is_password(kept: str | None, password: str) -> bool:
    """Whether a password is the one kept; without one the same is computed, so that nobody sees a difference.

    Raises:
        TooOftenError: too many others are being computed.
    """
    if len(password.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return False
    with _turn():
        try:
            _HASHER.verify(kept or _nobodys(), fold(password))
            return kept is not None
        except (VerificationError, InvalidHashError):
            return False


@cache
def _nobodys() -> str:
    """The hash that stands in where there is nobody, or no password yet."""
    return _HASHER.hash("nobody has this password")


@contextmanager
def _turn() -> Iterator[None]:
    if not _ROOM.acquire(timeout=WAIT_S):
        raise TooOftenError("too many people are signing in at this moment")
    try:
        yield
    finally:
        _ROOM.release()
