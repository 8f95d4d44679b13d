"""What a witness holds of a log: the checkpoint it cosigned last, and those that it refused, as evidence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from traceability.ledger.merkle import EMPTY_ROOT


class Kind(StrEnum):
    """What a kept note shows."""

    FORK = "fork"
    """The log signed two roots for one size: both notes together prove it to anyone."""
    UNPROVEN = "unproven"
    """The log signed it, and whoever sent it could not prove that it grew from what was held."""
    INVALID = "invalid"
    """The log signed it, and one of its leaves breaks a rule (full witnesses)."""


@dataclass(frozen=True, slots=True)
class Held:
    """The checkpoint that was cosigned last: its note (b"" before the first), and when, in s since 1970."""

    size: int = 0
    root: bytes = EMPTY_ROOT
    note: bytes = b""
    time_s: int = 0


NOTHING: Final = Held()
"""Before the first checkpoint: the empty tree."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A checkpoint that was refused, as a note; ``held`` is the note that was held then, or b"".

    Of an invalid one: the index of the leaf and what is wrong with it; the leaf's data, and the
    hashes that prove it to be in the checkpoint's tree, if they were to be had.
    """

    origin: str
    kind: Kind
    size: int
    root: bytes
    note: bytes
    held: bytes
    time_s: int
    leaf: int | None = None
    reason: str = ""
    data: bytes = b""
    proof: tuple[bytes, ...] = ()
