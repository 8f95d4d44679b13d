"""The coasts that the map of a page is drawn over; built from Natural Earth by ``make verifier``.

Borders are not drawn: where they run is no matter of this site.

Source: Natural Earth 1:50m land (public domain), packed by ``webapp/verifier/outlines.mjs``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

FILE: Final = Path(__file__).parent.parent / "static" / "built" / "land.json"
"""Rings of land, each as differences in hundredths of a degree. It need not be there."""
PER_DEGREE: Final = 100

Point: TypeAlias = tuple[float, float]
Ring: TypeAlias = tuple[Point, ...]


class Window:
    """A part of the map in degrees; ``west`` may lie beyond 180 degrees on either side."""

    def __init__(self, west: float, south: float, east: float, north: float) -> None:
        self.west, self.south, self.east, self.north = west, south, east, north

    def land(self) -> Iterator[Sequence[Point]]:
        """The land in it, as rings cut at its edges."""
        for ring, (west, south, east, north) in coasts():
            if north < self.south or south > self.north:
                continue
            for turn in (-360.0, 0.0, 360.0):
                if east + turn >= self.west and west + turn <= self.east:
                    cut = self._cut([(x + turn, y) for x, y in ring])
                    if len(cut) > 2:
                        yield cut

    def _cut(self, ring: Sequence[Point]) -> Sequence[Point]:
        """The part of a ring inside, one edge after the other (Sutherland and Hodgman, 1974)."""
        for axis, limit, sign in (
            (0, self.west, 1),
            (0, self.east, -1),
            (1, self.south, 1),
            (1, self.north, -1),
        ):
            ring = _cut_at(ring, axis, limit, sign)
        return ring


def _cut_at(ring: Sequence[Point], axis: int, limit: float, sign: int) -> list[Point]:
    """What lies on one side of a line."""
    kept: list[Point] = []
    if not ring:
        return kept
    before = ring[-1]
    was_in = (before[axis] - limit) * sign >= 0
    for point in ring:
        is_in = (point[axis] - limit) * sign >= 0
        if is_in != was_in:
            share = (limit - before[axis]) / (point[axis] - before[axis])
            kept.append(
                (before[0] + share * (point[0] - before[0]), before[1] + share * (point[1] - before[1]))
            )
        if is_in:
            kept.append(point)
        before, was_in = point, is_in
    return kept


@cache
def coasts() -> tuple[tuple[Ring, tuple[float, float, float, float]], ...]:
    """Every ring of land with the box around it; none where the file was not built."""
    if not FILE.is_file():
        return ()
    return tuple((ring, _box(ring)) for ring in map(_ring, json.loads(FILE.read_text("ascii"))))


def _ring(numbers: Sequence[int]) -> Ring:
    x, y, points = 0, 0, []
    for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
        x, y = x + dx, y + dy
        points.append((x / PER_DEGREE, y / PER_DEGREE))
    return tuple(points)


def _box(ring: Ring) -> tuple[float, float, float, float]:
    xs, ys = [x for x, _ in ring], [y for _, y in ring]
    return min(xs), min(ys), max(xs), max(ys)
