"""Farms, packers, mixers, carriers and shops at work, for as long as anybody asks what happens next.

    farm ------> packer: merges and splits ------> mixer: blends, keeps a rest ------> shop: portions, sells
      '------------------------------------------^  ^
    importer: one lot of an ingredient, a little of it in all that mixers make for weeks

What goes from one to another goes on a pallet, sometimes over a carrier's hub. What comes out of a
process is what went in, less a loss. What a mixer keeps in its kettle goes into its next lot, until it
cleans: lineages are as deep as that.

Each firm is an iterator that yields how long it waits. All that firms hold is bounded, so memory does
not grow with the number of events. A seed gives one sequence on every version of Python: of its dice
only ``random`` is used, whose sequence the standard library promises to keep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from random import Random
from typing import Any, Final, TypeAlias

from bench.chains.happening import Amount, Firm, Happening

START_MS: Final = 1_735_689_600_000
"""2025-01-01T00:00:00Z, where every chain begins."""
HOUR_MS: Final = 3_600_000
ROOM: Final = 40
"""Lots that a firm works on or has ready at most, about."""
PALLET: Final = 10
"""Lots on a pallet at most."""

Life: TypeAlias = Iterator[int]
"""What a firm or a consignment does; yields milliseconds until it goes on."""


def happenings(seed: int) -> Iterator[Happening]:
    """What happens in a region, in the order of time, without end."""
    return _Region(seed).happenings()


class _Region:
    """All firms, the time, and the dice."""

    def __init__(self, seed: int) -> None:
        self._dice = Random(seed)
        self._now_ms, self._begun, self._told = START_MS, 0, 0
        self._waiting: list[tuple[int, int, Life]] = []
        self._new: list[Happening] = []
        self._firms: dict[str, list[Firm]] = {}
        for number, (kind, (count, live)) in enumerate(_KINDS.items()):
            self._firms[kind] = [Firm(f"952{number}{place:04}") for place in range(count)]
            for firm in self._firms[kind]:
                self.begin(live(self, firm), self.hours(1, 24))

    def happenings(self) -> Iterator[Happening]:
        while True:
            self._now_ms, _, life = heappop(self._waiting)
            wait_ms = next(life, None)
            if wait_ms is not None:
                self.begin(life, wait_ms)
            yield from self._new
            self._new.clear()

    def begin(self, life: Life, wait_ms: int = 0) -> None:
        """Go on with something in a while; at one moment, what was put here first comes first."""
        self._begun += 1
        heappush(self._waiting, (self._now_ms + wait_ms, self._begun, life))

    def tell(self, firm: Firm, step: str, **named: Any) -> None:
        """It happens now."""
        self._told += 1
        self._new.append(Happening(self._told, self._now_ms, firm, step, **named))

    def between(self, least: int, most: int) -> int:
        """A whole number from ``least`` to ``most``, each as likely."""
        return least + int(self._dice.random() * (most - least + 1))

    def one_in(self, count: int) -> bool:
        """True once in so many times."""
        return self.between(1, count) == 1

    def hours(self, least: int, most: int) -> int:
        """Some hours, in milliseconds."""
        return self.between(least * HOUR_MS, most * HOUR_MS)

    def some(self, kind: str) -> Firm:
        """Some firm of that kind."""
        return self._firms[kind][self.between(1, len(self._firms[kind])) - 1]

    def send(self, sender: Firm, kind: str, most_kg: int) -> None:
        """A pallet of what is ready to some firm of that kind, if that has room."""
        receiver = self.some(kind)
        if sender.ready and len(receiver.stock) + receiver.coming < ROOM:
            amounts = sender.ready.take(self.between(PALLET // 2, PALLET), most_kg)
            receiver.coming += len(amounts)
            self.begin(_consign(self, sender, receiver, amounts))

    def make(self, firm: Firm, product: int, inputs: tuple[Amount, ...], lots: int) -> tuple[Amount, ...]:
        """New lots, about equal, of all that goes in, less up to a twentieth."""
        whole_kg = sum(amount.mass_kg for amount in inputs)
        whole_kg -= whole_kg * self.between(1, 50) // 1000
        each_kg = max(whole_kg // lots, 1)
        count = min(lots, whole_kg)
        masses_kg = [whole_kg - each_kg * (count - 1), *[each_kg] * (count - 1)]
        return tuple(firm.new_lot(product, mass_kg) for mass_kg in masses_kg)


def _consign(region: _Region, sender: Firm, receiver: Firm, amounts: tuple[Amount, ...]) -> Life:
    """A pallet from one to another, every fourth over a carrier's hub."""
    pallet, carrier = sender.new_pallet(), region.some("carrier")
    region.tell(sender, "load", parent=pallet, children=amounts)
    yield region.hours(1, 4)
    over_hub = region.one_in(4)
    region.tell(sender, "ship", units=(pallet,), receiver=carrier if over_hub else receiver)
    yield region.hours(2, 12)
    if over_hub:
        region.tell(carrier, "receive", units=(pallet,))
        yield region.hours(2, 12)
        region.tell(carrier, "ship", units=(pallet,), receiver=receiver)
        yield region.hours(2, 12)
    region.tell(receiver, "receive", units=(pallet,))
    yield region.hours(1, 4)
    region.tell(receiver, "unload", parent=pallet, children=amounts)
    receiver.coming -= len(amounts)
    receiver.stock.put(*amounts)


def _farm(region: _Region, firm: Firm) -> Life:
    while True:
        yield region.hours(4, 24)
        if len(firm.ready) < ROOM:
            lot = firm.new_lot(1, region.between(200, 1500))
            region.tell(firm, "harvest", lots=(lot,))
            firm.ready.put(lot)
        region.send(firm, "mixer" if region.one_in(4) else "packer", 300)


def _importer(region: _Region, firm: Firm) -> Life:
    """One great lot at a time, until it is used up."""
    while True:
        yield region.hours(4, 24)
        if not firm.ready:
            lot = firm.new_lot(2, region.between(4_000, 20_000))
            region.tell(firm, "harvest", lots=(lot,))
            firm.ready.put(lot)
        region.send(firm, "mixer", 200)


def _packer(region: _Region, firm: Firm) -> Life:
    """Lots of several farms, merged and split."""
    while True:
        yield region.hours(1, 4)
        if firm.stock and len(firm.ready) < ROOM:
            inputs = firm.stock.take(region.between(1, 4), 300)
            outputs = region.make(firm, 3, inputs, region.between(2, 6))
            region.tell(firm, "pack", inputs=inputs, outputs=outputs)
            firm.ready.put(*outputs)
        region.send(firm, "shop" if region.one_in(4) else "mixer", 60)


def _mixer(region: _Region, firm: Firm) -> Life:
    """Blends with what is left in the kettle; every other firm tells what goes in before what comes out."""
    kettle: tuple[Amount, ...] = ()
    apart = int(firm.prefix) % 2 == 1
    while True:
        yield region.hours(1, 4)
        if len(firm.stock) >= PALLET and len(firm.ready) < ROOM:
            inputs = (*firm.stock.take(region.between(3, 7), 20), *kettle)
            process = firm.new_process() if apart else None
            if apart:
                region.tell(firm, "mix", process=process, inputs=inputs)
                yield region.hours(1, 3)
            made = region.make(firm, 4, inputs, region.between(2, 4))
            region.tell(firm, "mix", process=process, inputs=() if apart else inputs, outputs=made)
            kettle, products = made[-1:], made[:-1]
            firm.ready.put(*products)
            if region.one_in(20):
                region.tell(firm, "clean", lots=kettle)
                kettle = ()
            if region.one_in(500):
                region.tell(firm, "recall", lots=products)
        region.send(firm, "shop", 10)


def _shop(region: _Region, firm: Firm) -> Life:
    """Portions some, and sells all."""
    while True:
        yield region.hours(1, 6)
        sold = firm.stock.take(region.between(1, 3), 50)
        if sold and region.one_in(2):
            inputs, sold = sold, region.make(firm, 5, sold, region.between(2, 8))
            region.tell(firm, "pack", inputs=inputs, outputs=sold)
            yield region.hours(1, 4)
        if sold:
            region.tell(firm, "sell", lots=sold)


def _carrier(region: _Region, firm: Firm) -> Life:
    """Does nothing by itself."""
    return iter(())


_KINDS: Final[dict[str, tuple[int, Callable[[_Region, Firm], Life]]]] = {
    "farm": (30, _farm),
    "importer": (2, _importer),
    "packer": (8, _packer),
    "mixer": (12, _mixer),
    "carrier": (6, _carrier),
    "shop": (60, _shop),
}
"""How many firms of each kind there are, and what they do."""
