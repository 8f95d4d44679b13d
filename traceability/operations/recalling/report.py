"""The report of a case: scope, what could not be traced, who was told, what came back, and when.

It is computed from what there is now, and says at which checkpoint of the log that was; once a case is
closed, effectiveness is as it was then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from traceability.ledger.note import parse_checkpoint, parse_note
from traceability.operations.log import latest_checkpoint
from traceability.operations.names import Called, called_in, product_names
from traceability.operations.node import Node
from traceability.operations.recalling.cases import Case, look_at
from traceability.operations.recalling.effectiveness import Effectiveness, effectiveness
from traceability.operations.recalling.letters import texts_of
from traceability.operations.recalling.people import Participant
from traceability.operations.recalling.timeline import Entry, timeline
from traceability.operations.recalling.words import both
from traceability.operations.recallscope import Lost, Notice, Scope


@dataclass(frozen=True, slots=True)
class At:
    """The newest published checkpoint when something was computed, if there was one."""

    size: int
    time_ms: int
    root: str


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a case took since it was opened, in milliseconds; None where it is not there yet."""

    found_ms: int
    issued_ms: int | None
    acknowledged_ms: int | None
    closed_ms: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """A case as a whole; ``called`` names its parties, ``products`` its products in both languages."""

    node: str
    case: Case
    at_ms: int
    checkpoint: At | None
    texts: Notice | None
    scope: Scope
    called: Called
    products: Mapping[str, str]
    effect: Effectiveness | None
    timeline: Sequence[Entry]

    @property
    def timing(self) -> Timing:
        """Start, scope found, issued, all acknowledged, closed."""
        acknowledged = self.effect.all_acknowledged_ms if self.effect else None
        began = self.case.opened_ms
        times = (self.case.issued_ms, acknowledged, self.case.closed_ms)
        issued, acknowledged, closed = (None if ms is None else ms - began for ms in times)
        return Timing(self.case.found_ms - began, issued, acknowledged, closed)

    @property
    def lost(self) -> Sequence[tuple[Lost, Sequence[str]]]:
        """What could not be traced: why, and which things."""
        return self.scope.lost


def report_of(
    connection: Connection, node: Node, case: Case, now_ms: int, reader: Participant | None = None
) -> Report:
    """Everything about a case, from one snapshot.

    Raises:
        QueryTooLargeError: it reaches more than one recall can name.
    """
    found, effect = look_at(connection, node, case), effectiveness(connection, case, now_ms, reader)
    others = {case.party, *(each.notice.party for each in (effect.holders if effect else ()))}
    named = product_names(connection, (*found.things, *(uri for _, which in found.lost for uri in which)))
    products = {gtin: both(names) for gtin, names in named.items()}
    return Report(
        *(node.name, case, now_ms, checkpoint_at(connection), texts_of(connection, case), found),
        *(called_in(connection, found.trace, others=others), products),
        *(effect, timeline(connection, case, reader)),
    )


def checkpoint_at(connection: Connection) -> At | None:
    """The newest published checkpoint, by which somebody else can tell what was known here."""
    row = latest_checkpoint(connection)
    if row is None:
        return None
    root = parse_checkpoint(parse_note(row.note.encode()).text).root
    return At(row.size, row.time_ms, root.hex())
