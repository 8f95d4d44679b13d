"""Firms, what they hold, and what happens to it. Masses are whole kilograms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from traceability.identifiers import check_digit
from traceability.supply.epcis.events import STEPS, Step

HOST: Final = "https://id.gs1.org"
WORDS: Final[Mapping[str, Step]] = {
    "harvest": STEPS["harvest"],
    "pack": Step("TransformationEvent", None, "repackaging", "active"),
    "mix": STEPS["make"],
    "load": Step("AggregationEvent", "ADD", "packing", "in_progress"),
    "ship": STEPS["ship"],
    "receive": STEPS["receive"],
    "unload": Step("AggregationEvent", "DELETE", "unpacking", "in_progress"),
    "sell": Step("ObjectEvent", "DELETE", "retail_selling", "retail_sold"),
    "clean": Step("ObjectEvent", "DELETE", "destroying", "destroyed"),
    "recall": Step("ObjectEvent", "OBSERVE", "holding", "recalled"),
}
"""What can happen, in EPCIS."""


@dataclass(frozen=True, slots=True)
class Amount:
    """So much of a lot."""

    uri: str
    mass_kg: int


class Stock:
    """Kilograms by lot, oldest first."""

    def __init__(self) -> None:
        self._mass_kg: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._mass_kg)

    def put(self, *amounts: Amount) -> None:
        """Add something."""
        for amount in amounts:
            self._mass_kg[amount.uri] = self._mass_kg.get(amount.uri, 0) + amount.mass_kg

    def take(self, lots: int, most_kg: int) -> tuple[Amount, ...]:
        """Something of the oldest lots; of a lot that is small, all. What is left goes to the end."""
        taken = []
        for uri in list(self._mass_kg)[:lots]:
            mass_kg = self._mass_kg.pop(uri)
            part_kg = mass_kg if mass_kg < 2 * most_kg else most_kg
            taken.append(Amount(uri, part_kg))
            if mass_kg > part_kg:
                self._mass_kg[uri] = mass_kg - part_kg
        return tuple(taken)


@dataclass(slots=True, eq=False)
class Firm:
    """One firm at one place, by its company prefix: what it works on, and what it has ready to go."""

    prefix: str
    stock: Stock = field(default_factory=Stock)
    ready: Stock = field(default_factory=Stock)
    coming: int = 0
    """Lots on their way here."""
    gln: str = field(init=False)
    """Its number, as a party and as a place; the URIs of both follow."""
    party: str = field(init=False)
    place: str = field(init=False)
    _numbers: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        digits = f"{self.prefix}0001"
        self.gln = digits + check_digit(digits)
        self.party, self.place = f"{HOST}/417/{self.gln}", f"{HOST}/414/{self.gln}"

    def new_lot(self, product: int, mass_kg: int) -> Amount:
        """A lot that it makes, of one of its products (0 to 9999)."""
        return Amount(f"{_product(self.prefix, product)}/10/L{self._next('lot'):06}", mass_kg)

    def new_pallet(self) -> str:
        """The SSCC of its next pallet."""
        digits = f"0{self.prefix}{self._next('pallet'):08}"
        return f"{HOST}/00/{digits}{check_digit(digits)}"

    def new_process(self) -> str:
        """A name for a transformation of which the parts are told one by one (CBV 2.0 8.9)."""
        return f"urn:epcglobal:cbv:xform:{self.gln}:{self._next('process')}"

    def _next(self, name: str) -> int:
        self._numbers[name] = number = self._numbers.get(name, 0) + 1
        return number


@lru_cache
def _product(prefix: str, number: int) -> str:
    digits = f"0{prefix}{number:04}"
    return f"{HOST}/01/{digits}{check_digit(digits)}"


@dataclass(frozen=True, slots=True)
class Happening:
    """One event; ``step`` is a key of ``WORDS``.

    ``units`` and ``lots`` are what an ObjectEvent names, ``receiver`` is to whom something is sent, and
    ``process`` the name of a transformation that other events belong to as well.
    """

    number: int
    at_ms: int
    firm: Firm
    step: str
    units: tuple[str, ...] = ()
    lots: tuple[Amount, ...] = ()
    parent: str | None = None
    children: tuple[Amount, ...] = ()
    process: str | None = None
    inputs: tuple[Amount, ...] = ()
    outputs: tuple[Amount, ...] = ()
    receiver: Firm | None = None
