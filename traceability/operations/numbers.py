"""Numbers that a node gives by itself: products, places and lots of those who have none of GS1's."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final

from sqlalchemy import Connection, select

from traceability.errors import ConflictError
from traceability.gs1 import GLN, GTIN, Part
from traceability.identifiers import Batch, check_digit, parse_stream
from traceability.store import models

OWN: Final = range(20, 30)
"""GS1 prefixes of restricted circulation that a node numbers from, without asking GS1."""


def next_own_gtin(taken: Iterable[str]) -> str:
    """The next free restricted-circulation GTIN-14 behind those in use; raises as ``_next``."""
    return "0" + _next(GTIN, (gtin[1:] for gtin in taken if gtin[0] == "0"))


def next_own_gln(taken: Iterable[str]) -> str:
    """The next free restricted-circulation GLN behind those in use; raises as ``_next``."""
    return _next(GLN, taken)


def next_lot(day: date, taken: Iterable[str]) -> str:
    """The date and the next running number of that day: ``20260501-1``."""
    prefix = f"{day:%Y%m%d}-"
    tails = (lot.removeprefix(prefix) for lot in taken if lot.startswith(prefix))
    return f"{prefix}{max((int(t) for t in tails if t.isdecimal() and t.isascii()), default=0) + 1}"


def known_batches(connection: Connection) -> list[Batch]:
    """All batches that are recorded here."""
    query = select(models.Stream.uri).join(models.Batch, models.Batch.stream == models.Stream.hash)
    return [parse_stream(uri).batch for uri in connection.execute(query).scalars()]


def _next(part: Part, taken: Iterable[str]) -> str:
    """Thirteen digits: two of the prefix, ten of a running number, one that checks.

    Raises:
        ConflictError: there is none left.

    Source: GS1 General Specifications 1.4.5: prefixes 20 to 29 are for numbers that are unique
    inside one organisation only.
    """
    own = [int(number[:12]) for number in taken if int(number[:2]) in OWN]
    number = max(own, default=OWN.start * 10**10) + 1
    if number >= OWN.stop * 10**10:
        raise ConflictError(f"all {part.name}s of this node's own are used up: give one")
    return f"{number}{check_digit(str(number))}"
