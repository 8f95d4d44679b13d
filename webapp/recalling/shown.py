"""A case as its page shows it: the scope with names, what is proposed, how it works, who did what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from sqlalchemy import Connection

from traceability.operations.names import party_names, product_names
from traceability.operations.node import Node
from traceability.operations.recalling.cases import Case
from traceability.operations.recalling.people import Participant
from traceability.operations.recalling.proposals import Proposal, proposals_of
from traceability.operations.recalling.report import Report, report_of
from traceability.supply.recall import State
from traceability.supply.tracing.labels import label_of, product_of
from traceability.supply.tracing.tables import Line
from webapp.i18n import named
from webapp.units import unit_text

ROWS: Final = 200
"""Rows of a table; the files have all."""
LOST_ROWS: Final = 5
"""Things that are named for each reason why something could not be traced."""


@dataclass(frozen=True, slots=True)
class Row:
    """A thing of the scope."""

    uri: str
    product: str
    which: str
    amount: str
    party: str
    place: str


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything on the page; ``waiting`` is the proposal that can be approved, by ``digest``."""

    report: Report
    rows: Sequence[Row]
    more: int
    quantities: Sequence[tuple[str, str]]
    parties: dict[str, str] = field(default_factory=dict)
    products: dict[str, str] = field(default_factory=dict)
    waiting: Proposal | None = None
    digest: str = ""

    @property
    def case(self) -> Case:
        """The case itself."""
        return self.report.case

    def called(self, party: str) -> str:
        """A party's name, or its number."""
        return self.parties.get(party) or party.rpartition("/")[2]

    def thing(self, uri: str) -> tuple[str, str]:
        """What a thing's product is called or numbered, and which one of those it is."""
        product, which = label_of(uri, 40)
        return self.products.get(product_of(uri) or "", product), which


def shown(connection: Connection, node: Node, case: Case, reader: Participant, now_ms: int) -> Shown:
    """A case for a page in the language of the request.

    Raises:
        QueryTooLargeError: it reaches more than one recall can name.
    """
    report = report_of(connection, node, case, now_ms, reader)
    found = report.scope
    amounts = [(gtin, f"{amount} {unit_text(unit)}") for gtin, amount, unit in found.quantities]
    lines = list(islice(found.rows, ROWS))
    lost = (uri for _, which in found.lost for uri in which[:LOST_ROWS])
    products = _names(product_names(connection, [*case.origin, *(line.uri for line in lines), *lost]))
    parties = _names(party_names(connection, _parties(report, lines)))
    waiting = next((made for made in proposals_of(connection, case.id) if made.waits), None)
    return Shown(
        report,
        [_row(line, products, parties) for line in lines],
        max(0, len(found.things) - len(lines)),
        [(products.get(gtin) or gtin, amount) for gtin, amount in amounts],
        parties,
        products,
        waiting,
        "" if waiting is None else found.digest(waiting.notice, State.ISSUED),
    )


def _names(found: object) -> dict[str, str]:
    return {key: named(each) for key, each in found.items()} if isinstance(found, dict) else {}


def _parties(report: Report, lines: Iterable[Line]) -> set[str]:
    holders = {each.notice.party for each in report.effect.holders} if report.effect else set()
    spoke = {entry.party for entry in report.timeline} | {line.last_party for line in lines}
    return {party for party in holders | spoke | {report.case.party} if party}


def _row(line: Line, products: dict[str, str], parties: dict[str, str]) -> Row:
    _, which = label_of(line.uri, 40)
    name = products.get(product_of(line.uri) or "", "")
    amount = f"{line.quantity} {unit_text(line.unit)}" if line.quantity else ""
    party = parties.get(line.last_party) or line.last_party.rpartition("/")[2]
    return Row(line.uri, name, which, amount, party, line.last_place)
