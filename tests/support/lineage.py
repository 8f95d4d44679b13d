"""Events of a small supply chain, put straight into the tables that traces read.

chain = Chain(connection)
chain.harvest("F1", at=1)                        a lot of farm 1, at minute 1
chain.make(["F1", "F2"], ["M"], at=5)            a mix
chain.pack("P", ["M"], at=6)                     onto a pallet; ``unpack`` takes out
chain.ship("P", at=7)
lot("F1")                                        its URI
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from sqlalchemy import Connection, insert, select

from traceability.gs1 import check_digit
from traceability.store.models import Statement
from traceability.store.projections import Event, Link, Mention, Term, Thing
from traceability.supply import lineage
from traceability.supply.epcis.cbv import BIZ_STEPS
from traceability.supply.epcis.events import event_time_ms, format_event_time
from traceability.supply.lineage import links_of, mentions_of, thing_id

NODE = "node.example"
START_MS = 1_767_225_600_000
MINUTE_MS = 60_000


def gtin(product: int) -> str:
    """The GTIN-14 of a product, by its number."""
    digits = f"09521{product:08d}"
    return digits + check_digit(digits)


def lot(name: str) -> str:
    """The URI of a lot; its product follows from the first letter of its name."""
    return f"https://id.gs1.org/01/{gtin(ord(name[0]))}/10/{name}"


def unit(name: str) -> str:
    """The URI of a pallet, from a name such as ``P7``."""
    digits = f"0952100000{int(name[1:] or 0):07d}"
    return f"https://id.gs1.org/00/{digits}{check_digit(digits)}"


def place(number: int) -> str:
    """The URI of a place."""
    digits = f"95210000{number:04d}"
    return f"https://id.gs1.org/414/{digits}{check_digit(digits)}"


def party(number: int) -> str:
    """The URI of a party."""
    return place(number).replace("/414/", "/417/")


def minute(at: int) -> int:
    """Milliseconds of a minute."""
    return START_MS + at * MINUTE_MS


def uri(name: str) -> str:
    """A pallet for names that begin with P, else a lot."""
    return unit(name) if name[0] == "P" and name[1:].isdigit() else lot(name)


@dataclass
class Chain:
    """Writes events; each happens at ``where`` and is said by the party of the same number."""

    connection: Connection
    first: int = 1

    def __post_init__(self) -> None:
        self._numbers = count(self.first)

    def harvest(self, *names: str, at: int, where: int = 1, kg: int | None = 100, **ilmd: Any) -> None:
        """New lots."""
        members = {"quantityList": [amount(name, kg) for name in names], **({"ilmd": ilmd} if ilmd else {})}
        self.event("ObjectEvent", "ADD", "creating_class_instance", at, where, **members)

    def make(
        self, ins: Sequence[str], outs: Sequence[str], at: int, where: int = 1, kg: int = 100, **more: Any
    ) -> None:
        """A transformation."""
        lists = {
            "inputQuantityList": [amount(n, kg) for n in ins],
            "outputQuantityList": [amount(n, kg) for n in outs],
        }
        self.event("TransformationEvent", None, "creating_class_instance", at, where, **lists, **more)

    def pack(self, parent: str, children: Sequence[str], at: int, where: int = 1) -> None:
        """Onto a pallet."""
        self.event("AggregationEvent", "ADD", "packing", at, where, parentID=uri(parent), **within(children))

    def unpack(self, parent: str, children: Sequence[str], at: int, where: int = 1) -> None:
        """Off a pallet; without children, all of it."""
        self.event(
            "AggregationEvent", "DELETE", "unpacking", at, where, parentID=uri(parent), **within(children)
        )

    def ship(self, *names: str, at: int, where: int = 1, step: str = "shipping") -> None:
        """Shipped, or another step that makes no link."""
        self.event("ObjectEvent", "OBSERVE", step, at, where, **listed(names))

    def event(self, kind: str, action: str | None, step: str, at: int, where: int, **members: Any) -> None:
        """One event, as capture would project it."""
        number = next(self._numbers)
        event: dict[str, Any] = {
            "type": kind,
            "eventTime": format_event_time(minute(at)),
            "eventTimeZoneOffset": "+00:00",
            **({} if action is None else {"action": action}),
            **members,
        }
        statement = hashlib.sha256(f"{number}".encode()).digest()
        at_ms, event_id = event_time_ms(event), int.from_bytes(statement[:8], "big", signed=True)
        row = {
            "id": event_id,
            "statement": statement,
            "event_id": f"urn:uuid:{number}",
            "corrects": False,
            "content": statement,
            "party": party(where),
            "type": kind,
            "action": action,
            "at_ms": at_ms,
            "recorded_ms": at_ms,
            "biz_step": BIZ_STEPS.web + step,
            "disposition": None,
            "read_point": place(where),
            "biz_location": None,
            "transformation": members.get("transformationID"),
        }
        mentions, links = mentions_of(event, NODE), links_of(event, f"event:{statement.hex()}", NODE)
        self._insert(Statement, [{"sha256": statement, "body": b""}])
        self._insert(Event, [row])
        uris = {m.uri for m in mentions} | {end for link in links for end in (link.src, link.dst)}
        known = set(self.connection.execute(select(Thing.uri)).scalars())
        self._insert(Thing, [{"id": thing_id(new), "uri": new} for new in uris - known])
        named = {"at_ms": at_ms, "event": event_id}
        self._insert(Mention, [{"thing": thing_id(m.uri), "role": m.role, **named} for m in mentions])
        self._insert(Link, [link_row(link, event_id) for link in links])

    def annul(self, number: int) -> None:
        """An error declaration about an event of this chain."""
        statement = hashlib.sha256(f"annul {number}".encode()).digest()
        query = select(Event.__table__).where(Event.event_id == f"urn:uuid:{number}")
        row = dict(self.connection.execute(query).one()._mapping)
        self._insert(Statement, [{"sha256": statement, "body": b""}])
        self._insert(Event, [{**row, "id": -number, "statement": statement, "corrects": True}])

    def read_by(self, number: int, where: int) -> None:
        """Party ``number`` is named in all events of ``where`` as one to whom they went."""
        query = select(Event.id).where(Event.party == party(where))
        events = self.connection.execute(query).scalars().all()
        self._insert(Term, [{"name": "reader", "value": party(number), "event": event} for event in events])

    def _insert(self, table: type[Any], rows: list[dict[str, Any]]) -> None:
        if rows:
            self.connection.execute(insert(table), rows)


def link_row(link: lineage.Link, event_id: int) -> dict[str, Any]:
    """A row of ``links``."""
    return {
        "src": thing_id(link.src),
        "kind": int(link.kind),
        "at_ms": link.at_ms,
        "dst": thing_id(link.dst),
        "event": event_id,
        "quantity": link.quantity,
        "uom": link.uom,
    }


def amount(name: str, kg: int | None) -> dict[str, Any]:
    """A lot and how much of it."""
    return {"epcClass": lot(name)} | ({} if kg is None else {"quantity": kg, "uom": "KGM"})


def within(children: Sequence[str]) -> dict[str, Any]:
    """Children: pallets by themselves, lots by their quantity."""
    units = [uri(c) for c in children if uri(c) == unit_or_none(c)]
    lots = [amount(c, 100) for c in children if unit_or_none(c) is None]
    return {**({"childEPCs": units} if units else {}), **({"childQuantityList": lots} if lots else {})}


def listed(names: Sequence[str]) -> dict[str, Any]:
    """The same in an ObjectEvent."""
    lists = within(names)
    found = {"epcList": lists.get("childEPCs", []), "quantityList": lists.get("childQuantityList", [])}
    return {name: value for name, value in found.items() if value}


def unit_or_none(name: str) -> str | None:
    """A pallet's URI, or None for a lot."""
    return unit(name) if name[0] == "P" and name[1:].isdigit() else None
