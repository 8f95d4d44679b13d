"""Events by the lot that they are about: those that name it, and those that name what it was packed in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from traceability.identifiers import canonical
from traceability.supply.fsma.told import Told
from traceability.supply.lineage import Amount, named
from traceability.supply.tracing.labels import ThingKind, kind_of

MAX_DEPTH: Final = 8
"""A lot in a case on a pallet in a container: packed so deep at most."""
CARRIERS: Final = frozenset({ThingKind.UNIT, ThingKind.ITEM})
"""What a lot travels in. Trucks and rooms, which hold many for years, are not followed."""
_FOREVER: Final = 1 << 62
_FISH: Final = frozenset({"catchZone", "catchArea", "fishType", "vesselCatchInformationList", "vesselName"})
_RAISING: Final = frozenset({"", "creating_class_instance", "commissioning"})


@dataclass(frozen=True)
class Happening:
    """An event that a lot is in: as ``epc``, ``child``, ``input`` or ``output``, or ``inside`` a unit."""

    told: Told
    role: str
    amount: Amount


@dataclass(frozen=True)
class _Stay:
    """How long something is packed in something else, and how much of it."""

    parent: str
    amount: Amount
    from_ms: int
    to_ms: int = _FOREVER


class History:
    """Some events, in the order of time."""

    def __init__(self, events: Iterable[Told]) -> None:
        self.events = sorted(events, key=lambda told: (told.at_ms, told.name))
        self._direct: dict[str, list[Happening]] = defaultdict(list)
        self._stays: dict[str, list[_Stay]] = defaultdict(list)
        self._lives: dict[str, Life] = {}
        for told in self.events:
            self._note(told)

    def _note(self, told: Told) -> None:
        for role in ("epc", "child", "input", "output"):
            for amount in named(told.event, role, told.node):
                self._direct[amount.uri].append(Happening(told, role, amount))
        parent = told.event.get("parentID")
        if isinstance(parent, str):
            uri = canonical(parent, told.node)
            self._direct[uri].append(Happening(told, "parent", Amount(uri)))
            if told.event.get("type") == "AggregationEvent" and kind_of(uri) in CARRIERS:
                self._pack(told, uri)

    def _pack(self, told: Told, parent: str) -> None:
        children = {amount.uri: amount for amount in named(told.event, "child", told.node)}
        if told.event.get("action") == "ADD":
            for uri, amount in children.items():
                self._stays[uri].append(_Stay(parent, amount, told.at_ms))
        elif told.event.get("action") == "DELETE":
            for uri, stays in self._stays.items():
                if not children or uri in children:
                    self._stays[uri] = [_left(stay, parent, told, children.get(uri)) for stay in stays]

    def of(self, uri: str, depth: int = 0) -> list[Happening]:
        """What happened to a thing, in the order of time: by its own name, or in what it was packed in."""
        found = list(self._direct.get(uri, ()))
        seen = {id(each.told) for each in found}
        for each in self._inside(uri, depth):
            if id(each.told) not in seen:
                seen.add(id(each.told))
                found.append(each)
        return sorted(found, key=lambda each: (each.told.at_ms, each.told.name))

    def _inside(self, uri: str, depth: int) -> Iterator[Happening]:
        if depth == MAX_DEPTH:
            return
        for stay in self._stays.get(uri, ()):
            for each in self.of(stay.parent, depth + 1):
                packs = each.role == "parent" and each.told.event.get("action") != "OBSERVE"
                if not packs and stay.from_ms <= each.told.at_ms <= stay.to_ms:
                    yield Happening(each.told, "inside", stay.amount)

    def life(self, uri: str) -> Life:
        """What happened to a lot, sorted by what it means."""
        found = self._lives.get(uri)
        if found is None:
            found = self._lives[uri] = Life(uri, tuple(self.of(uri)))
        return found

    def parts(self, told: Told, role: str) -> Iterator[Happening]:
        """All that goes into an event (``input``), comes out (``output``), or is named in another role."""
        yield from (Happening(told, role, amount) for amount in named(told.event, role, told.node))

    def lots(self) -> Iterator[str]:
        """All lots that these events name."""
        yield from (uri for uri in sorted(self._direct) if kind_of(uri) is ThingKind.BATCH)


def _left(stay: _Stay, parent: str, told: Told, taken: Amount | None) -> _Stay:
    """A stay that an unpacking ends; who takes out less than was put in leaves the rest there."""
    part = taken is not None and taken.quantity is not None and taken.quantity != stay.amount.quantity
    if stay.parent != parent or stay.to_ms != _FOREVER or part:
        return stay
    return replace(stay, to_ms=told.at_ms)


@dataclass(frozen=True)
class Life:
    """What happened to one lot."""

    uri: str
    happenings: tuple[Happening, ...]

    @cached_property
    def harvested(self) -> Happening | None:
        """The event by which it was harvested: it comes to be, and neither from others nor from a vessel."""
        return next((each for each in self.happenings if is_harvest(each)), None)

    @cached_property
    def landed(self) -> Happening | None:
        """The event by which it came to land from a fishing vessel."""
        return next((each for each in self.happenings if is_landing(each)), None)

    @cached_property
    def made(self) -> Happening | None:
        """The event of which it is an output."""
        return next((each for each in self.happenings if each.role == "output"), None)

    @cached_property
    def cooled(self) -> Happening | None:
        """The event by which it was cooled."""
        return next((each for each in self.happenings if is_cooling(each)), None)

    @cached_property
    def packed(self) -> Happening | None:
        """The event that packed it for the first time under its own code."""
        raw = self.made is None and self.landed is None and (self.harvested or self.cooled)
        packs = (each for each in self.happenings if is_packing(each))
        return next(packs, None) if raw else None

    def raw(self, at_ms: int) -> bool:
        """Whether at a time it is a raw commodity that nobody has packed yet, as far as is told."""
        if self.made is not None or self.landed is not None:
            return False
        packed = self.packed
        return bool(self.harvested or self.cooled) and (packed is None or at_ms < packed.told.at_ms)

    @property
    def assigned(self) -> Happening | None:
        """The event at which its traceability lot code was assigned."""
        return self.made or self.landed or self.packed

    def first(self, steps: frozenset[str], from_ms: int, *, within: int = _FOREVER) -> Happening | None:
        """The first happening of one of these steps from a time on."""
        some = (each for each in self.happenings if each.told.step in steps)
        return next((each for each in some if from_ms <= each.told.at_ms <= within), None)

    def last(self, steps: frozenset[str], to_ms: int) -> Happening | None:
        """The last happening of one of these steps until a time."""
        some = (each for each in reversed(self.happenings) if each.told.step in steps)
        return next((each for each in some if each.told.at_ms <= to_ms), None)


def is_landing(each: Happening) -> bool:
    """Whether a lot comes to be with the master data of a catch."""
    return _begins(each) and bool(_FISH.intersection(name.rpartition(":")[2] for name in each.told.ilmd))


def is_harvest(each: Happening) -> bool:
    """Whether a lot comes to be from nothing that was recorded before, and not at sea."""
    return _begins(each) and not is_landing(each) and "ft:parents" not in each.told.ilmd


def is_cooling(each: Happening) -> bool:
    """Whether a lot is cooled: ``other``, as the CBV has no word for it, with a temperature measured."""
    said = each.told.event.get("ft:cte")
    if said is not None:
        return bool(said == "cooling")
    return each.role == "epc" and each.told.step == "other" and each.told.measures("Temperature")


def is_packing(each: Happening) -> bool:
    """Whether goods are packed as they are, not onto a pallet."""
    event = each.told.event
    if event.get("ft:cte") == "initial-packing":
        return each.role == "epc"
    return event.get("type") == "ObjectEvent" and each.role == "epc" and each.told.step == "packing"


def _begins(each: Happening) -> bool:
    event = each.told.event
    begins = (event.get("type"), event.get("action")) == ("ObjectEvent", "ADD")
    return begins and each.role == "epc" and each.told.step in _RAISING
