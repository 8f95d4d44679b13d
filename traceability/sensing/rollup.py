"""Readings folded into cells of five minutes: how many, the lowest, highest, first and last, and their sum.

All numbers are integers, thousandths of the channel's unit and milliseconds. Folding is adding,
taking the smaller and taking the larger: in whatever order frames come, the cells are the same.
A cell says of no limits whether they were kept, since limits are a product's and rooms hold
several; but with its lowest and highest it answers for any limits, unless they lie between the two.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from traceability.sensing.senml import Columns, milli

CELL_MS: Final = 300_000
LEFT_OUT: Final = frozenset({"lat", "lon"})
"""Units of which a sum or a mean means nothing."""
REMEMBERED: Final = 65_536


class Cell(NamedTuple):
    """The readings of one channel in five minutes, n >= 1.

    ``first`` is the smallest value at the earliest time, ``last`` the largest at the latest.
    """

    n: int
    low_milli: int
    high_milli: int
    total_milli: int
    first_ms: int
    first_milli: int
    last_ms: int
    last_milli: int


class _Millis(dict[int | float, int]):
    """Thousandths by value: sensors count in steps, and give few different values."""

    def __missing__(self, value: int | float) -> int:
        if len(self) >= REMEMBERED:
            self.clear()
        found = self[value] = milli(value)
        return found


_MILLIS: Final = _Millis()


def cells_of(columns: Columns) -> Iterator[tuple[str, str, int, Cell]]:
    """Name, unit, beginning and cell, for each channel and five minutes of a frame's readings.

    Raises:
        ReadingsError: a value cannot be counted in thousandths.
    """
    for name, unit, at_ms, values in _channels(columns):
        if unit in LEFT_OUT:
            continue
        millis = [*map(_MILLIS.__getitem__, values)]
        ordered = sorted(at_ms)
        if ordered != list(at_ms):
            millis = [value for _, value in sorted(zip(at_ms, millis, strict=True))]
            at_ms = ordered
        begin, count = 0, len(at_ms)
        while begin < count:
            from_ms = at_ms[begin] - at_ms[begin] % CELL_MS
            end = count if at_ms[-1] < from_ms + CELL_MS else bisect_left(at_ms, from_ms + CELL_MS, begin)
            yield name, unit, from_ms, _cell(at_ms, millis, begin, end)
            begin = end


def merged(one: Cell, other: Cell) -> Cell:
    """Two cells of one place as one."""
    return Cell(
        one[0] + other[0],
        min(one[1], other[1]),
        max(one[2], other[2]),
        one[3] + other[3],
        *min(one[4:6], other[4:6]),
        *max(one[6:8], other[6:8]),
    )


def _channels(columns: Columns) -> Iterator[tuple[str, str, Sequence[int], Sequence[int | float]]]:
    names, units, at_ms, values = columns
    name, unit, count = names[0], units[0], len(names)
    if names.count(name) == units.count(unit) == count:
        yield name, unit, at_ms, values
        return
    pairs = list(zip(names, units, strict=True))
    for name, unit in dict.fromkeys(pairs):
        own = [i for i, pair in enumerate(pairs) if pair == (name, unit)]
        yield name, unit, [at_ms[i] for i in own], [values[i] for i in own]


def _cell(at_ms: Sequence[int], millis: Sequence[int], begin: int, end: int) -> Cell:
    """Of the readings from ``begin`` to before ``end``, ascending in time, each channel once at one time."""
    if end - begin == 1:
        value, time_ms = millis[begin], at_ms[begin]
        return Cell(1, value, value, value, time_ms, value, time_ms, value)
    own, last = millis[begin:end], end - 1
    ends = at_ms[begin], millis[begin], at_ms[last], millis[last]
    return Cell(end - begin, min(own), max(own), sum(own), *ends)
