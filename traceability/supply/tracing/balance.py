"""Mass balance: whether more came out of a process than went in.

It is counted in dimensions (mass, volume, pieces, or a unit that is like no other), because a litre and a
kilogram cannot be added. A side of it is *complete* when every quantity on that side is known and of that
dimension; only then can less be said than "at least this much".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from enum import StrEnum
from fractions import Fraction
from typing import Final

from traceability.supply.epcis.units import COUNT, MASS, VOLUME
from traceability.supply.lineage import LinkKind
from traceability.supply.tracing.packing import WeighedRow, amount_of

_BASES: Final[Mapping[str, str]] = {MASS: "KGM", VOLUME: "LTR", COUNT: "H87", "length": "MTR", "area": "MTK"}


class Verdict(StrEnum):
    """What a balance shows."""

    HOLDS = "holds"
    MORE_OUT = "more out than in"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Balance:
    """One dimension of a process, in its base unit; ``share`` is out of in, where both are known."""

    dimension: str
    unit: str
    amount_in: Decimal
    amount_out: Decimal
    complete_in: bool
    complete_out: bool

    @property
    def difference(self) -> Decimal:
        """What went in and did not come out."""
        return self.amount_in - self.amount_out

    @property
    def share(self) -> Decimal | None:
        """How much of what went in came out; None if that is not known."""
        if not (self.complete_in and self.complete_out and self.amount_in):
            return None
        return round(self.amount_out / self.amount_in, 4)

    @property
    def verdict(self) -> Verdict:
        """More out than in is wrong as soon as all that went in is known."""
        if self.complete_in and self.amount_out > self.amount_in:
            return Verdict.MORE_OUT
        return Verdict.HOLDS if self.complete_in and self.complete_out else Verdict.UNKNOWN


def balance(rows: Iterable[WeighedRow]) -> tuple[Balance, ...]:
    """The balance of one process, a dimension each, in the order of their names.

    Args:
        rows: all its links, those of kind INPUT and OUTPUT.
    """
    sides = {int(LinkKind.INPUT): _Side(), int(LinkKind.OUTPUT): _Side()}
    for _, kind, _, _, quantity, uom in rows:
        sides[kind].add(quantity, uom)
    ins, outs = sides.values()
    return tuple(
        Balance(
            dimension,
            _BASES.get(dimension, dimension),
            _decimal(ins.amounts.get(dimension, Fraction(0))),
            _decimal(outs.amounts.get(dimension, Fraction(0))),
            ins.is_complete(dimension),
            outs.is_complete(dimension),
        )
        for dimension in sorted(ins.amounts.keys() | outs.amounts.keys())
    )


class _Side:
    """What went in, or came out."""

    def __init__(self) -> None:
        self.amounts: dict[str, Fraction] = {}
        self._all_known = True

    def add(self, quantity: str | None, uom: str | None) -> None:
        amount = amount_of(quantity, uom)
        if amount is None:
            self._all_known = False
        else:
            self.amounts[amount[0]] = self.amounts.get(amount[0], Fraction(0)) + amount[1]

    def is_complete(self, dimension: str) -> bool:
        return self._all_known and self.amounts.keys() == {dimension}


def _decimal(amount: Fraction) -> Decimal:
    """To nine places, without zeros at the end."""
    with localcontext(prec=60):
        exact = Decimal(amount.numerator) / Decimal(amount.denominator)
        return Decimal(f"{round(exact, 9).normalize():f}")
