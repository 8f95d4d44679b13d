"""The map as a drawing: coasts, places with their numbers, and the ways between them in straight lines.

Equirectangular, true to scale at its middle: over the length of a supply chain that is shape enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from traceability.supply.position import EARTH_KM, Position
from webapp.consumer import outlines
from webapp.consumer.outlines import Point, Window
from webapp.consumer.places import Place, Places, Way

WIDTH: Final = 600
HEIGHT: Final = 400
LEAST_DEGREES: Final = 14.0
"""So much is seen from south to north at least, so that coasts tell where it is."""
ROOM: Final = 1.35
"""Of the width that the places take."""
DOT: Final = 17
"""Radius of a numbered dot; nearer ones share one."""
NARROWEST: Final = 0.2
"""Of a degree of longitude at the equator, so that a map at a pole ends."""
COARSE: Final = 1.2
"""Points of a coast that are nearer than this to the one before are left out."""
KM_PER_DEGREE: Final = math.pi * EARTH_KM / 180


@dataclass(frozen=True, slots=True)
class Dot:
    """One place, or several that lie too near each other, with their numbers."""

    x: float
    y: float
    text: str

    @property
    def width(self) -> float:
        """Of the pill that holds the numbers."""
        return max(2.0 * DOT, 14 + 11.5 * len(self.text))


@dataclass(frozen=True, slots=True)
class Map:
    """Everything that the template draws; ``scale_px`` is how long ``scale_km`` are.

    ``has_coasts``: whether land can be told from sea here at all; it is drawn nowhere else.
    """

    land: str
    ways: tuple[tuple[str, bool], ...]
    dots: tuple[Dot, ...]
    scale_km: int
    scale_px: float
    has_coasts: bool


class _Projection:
    """From degrees to the drawing, for places that are known; also across the date line."""

    def __init__(self, positions: Sequence[Position]) -> None:
        self._first = positions[0].longitude
        xs, ys = [self._near(p.longitude) for p in positions], [p.latitude for p in positions]
        self._x, self._y = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
        self._shrink = max(math.cos(math.radians(self._y)), NARROWEST)
        across, up = (max(xs) - min(xs)) * self._shrink, max(ys) - min(ys)
        seen = max(LEAST_DEGREES, up * ROOM, across * ROOM * HEIGHT / WIDTH)
        self.per_degree = HEIGHT / seen
        half = seen / 2, seen * WIDTH / HEIGHT / 2 / self._shrink
        self.window = Window(self._x - half[1], self._y - half[0], self._x + half[1], self._y + half[0])

    def _near(self, longitude: float) -> float:
        """The same meridian, less than half way round from the first place."""
        return self._first + (longitude - self._first + 180) % 360 - 180

    def draw(self, point: Point) -> Point:
        x = WIDTH / 2 + (point[0] - self._x) * self._shrink * self.per_degree
        return round(x, 1), round(HEIGHT / 2 - (point[1] - self._y) * self.per_degree, 1)

    def at(self, position: Position) -> Point:
        return self.draw((self._near(position.longitude), position.latitude))


def draw_map(places: Places) -> Map | None:
    """The map of those places whose position is told; None if there is none."""
    shown = [(place, place.position) for place in places.listed if place.position is not None]
    if not shown:
        return None
    projection = _Projection([position for _, position in shown])
    at = {place.number: projection.at(position) for place, position in shown}
    scale_km = _scale(projection.per_degree)
    return Map(
        land="".join(_path(map(projection.draw, ring)) for ring in projection.window.land()),
        ways=tuple((line, way.own) for way in reversed(places.ways) if (line := _line(way, at))),
        dots=tuple(_dots([place for place, _ in shown], at)),
        scale_km=scale_km,
        scale_px=round(scale_km / KM_PER_DEGREE * projection.per_degree, 1),
        has_coasts=bool(outlines.coasts()),
    )


def _path(points: Iterable[Point]) -> str:
    """A closed ring in whole units, each point from the one before; what would not be seen left out."""
    kept: list[tuple[int, int]] = []
    for x, y in points:
        point = round(x), round(y)
        if not kept or math.dist(point, kept[-1]) >= COARSE:
            kept.append(point)
    if len(kept) < 3:
        return ""
    steps = (f"{x - px} {y - py}" for (px, py), (x, y) in pairwise(kept))
    return f"M{kept[0][0]} {kept[0][1]}l{' '.join(steps)}z"


def _line(way: Way, at: dict[int, Point]) -> str:
    """A way through the places that are drawn; empty if that is one alone."""
    points = [at[place.number] for place in way.places if place.number in at]
    return " ".join(f"{x},{y}" for x, y in points) if len(set(points)) > 1 else ""


def _dots(places: Iterable[Place], at: dict[int, Point]) -> Iterable[Dot]:
    """A dot for each place; those that would lie on another one share it."""
    groups: list[tuple[Point, list[int]]] = []
    for place in places:
        point = at[place.number]
        near = next((numbers for middle, numbers in groups if math.dist(middle, point) < 2 * DOT), None)
        if near is None:
            groups.append((point, [place.number]))
        else:
            near.append(place.number)
    return (Dot(x, y, _numbers(numbers)) for (x, y), numbers in groups)


def _numbers(numbers: Sequence[int]) -> str:
    """Numbers in a row as their first and last: 1–3, 7."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    return ", ".join("–".join(map(str, run)) for run in runs)


def _scale(per_degree: float) -> int:
    """A round length of at most a quarter of the drawing."""
    most_km = WIDTH / 4 / per_degree * KM_PER_DEGREE
    power = 10 ** int(math.log10(most_km))
    return int(next(power * step for step in (5, 2, 1) if power * step <= most_km))
