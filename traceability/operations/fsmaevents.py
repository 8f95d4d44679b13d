"""Events for the records of the traceability rule: opened as their reader sees them, and described."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, exists, select

from traceability.operations.events import Reader, view_events
from traceability.operations.graph import fetch, standing
from traceability.operations.names import MOST, party_names
from traceability.operations.node import Node
from traceability.operations.prefilter import READER
from traceability.signing.disclosure import Audience
from traceability.store import models
from traceability.store.access import Erasure
from traceability.store.engine import AnyRow
from traceability.store.projections import Event, Mention, Term
from traceability.supply.epcis.context import read_context
from traceability.supply.fsma.history import History
from traceability.supply.fsma.master import Masters, Said, attributes_of, twins_of
from traceability.supply.fsma.told import Told
from traceability.supply.lineage import thing_id
from traceability.supply.tracing.trace import chunks

CHUNK: Final = 500
"""Events that are opened at a time."""
MASTER_DATA: Final = "ft:masterData"
PUBLISHED: Final = exists().where(
    models.Record.statement == Event.statement, models.Record.log_index < bindparam("size", 0)
)
"""Of events: in the log before its leaf number ``size``."""
_NAMING: Final = (
    select(Event.id, Event.statement, Event.event_id, Event.party, Event.at_ms)
    .join(Mention, Mention.event == Event.id)
    .where(standing(), PUBLISHED, Event.type == "ObjectEvent", Event.biz_step.is_(None))
    .distinct()
)
"""Events without a business step: descriptions are among them."""


def load_told(connection: Connection, node: Node, rows: Sequence[AnyRow], reader: Reader) -> Iterator[Told]:
    """Events as their reader sees them.

    Args:
        rows: ``id``, ``statement``, ``event_id``, ``party`` and ``at_ms`` of each.
    """
    for first in range(0, len(rows), CHUNK):
        some = [tuple(row) for row in rows[first : first + CHUNK]]
        shared = _shared(connection, [row[0] for row in some], reader)
        wanted = {bytes(row[1]): _audience(row[0], row[3], shared, reader) for row in some}
        views, erased = view_events(connection, wanted), _erased(connection, wanted)
        for _, statement, name, party, _ in some:
            view, gone = views[bytes(statement)], erased.get(bytes(statement), [])
            context = read_context(view.context, view.event.get("@context"))
            lost = frozenset(part.partition("/")[0] for part in gone)
            yield Told(name, party, view.event, context, node.name, lost, max(0, view.hidden - len(gone)))


def _audience(event: int, party: str, shared: Collection[int], reader: Reader) -> Audience:
    if reader.regulator or party == reader.party:
        return Audience.REGULATOR
    return Audience.PARTNER if event in shared else Audience.PUBLIC


def _shared(connection: Connection, events: Sequence[int], reader: Reader) -> frozenset[int]:
    """Which of these events name the reader as a partner."""
    if reader.regulator or reader.party is None:
        return frozenset()
    query = select(Term.event).where(Term.name == READER, Term.value == reader.party, Term.event.in_(events))
    return frozenset(connection.execute(query).scalars())


def _erased(connection: Connection, statements: Iterable[bytes]) -> dict[bytes, list[str]]:
    """The parts that were erased, by statement."""
    found: dict[bytes, list[str]] = defaultdict(list)
    query = select(Erasure.statement, Erasure.part).where(Erasure.statement.in_(list(statements)))
    for row in connection.execute(query):
        found[row.statement].append(row.part)
    return found


def masters_of(
    connection: Connection, node: Node, history: History, reader: Reader, language: str, size: int
) -> Masters:
    """What is known of the places, parties and products that events name.

    Args:
        language: of the names of parties.
        size: of the checkpoint; what is described later does not count.
    """
    uris = sorted({twin for told in history.events for uri in told.named() for twin in twins_of(uri)})
    numbers = sorted(map(thing_id, uris))
    rows = {
        row[0]: row
        for part in chunks(numbers)
        for row in fetch(connection, _NAMING, Mention.thing, part, size=size)
    }
    said = [
        Said(uri, told.party, told.at_ms, attributes_of(told.event[MASTER_DATA]))
        for told in load_told(connection, node, list(rows.values()), reader)
        if isinstance(told.event.get(MASTER_DATA), dict)
        for uri in told.things()
    ]
    names: dict[str, str] = {}
    parties = [uri for uri in uris if "/417/" in uri or "/party/" in uri]
    for first in range(0, len(parties), MOST):
        for uri, known in party_names(connection, parties[first : first + MOST]).items():
            names[uri] = known.get(language) or known.get("en", "")
    return Masters(said, names)
