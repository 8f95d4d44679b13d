"""What a party has left of a batch, as its own events add up: to offer a quantity, not to prove one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from sqlalchemy import Connection, select

from traceability.errors import StatementError
from traceability.ledger.state import stream_hash
from traceability.operations.events import view_events
from traceability.operations.graph import standing
from traceability.signing.disclosure import Audience
from traceability.store import models
from traceability.store.projections import Event, Mention
from traceability.supply.epcis import units
from traceability.supply.epcis.events import event_time_ms
from traceability.supply.lineage import Amount, named, thing_id

MOST: Final = 500
"""Events of one batch that are added up; of one with more nothing is said."""
_GAINS: Final = frozenset({("ObjectEvent", "receiving"), ("ObjectEvent", "creating_class_instance")})
_LOSSES: Final = frozenset({("ObjectEvent", s) for s in ("shipping", "destroying", "retail_selling")})


@dataclass(frozen=True, slots=True)
class Stock:
    """What is left of a batch, in ``uom`` (None for pieces); ``left`` is None where it cannot be told.

    ``began_ms`` is the time of the first event about it, ``inside`` the URI of the asset that it is in.
    """

    left: Decimal | None = None
    uom: str | None = None
    began_ms: int | None = None
    inside: str | None = None

    def in_its_unit(self, amount: Amount) -> Decimal | None:
        """How much an amount is in the unit of the stock; None if that is another dimension."""
        if amount.quantity is None:
            return None
        return _converted(amount.quantity, amount.uom, self.uom)


def stock_of(connection: Connection, node: str, party: str, batch: str) -> Stock:
    """What a party has left of a batch (by its URI)."""
    query = select(Event.statement).join(Mention, Mention.event == Event.id)
    query = query.where(Mention.thing == thing_id(batch), Event.party == party, standing())
    query = query.distinct().order_by(Event.statement).limit(MOST + 1)
    statements = connection.execute(query).scalars().all()
    inside = inside_of(connection, batch)
    if not statements or len(statements) > MOST:
        return Stock(inside=inside)
    views = view_events(connection, dict.fromkeys(statements, Audience.REGULATOR))
    # What came and went in one moment had come first.
    events = [view.event for view in views.values()]
    events.sort(key=lambda event: (event_time_ms(event), -_sign(event, batch, node)))
    began_ms = event_time_ms(events[0])
    try:
        left, uom = _added_up(events, batch, node)
    except StatementError:
        # Somebody else's program may have recorded a unit that nobody knows.
        return Stock(None, None, began_ms, inside)
    return Stock(left, uom, began_ms, inside)


def _added_up(
    events: Iterable[Mapping[str, Any]], batch: str, node: str
) -> tuple[Decimal | None, str | None]:
    left: Decimal | None = None
    uom: str | None = None
    for event in events:
        sign = _sign(event, batch, node)
        for amount in _amounts(event, batch, node) if sign else ():
            if amount.quantity is None:
                left = None if sign > 0 else Decimal(0)
                continue
            if left is None:
                left, uom = (amount.quantity, amount.uom) if sign > 0 else (None, None)
                continue
            more = _converted(amount.quantity, amount.uom, uom)
            left = None if more is None else left + sign * more
    return (None if left is None else max(left, Decimal(0))), uom


def _sign(event: Mapping[str, Any], batch: str, node: str) -> int:
    """1 for an event by which there is more of a batch, -1 for one by which there is less, else 0."""
    if event.get("type") == "TransformationEvent":
        return 1 if any(a.uri == batch for a in named(event, "output", node)) else -1
    kind = str(event.get("type")), str(event.get("bizStep"))
    return (kind in _GAINS) - (kind in _LOSSES)


def _amounts(event: Mapping[str, Any], batch: str, node: str) -> list[Amount]:
    roles = ("epc", "input", "output")
    return [amount for role in roles for amount in named(event, role, node) if amount.uri == batch]


def _converted(quantity: Decimal, uom: str | None, wanted: str | None) -> Decimal | None:
    if uom == wanted:
        return quantity
    dimension, base = units.convert(quantity, uom)
    other, one = units.convert(1, wanted)
    if dimension != other:
        return None
    found: Fraction = base / one
    return Decimal(found.numerator) / Decimal(found.denominator)


def inside_of(connection: Connection, batch: str) -> str | None:
    """The URI of the asset that a batch is in, by what is recorded."""
    query = (
        select(models.Stream.uri)
        .join(models.Stay, models.Stay.asset == models.Stream.hash)
        .where(models.Stay.batch == stream_hash(batch), models.Stay.left_ms.is_(None))
    )
    return connection.execute(query).scalar()
