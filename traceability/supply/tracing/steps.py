"""The steps that a walk can take between children and parents, learnt from the links of both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from traceability.supply.tracing.packing import TAKE, Inside, LinkRow, WeighedRow, insides
from traceability.supply.tracing.trace import Direction, End, Links, Mode, Options, Part, chunks

Moves: TypeAlias = Sequence[tuple[Mode, Mode]]
"""From which state of the thing that is left to which state of the other."""

Fetch: TypeAlias = Callable[[Sequence[int], End, Part], list[LinkRow]]


class Step(NamedTuple):
    """A packing seen from one end: from when to when in walk time, to which other, what moves along it."""

    start: int
    stop: int
    there: int
    moves: Moves
    inside: Inside


class Steps:
    """What is ``known`` of packings, by the thing that is left.

    Args:
        fetch: as ``Links.at``, within the walk's limits.
    """

    def __init__(
        self, source: Links, options: Options, fetch: Callable[[Sequence[int], End, Part], list[LinkRow]]
    ) -> None:
        self._source, self._fetch = source, fetch
        self._forward = options.direction is Direction.FORWARD
        self._last = options.to_ms if self._forward else -options.from_ms
        self._moves = _moves(options)
        self.known: dict[int, list[Step]] = {}

    def learn(self, rows: list[LinkRow], end: End) -> None:
        """Take in packings; ``end`` is where on these links the things are that may be left."""
        if not rows:
            return
        if end is End.SRC:
            for part in chunks(sorted({row[3] for row in rows})):
                found = self._fetch(part, End.SRC, Part.PACKS)
                rows += [row for row in found if row[0] == row[3]]
        moves = self._moves[end]
        for inside in sorted(insides(self._weigh(rows))):
            child, parent, start, stop = inside
            here, there = (child, parent) if end is End.SRC else (parent, child)
            if not self._forward:
                start, stop = -stop, -start
            if start <= self._last:
                step = Step(start, min(stop, self._last), there, moves, inside)
                self.known.setdefault(here, []).append(step)

    def _weigh(self, rows: Sequence[LinkRow]) -> Iterable[WeighedRow]:
        """With the quantities, where it depends on them when a stay ends."""
        pairs = {(row[0], row[3]) for row in rows if row[1] == TAKE}
        for src, kind, at_ms, dst in rows:
            if (src, dst) not in pairs:
                yield src, kind, at_ms, dst, None, None
        for part in chunks(sorted({child for child, _ in pairs})):
            yield from (row for row in self._source.weighed(part) if (row[0], row[3]) in pairs)


def _moves(options: Options) -> dict[End, Moves]:
    """What moves along a packing, by the end at which it is left."""
    affected, carrying = Mode.AFFECTED, Mode.CARRYING
    if options.direction is Direction.FORWARD:
        up = [(affected, carrying), (carrying, carrying)]
        down = [(affected, affected), *([(carrying, affected)] if options.contact else [])]
    else:
        up = [(affected, affected), *([(affected, carrying)] if options.contact else [])]
        down = [(carrying, affected), (carrying, carrying)]
    return {End.SRC: up, End.DST: down}
