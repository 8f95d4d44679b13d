"""The steps that a walk can take between children and parents, learnt from the links of both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from traceability.supply.tracing.packing import Inside, WeighedRow, insides
from traceability.supply.tracing.trace import Direction, End, Mode, Options, chunks

Moves: TypeAlias = Sequence[tuple[Mode, Mode]]
"""From which state of the thing that is left to which state of the other."""

Emptied: TypeAlias = Callable[[Sequence[int]], list[WeighedRow]]


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
        emptied: reads at least the links that say that some parents were emptied, within the walk's limits.
    """

    def __init__(self, options: Options, emptied: Emptied) -> None:
        self._emptied = emptied
        self._forward = options.direction is Direction.FORWARD
        self._last = options.to_ms if self._forward else -options.from_ms
        self._moves = _moves(options)
        self.known: dict[int, list[Step]] = {}

    def learn(self, rows: list[WeighedRow], end: End) -> None:
        """Take in packings; ``end`` is where on these links the things are that may be left."""
        if not rows:
            return
        if end is End.SRC:
            for part in chunks(sorted({row[3] for row in rows})):
                rows += [row for row in self._emptied(part) if row[0] == row[3]]
        moves = self._moves[end]
        for inside in sorted(insides(rows)):
            child, parent, start, stop = inside
            here, there = (child, parent) if end is End.SRC else (parent, child)
            if not self._forward:
                start, stop = -stop, -start
            if start <= self._last:
                step = Step(start, min(stop, self._last), there, moves, inside)
                self.known.setdefault(here, []).append(step)


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
