"""Who has, or had, what of a scope: so everybody who may still have some of it is told.

The last party that spoke of a thing should have it. But a lot that goes to ten shops is spoken of by ten,
and only one of them is last: so each party that ever spoke of it is told, and says what it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from sqlalchemy import Connection, select

from traceability.identifiers import stream_of
from traceability.ledger.state import stream_hash
from traceability.operations.accounts.kinds import list_kinds
from traceability.operations.accounts.roles import PartyKind
from traceability.operations.events import load_event
from traceability.operations.node import Node
from traceability.operations.recallscope import Scope
from traceability.store import models
from traceability.supply.lineage import LinkKind
from traceability.supply.tracing.trace import Detail, Mode

_HOLD_NOTHING: Final = frozenset({PartyKind.AUTHORITY, PartyKind.LABORATORY, PartyKind.BANK})
"""Whoever is one of these speaks of goods, and has none."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A thing that a party spoke of; ``last`` if it did so last, and how much should be left of it."""

    party: str
    thing: str
    amount: str | None
    uom: str | None
    place: str | None
    last: bool


def holdings(connection: Connection, node: Node, found: Scope) -> list[Holding]:
    """What each party of a described scope has or had of what the recall names."""
    begun = {uri: amount for uri in found.origins if (amount := _begun(connection, node, uri)) is not None}
    named, used = frozenset(found.things), _used(found)
    others = {party for party, kind in list_kinds(connection, node).items() if kind in _HOLD_NOTHING}
    return [
        holding
        for thing in found.trace.walked.things
        if thing.mode is Mode.AFFECTED and (uri := found.trace.name(thing.id)) in named
        for holding in _of(uri, found.trace.details.get(thing.id, Detail()), begun, used.get(thing.id, {}))
        if holding.party not in others
    ]


def _of(
    uri: str, detail: Detail, begun: Mapping[str, tuple[Decimal, str]], used: Mapping[str, Decimal | None]
) -> Iterator[Holding]:
    made = begun.get(uri)
    if detail.quantity is not None:
        made = Decimal(detail.quantity), detail.uom or ""
    amount = None if made is None else _left(*made, used)
    uom = None if made is None else made[1] or None
    for party in detail.parties:
        last = party == detail.last_party
        yield Holding(party, uri, amount, uom, detail.last_place if last else None, last)


def _left(made: Decimal, uom: str, used: Mapping[str, Decimal | None]) -> str | None:
    """What was made less what went into others; None where that is not known in one unit."""
    gone = used.get(uom, Decimal(0))
    if gone is None or used.keys() - {uom}:
        return None
    return f"{max(made - gone, Decimal(0)):f}"


def _used(found: Scope) -> dict[int, dict[str, Decimal | None]]:
    """How much of each thing went into processes, by unit; None under "" where that is not said."""
    gone: dict[int, dict[str, Decimal | None]] = {}
    for row in dict.fromkeys(found.trace.walked.links):
        if row[1] != LinkKind.INPUT:
            continue
        amount, uom = found.trace.quantities.get(row, (None, None))
        units = gone.setdefault(row[0], {})
        before = units.get(uom or "", Decimal(0))
        units[uom or ""] = None if amount is None or before is None else before + Decimal(amount)
    return gone


def _begun(connection: Connection, node: Node, uri: str) -> tuple[Decimal, str] | None:
    """How much there was of a lot that no process made: as the event says with which it began."""
    table = models.Batch
    query = select(table.statement).where(table.stream == stream_hash(uri))
    statement = connection.execute(query).scalar_one_or_none()
    event: Mapping[str, Any] = {} if statement is None else load_event(connection, statement)
    listed = event.get("quantityList")
    found = [
        entry
        for entry in (listed if isinstance(listed, list) else ())
        if isinstance(entry, Mapping) and stream_of(str(entry.get("epcClass", "")), node.name) == uri
    ]
    if len(found) != 1:
        return None
    try:
        return Decimal(str(found[0]["quantity"])), str(found[0].get("uom", ""))
    except (KeyError, InvalidOperation):
        return None
