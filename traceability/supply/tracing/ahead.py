"""Reading ahead: what a walk may ask for later is read along with what it asks for now.

A question to the store costs as much as the links of some hundred things, and a walk that goes on for
many rounds with few things in each would wait for its questions. So while few things are asked about, the
store is also asked which others may be reached from them, whatever the times; the links of all of these
are read together and held until the walk asks. That decides how often is asked, and never what is found.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Final, TypeAlias

from traceability.supply.tracing.packing import PACK, WeighedRow
from traceability.supply.tracing.trace import Direction, End, Links, Options, Part

BEGIN, LEAST, MOST = 200, 25, 3_200
"""Things and processes that are read at a time: at first, and between which numbers it is then changed."""
LINKS_EACH: Final = 40
"""Links of each of them, on average, above which nothing is held."""
HALF: Final = 2

_PARTS: Final[Mapping[Part, Sequence[Part]]] = {
    Part.POINTS: (Part.POINTS,),
    Part.PACKS: (Part.PACKS,),
    Part.ALL: (Part.POINTS, Part.PACKS),
}
_Held: TypeAlias = dict[int, list[WeighedRow]]


class Ahead:
    """The links of a store, as one walk asks for them."""

    def __init__(self, source: Links, options: Options) -> None:
        self._source, self._options = source, options
        self._forward = options.direction is Direction.FORWARD
        self._near, self._far = (End.SRC, End.DST) if self._forward else (End.DST, End.SRC)
        self._held: dict[tuple[End, Part], _Held] = {
            pair: {} for pair in product(End, (Part.POINTS, Part.PACKS))
        }
        self._size, self._read, self._used = BEGIN, 0, 0

    def at(self, ids: Sequence[int], end: End, part: Part, *, limit: int) -> list[WeighedRow]:
        """As ``Links.at``."""
        tables = [self._held[end, each] for each in _PARTS[part]]
        unknown = _unknown(ids, tables)
        if end is self._near and 0 < len(unknown) <= self._source.few:
            self._read_ahead(unknown, limit)
            unknown = _unknown(ids, tables)
        if len(unknown) == len(ids):
            return self._source.at(ids, end, part, limit=limit)
        if end is self._near and part is not Part.PACKS:
            self._used += len(ids) - len(unknown)
        new = set(unknown)
        rows = [row for table in tables for each in ids if each not in new for row in table[each]]
        return rows + self._source.at(unknown, end, part, limit=limit) if unknown else rows

    def emptied(self, parents: Sequence[int], *, limit: int) -> list[WeighedRow]:
        """At least the links that say that these were emptied; what is read is held: they are left next."""
        part = Part.ALL if self._forward else Part.PACKS
        new = _unknown(parents, [self._held[End.SRC, each] for each in _PARTS[part]])
        rows = self._source.at(new, End.SRC, part, limit=limit) if new else []
        if len(rows) >= limit:
            return rows
        self._hold(new, End.SRC, part, rows)
        packs = self._held[End.SRC, Part.PACKS]
        return [row for parent in parents for row in packs[parent] if row[0] == row[3]]

    def _read_ahead(self, ids: Sequence[int], limit: int) -> None:
        """Hold the links of these, and of some others that may be asked for after them."""
        if self._read:
            useful = self._used * HALF >= self._read
            self._size = min(self._size * 2, MOST) if useful else max(self._size // 2, LEAST)
        found = self._source.ahead(ids, self._options, limit=len(ids) + self._size)
        full = {each for each, lesser in found if not lesser}
        every = full.union(each for each, _ in found)
        self._read, self._used = len(every), 0
        most = min(limit, LINKS_EACH * len(every))
        for chosen, end, part in self._questions(full, every):
            rows = self._source.at(chosen, end, part, limit=most) if chosen else []
            if len(rows) >= most:
                return
            self._hold(chosen, end, part, rows)

    def _questions(
        self, full: Collection[int], every: Collection[int]
    ) -> Iterator[tuple[Sequence[int], End, Part]]:
        """What a walk asks about a thing that it may leave in all states, and in the lesser of them."""
        ordered = sorted(every)
        if self._forward:
            yield ordered, self._near, Part.ALL
            yield sorted(full), self._far, Part.PACKS
        else:
            yield ordered, self._near, Part.POINTS
            yield sorted(full), self._near, Part.PACKS
            yield ordered, self._far, Part.PACKS

    def _hold(self, ids: Sequence[int], end: End, part: Part, rows: Iterable[WeighedRow]) -> None:
        for each in _PARTS[part]:
            self._held[end, each].update((thing, []) for thing in ids)
        points, packs = self._held[end, Part.POINTS], self._held[end, Part.PACKS]
        for row in rows:
            (packs if row[1] >= PACK else points)[row[0] if end is End.SRC else row[3]].append(row)


def _unknown(ids: Sequence[int], tables: Sequence[_Held]) -> list[int]:
    """Those whose links are not all held."""
    first, *others = tables
    return [each for each in ids if each not in first or any(each not in table for table in others)]
