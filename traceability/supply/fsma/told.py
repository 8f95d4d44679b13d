"""An event as its reader sees it, with what is not shown of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final

from traceability.identifiers import canonical
from traceability.supply.epcis.context import Context, reduce_word
from traceability.supply.epcis.events import event_time_ms
from traceability.supply.lineage import mentions_of

_DOCUMENT: Final = re.compile(r"urn:epcglobal:cbv:bt:[^:]+:(.+)|https?://.+/bt/[^/]+/(.+)", re.DOTALL)
_KINDS: Final = ("location", "possessing_party", "owning_party")
"""Of sources and destinations, in the order in which they say where something physically is."""
DOCUMENTS: Final[Mapping[str, str]] = {
    "bol": "bill of lading",
    "cert": "certificate",
    "desadv": "despatch advice",
    "inv": "invoice",
    "pedigree": "pedigree",
    "po": "purchase order",
    "poc": "purchase order confirmation",
    "prodorder": "production order",
    "recadv": "receiving advice",
    "rma": "return merchandise authorization",
    "testprd": "test procedure",
    "testres": "test result",
    "upevt": "unspecified event",
}
"""Business transaction types of CBV 2.0 in plain words."""


@dataclass(frozen=True)
class Told:
    """One event.

    Attributes:
        name: its ``eventID``, or what stands for it.
        party: who signed it.
        event: as the reader sees it.
        node: whose restricted circulation numbers these are.
        erased: members of which something was erased.
        hidden: how many parts the reader is not shown.
    """

    name: str
    party: str
    event: Mapping[str, Any]
    context: Context
    node: str
    erased: frozenset[str] = field(default_factory=frozenset)
    hidden: int = 0

    @cached_property
    def at_ms(self) -> int:
        """When it happened."""
        return event_time_ms(self.event)

    @cached_property
    def step(self) -> str:
        """Its business step: the CBV's bare word, or a URI, or nothing."""
        word = self.event.get("bizStep")
        if not isinstance(word, str):
            return ""
        return reduce_word("bizStep", self.context.expand_word("bizStep", word))

    @property
    def date(self) -> str:
        """The local date."""
        offset = str(self.event.get("eventTimeZoneOffset") or "+00:00")
        sign = -1 if offset[0] == "-" else 1
        shift = sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
        return (
            (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=self.at_ms) + shift).date().isoformat()
        )

    @property
    def ilmd(self) -> Mapping[str, Any]:
        """The master data of its lots."""
        found = self.event.get("ilmd")
        return found if isinstance(found, Mapping) else {}

    def place(self, *members: str) -> tuple[str, str]:
        """The first of these members that names a place, and its URI; both empty if none does."""
        for member in members or ("readPoint", "bizLocation"):
            value = self.event.get(member)
            if isinstance(value, Mapping) and isinstance(value.get("id"), str):
                return member, canonical(value["id"], self.node)
        return "", ""

    def end(self, member: str, *, kinds: tuple[str, ...] = _KINDS) -> str:
        """Where it came from (``sourceList``) or goes to (``destinationList``): a place, else a party."""
        found: dict[str, str] = {}
        for item in self._items(member):
            kind = reduce_word(member, self.context.expand_word(member, str(item.get("type"))))
            found.setdefault(kind, canonical(str(item.get(member.removesuffix("List"))), self.node))
        return next((found[kind] for kind in kinds if kind in found), "")

    def documents(self) -> tuple[tuple[str, str], ...]:
        """Its documents: their types in plain words, and their numbers."""
        found = []
        for item in self._items("bizTransactionList"):
            kind, uri = item.get("type"), str(item.get("bizTransaction"))
            name = "bizTransactionList"
            word = reduce_word(name, self.context.expand_word(name, kind)) if isinstance(kind, str) else ""
            number = _DOCUMENT.fullmatch(uri)
            found.append((DOCUMENTS.get(word, word), (number[1] or number[2]) if number else uri))
        return tuple(found)

    def why_not(self, member: str) -> str:
        """Why a member is not there."""
        if member in self.erased:
            return f"{member} was erased"
        if self.hidden:
            return f"no {member} is among what is shown of the event; {self.hidden} parts of it are withheld"
        return f"the event has no {member}"

    def named(self) -> Iterator[str]:
        """The places, parties and products that it is about."""
        yield self.party
        yield from (uri for member in ("readPoint", "bizLocation") if (uri := self.place(member)[1]))
        for member in ("sourceList", "destinationList"):
            for item in self._items(member):
                yield canonical(str(item.get(member.removesuffix("List"))), self.node)
        yield from (uri.partition("/10/")[0] for uri in self.things())

    def things(self) -> Iterator[str]:
        """What it names in its lists."""
        yield from (mention.uri for mention in mentions_of(self.event, self.node))

    def measures(self, kind: str) -> bool:
        """Whether it carries a sensor report of a kind, such as ``Temperature``."""
        reports = (report for element in self._items("sensorElementList") for report in _reports(element))
        return any(str(report.get("type")).rpartition(":")[2] == kind for report in reports)

    def _items(self, member: str) -> Iterator[Mapping[str, Any]]:
        value = self.event.get(member)
        yield from (item for item in (value if isinstance(value, list) else ()) if isinstance(item, Mapping))


def _reports(element: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = element.get("sensorReport")
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
