"""Packing: when a child was inside its parent, from the links that say so.

A stay inside begins with a PACK, or with a SEEN where none is known. It ends with an UNPACK, of the
child or of the parent itself (``src == dst``: everything), or with the TAKE with which as much was
taken out as was put in. An UNPACK or TAKE with nothing before it shows that the child was inside until
then, since when is not known. Links may come in any order.

Times are often whole days, so what has the same time may have happened in either order. A stay
holds both its ends, and where an order must be chosen, the one is chosen that loses nothing: what
was inside leaves before it enters again, what was not enters before it leaves, and a parent is
emptied before anything enters.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple, TypeAlias

from traceability.errors import StatementError
from traceability.supply.epcis.units import convert
from traceability.supply.lineage import LinkKind

PACK, UNPACK, TAKE = int(LinkKind.PACK), int(LinkKind.UNPACK), int(LinkKind.TAKE)
OUT: Final = frozenset({UNPACK, TAKE})
_IN_AND_OUT: Final = 2
BEGINNING: Final = -(1 << 62)
"""Before all times: since when is not known."""
FOREVER: Final = 1 << 62
"""After all times: it never ended, as far as is known."""


LinkRow: TypeAlias = tuple[int, int, int, int]
"""A link as the store has it: source, kind, time, destination; things and processes by number."""
WeighedRow: TypeAlias = tuple[int, int, int, int, str | None, str | None]
"""A link with its quantity and unit."""


class Inside(NamedTuple):
    """``child`` was inside ``parent`` from ``start`` to ``end``, both included, in milliseconds."""

    child: int
    parent: int
    start: int
    end: int


def insides(rows: Iterable[WeighedRow]) -> Iterator[Inside]:
    """All stays of children inside parents, in no particular order.

    Args:
        rows: of kind PACK or more; of each child and parent all there are, and all by which one of
            these parents was emptied. Quantities are only looked at where there is a TAKE.
    """
    pairs: dict[tuple[int, int], list[WeighedRow]] = {}
    emptied: dict[int, list[int]] = {}
    for row in rows:
        if row[0] == row[3]:
            emptied.setdefault(row[3], []).append(row[2])
        else:
            pairs.setdefault((row[0], row[3]), []).append(row)
    for times in emptied.values():
        times.sort()
    for (child, parent), own in pairs.items():
        ends = emptied.get(parent, ())
        if len(own) == 1 and not ends and own[0][1] not in OUT:
            yield Inside(child, parent, own[0][2], FOREVER)
            continue
        own.sort(key=itemgetter(2))
        if not ends and _is_usual(own):
            yield Inside(child, parent, own[0][2], own[1][2])
            continue
        for start, end in _stays(own, ends):
            yield Inside(child, parent, start, end)


def _stays(rows: Sequence[WeighedRow], emptied: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The stays of one child in one parent; both arguments are sorted by time."""
    stay: _Stay | None = None
    known = False
    for at, group in groupby(rows, itemgetter(2)):
        if stay is not None and (end := _next(emptied, stay.start)) <= at:
            yield stay.start, end
            stay = None
        inside = stay is not None
        for row in sorted(group, key=lambda row: (row[1] in OUT) != inside):
            if row[1] in OUT:
                if stay is not None and stay.is_over(row):
                    yield stay.start, at
                    stay = None
                elif stay is None and not known:
                    yield BEGINNING, at
            elif stay is None:
                stay = _Stay(row)
            elif row[1] == PACK:
                stay.rows.append(row)
            known = True
    if stay is not None:
        yield stay.start, _next(emptied, stay.start)


def _is_usual(rows: Sequence[WeighedRow]) -> bool:
    """Whether it was put in once, and later taken out as it was: nothing to be worked out."""
    if len(rows) != _IN_AND_OUT or rows[0][1] in OUT:
        return False
    if rows[1][1] == TAKE:
        return rows[1][4] is not None and rows[0][4:] == rows[1][4:]
    return rows[1][1] == UNPACK


def _next(times: Sequence[int], after: int) -> int:
    """The first of sorted times that is later."""
    place = bisect_right(times, after)
    return times[place] if place < len(times) else FOREVER


class _Stay:
    """A stay that is not over yet, and what was put in and taken out so far."""

    def __init__(self, first: WeighedRow) -> None:
        self.start, self.rows = first[2], [first]
        self._left: dict[str, Fraction] = {}
        self._unknown = False

    def is_over(self, row: WeighedRow) -> bool:
        """Whether with this everything was taken out, for certain."""
        if row[1] == UNPACK:
            return True
        fresh = len(self.rows) == 1 and not self._left and not self._unknown
        if fresh and row[4] is not None and self.rows[0][4:] == row[4:]:
            return True  # the usual case: exactly what was put in
        self.rows.append(row)
        for _, kind, _, _, quantity, uom in self.rows:
            amount = amount_of(quantity, uom)
            if amount is None:
                self._unknown = True
            else:
                change = -amount[1] if kind == TAKE else amount[1]
                self._left[amount[0]] = self._left.get(amount[0], Fraction(0)) + change
        self.rows.clear()
        return not self._unknown and all(left <= 0 for left in self._left.values())


def amount_of(quantity: str | None, uom: str | None) -> tuple[str, Fraction] | None:
    """Dimension and amount of a link's quantity; None where it is not said or its unit is not known."""
    if quantity is None:
        return None
    try:
        return convert(Decimal(quantity), uom)
    except StatementError:  # captured before its unit was checked: nothing can be said about it
        return None
