"""Where a lot and what it was made of has been, in the order of time: the list beside the map."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from traceability.supply.position import Position, distance_km, position_of
from traceability.verification.journey import Happening, Journey
from webapp.consumer.corrected import standing
from webapp.consumer.ingredients import Made
from webapp.consumer.story import product_name
from webapp.consumer.timeline import word_of
from webapp.i18n import language, named, translate

LISTED: Final = 40
"""Places on one page; those that come first in time."""
WORDS: Final = 6
"""Things that are told of one place."""
LEAST_KM: Final = 20
"""A shorter way is less than regions are wide, and is not told."""


@dataclass(slots=True)
class Place:
    """Somewhere that records name.

    Attributes:
        number: from 1, in the order in which it is first named.
        name: of the region, or empty where only a position is told.
        position: None where only a name is told; then it stands in the list alone.
        exact: whether the position is the place itself, because its firm shows that to everybody.
        told: what happened there, each thing once, to ``more`` of which there was no room.
    """

    number: int
    name: str
    position: Position | None
    exact: bool
    first_ms: int
    told: list[str] = field(default_factory=list)
    more: int = 0

    def tell(self, words: str) -> None:
        """Add what happened here."""
        if words not in self.told:
            if len(self.told) < WORDS:
                self.told.append(words)
            else:
                self.more += 1


@dataclass(frozen=True, slots=True)
class Way:
    """The places of one lot in their order; ``own`` for the lot that the page is about."""

    places: tuple[Place, ...]
    own: bool


@dataclass(frozen=True, slots=True)
class Places:
    """Every place once, and the ways between them."""

    listed: tuple[Place, ...]
    ways: tuple[Way, ...]


def gather_places(journey: Journey, made: Made) -> Places:
    """The places of a checked journey and of the ingredients on its page; as far as the records show them."""
    journeys = [journey, *(i.journey for i in made.shown() if i.journey is not None)]
    known: dict[tuple[str, Position | None], Place] = {}
    ways: dict[int, list[Place]] = {}
    for number, happening in _in_order(journeys):
        place = _place(happening, known)
        if place is None:
            continue
        place.tell(_words(happening, journeys[number], own=number == 0))
        way = ways.setdefault(number, [])
        if not way or way[-1] is not place:
            way.append(place)
    listed = tuple(known.values())
    return Places(listed, tuple(Way(tuple(way), number == 0) for number, way in sorted(ways.items())))


def distance_sentence(journey: Journey) -> str:
    """How far a lot came, by the positions that its own records show; empty where that says nothing."""
    found = [position_of(h.event) for h in _moves(journey)]
    positions = [each[0] for each in found if each is not None]
    way_km = sum(distance_km(one, other) for one, other in pairwise(positions))
    if way_km < LEAST_KM:
        return ""
    return translate("About %(km)d km from place to place, in straight lines.", km=_rounded(way_km))


def _rounded(way_km: float) -> int:
    step = 10 if way_km < 1000 else 50
    return int(way_km / step + 0.5) * step


def _in_order(journeys: Sequence[Journey]) -> Iterable[tuple[int, Happening]]:
    pairs = [(number, h) for number, each in enumerate(journeys) for h in _moves(each)]
    return sorted(pairs, key=lambda pair: (pair[1].happened_ms, pair[1].seq))


def _moves(journey: Journey) -> Iterator[Happening]:
    """What happened to the goods, in its order; a recall happens nowhere."""
    return (h for h in standing(journey) if h.recall is None)


def _place(happening: Happening, known: dict[tuple[str, Position | None], Place]) -> Place | None:
    name, at = named(happening.event.get("ft:region")), position_of(happening.event)
    if not name and at is None:
        return None
    position = at[0] if at is not None else None
    key = name, position
    if key not in known:
        if len(known) >= LISTED:
            return None
        exact = at is not None and at[1]
        known[key] = Place(len(known) + 1, name, position, exact, happening.happened_ms)
    return known[key]


def _words(happening: Happening, journey: Journey, *, own: bool) -> str:
    step = translate(word_of(happening, journey))
    pattern = "{}（{}）" if language() == "zh" else "{} ({})"
    return step if own else pattern.format(step, product_name(journey))
