"""The records of the US traceability rule (21 CFR 1 subpart S) of lots and foods, as who asks may see them.

Read are the events that name a lot, and those of what it was packed in meanwhile; beside them, of what
it was made from, what happened until then. Only what is in the published log counts, so the answer
says at which checkpoint it was computed, and is the same for whoever asks the same there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from traceability.errors import NotPublishedError, QueryError, QueryTooLargeError
from traceability.identifiers import Batch, parse_gtin
from traceability.operations.events import Reader
from traceability.operations.fsmaevents import PUBLISHED, load_told, masters_of
from traceability.operations.graph import fetch, standing
from traceability.operations.log import latest_checkpoint
from traceability.operations.node import Node
from traceability.operations.prefilter import begins
from traceability.operations.trace import named_things, trace, uris_of
from traceability.operations.tracerequest import Asked as Traced
from traceability.operations.tracerequest import read_thing
from traceability.store.engine import AnyRow
from traceability.store.projections import Event, Link, Mention, Thing
from traceability.supply.fsma.history import CARRIERS, MAX_DEPTH, History
from traceability.supply.fsma.onestep import moves_of
from traceability.supply.fsma.rows import rows_of
from traceability.supply.fsma.tables import Computed, Records
from traceability.supply.fsma.tracking import assignments
from traceability.supply.lineage import LinkKind, thing_id
from traceability.supply.tracing.labels import ThingKind, kind_of
from traceability.supply.tracing.tables import utc
from traceability.supply.tracing.trace import Direction, chunks

MAX_LOTS: Final = 10_000
"""Of one answer."""
MAX_EVENTS: Final = 50_000
"""That may name the lots of one answer; and as many what they were made from."""
_OF_THINGS: Final = select(Mention.event, Mention.thing, Mention.at_ms, Mention.role)
_PACKED_IN: Final = select(Link.src, Link.dst).where(Link.kind == int(LinkKind.PACK))
_MADE_BY: Final = select(Link.dst, Link.src).where(Link.kind == int(LinkKind.OUTPUT))
_MADE_OF: Final = select(Link.dst, Link.src).where(Link.kind == int(LinkKind.INPUT))
_STANDING: Final = select(Event.id, Event.statement, Event.event_id, Event.party, Event.at_ms).where(
    standing(), PUBLISHED
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request of the authority names: lots, foods and dates (21 CFR 1.1455(c)(3)).

    Args:
        lots: ``GTIN/LOT``, paths, URIs or URNs.
        foods: GTINs; every lot of these.
        directions: also all lots that came of the lots, or that they came from.
        start_ms, end_ms: only events from then until then, both ends included.
        language: of the names of parties, ``en`` or ``zh``.
    """

    lots: Sequence[str] = ()
    foods: Sequence[str] = ()
    directions: Sequence[Direction] = ()
    start_ms: int | None = None
    end_ms: int | None = None
    language: str = "en"

    @property
    def period(self) -> tuple[int, int] | None:
        """The period in milliseconds, None where there is no limit."""
        if self.start_ms is None and self.end_ms is None:
            return None
        return self.start_ms or 0, self.end_ms if self.end_ms is not None else 1 << 62

    def text(self) -> str:
        """The request in words."""
        dates = f"from {utc(self.start_ms) or 'the beginning'} to {utc(self.end_ms) or 'now'}"
        parts = [
            f"{word} {', '.join(some)}" for word, some in (("lots", self.lots), ("foods", self.foods)) if some
        ]
        return "; ".join([*parts, *(f"traced {each}" for each in self.directions), dates])


def find_records(connection: Connection, node: Node, asked: Asked, reader: Reader) -> Records:
    """The records of lots and foods.

    Args:
        connection: a snapshot (``Store.reading``).
        reader: a regulator sees all that was not erased; a party its own events, and of others what
            they show to partners or to anybody. What is not shown is named as missing, with the reason.

    Raises:
        QueryError: neither a lot nor a food.
        UnknownSubjectError: no event names one of the lots.
        QueryTooLargeError: more than ``MAX_LOTS`` lots or ``MAX_EVENTS`` events.
        NotPublishedError: there is no checkpoint yet.
    """
    checkpoint = latest_checkpoint(connection)
    if checkpoint is None:
        raise NotPublishedError("this node has not published a checkpoint yet")
    lots = _lots(connection, node, asked)
    rows = _events(connection, lots, checkpoint.size)
    history = History(load_told(connection, node, rows, reader))
    masters = masters_of(connection, node, history, reader, asked.language, checkpoint.size)
    named = [uri for uri in lots.values() if history.of(uri)]
    found, passed = rows_of(history, masters, named, asked.period)
    moves = moves_of(history, masters, named, asked.period)
    codes = tuple(assignments(history, sorted(named)))
    return Records(_computed(checkpoint, asked, reader), found, passed, codes, moves)


def _computed(checkpoint: AnyRow, asked: Asked, reader: Reader) -> Computed:
    origin, _, root, *_ = checkpoint.note.split("\n")
    audience = "the authority: all that was not erased" if reader.regulator else reader.party or "the public"
    return Computed(origin, checkpoint.size, root, checkpoint.time_ms, asked.text(), audience)


def _lots(connection: Connection, node: Node, asked: Asked) -> dict[int, str]:
    """The lots that are asked for, by their numbers."""
    if not asked.lots and not asked.foods:
        raise QueryError("name lots or foods: an authority asks for foods and dates, or for lot codes")
    uris = {read_thing(node, text) for text in asked.lots}
    named_things(connection, node, uris)
    for direction in asked.directions:
        if asked.lots:
            walked = trace(connection, node, Traced(asked.lots, direction).request(node))
            uris.update(walked.name(thing.id) for thing in walked.walked.things)
    for food in asked.foods:
        begin = Batch(parse_gtin(food), "0").uri(node.name)[:-1]
        query = select(Thing.uri).where(begins(connection, begin)).limit(MAX_LOTS + 1)
        uris.update(connection.execute(query).scalars())
    lots = {thing_id(uri): uri for uri in uris if kind_of(uri) in {ThingKind.BATCH, ThingKind.ITEM}}
    if len(lots) > MAX_LOTS:
        raise _too_large(f"more than {MAX_LOTS:,} lots")
    return lots


def _events(connection: Connection, lots: Collection[int], size: int) -> list[AnyRow]:
    """The events of lots, of what they were packed in, and of what they were made from."""
    mentions = _mentions(connection, lots)
    before = _sources(connection, lots)
    until = max((at_ms for _, _, at_ms, role in mentions if role == "output"), default=0)
    known = {event for event, *_ in mentions}
    for event, _, at_ms, role in _mentions(connection, before - set(lots)):
        if role != "input" and at_ms <= until:
            known.add(event)
    found: list[AnyRow] = []
    for part in chunks(sorted(known)):
        found += fetch(connection, _STANDING, Event.id, part, size=size)
    return found


def _mentions(connection: Connection, lots: Iterable[int]) -> list[tuple[int, int, int, str]]:
    """What names these, or what they were packed in, however deep."""
    found: list[tuple[int, int, int, str]] = []
    waiting, seen = set(lots), set(lots)
    for _ in range(MAX_DEPTH):
        parents: set[int] = set()
        for part in chunks(sorted(waiting)):
            found += fetch(connection, _OF_THINGS, Mention.thing, part)
            parents |= {row[1] for row in fetch(connection, _PACKED_IN, Link.src, part)}
            if len(found) > MAX_EVENTS:
                raise _too_large(f"more than {MAX_EVENTS:,} events")
        uris = uris_of(connection, sorted(parents - seen))
        waiting = {number for number, uri in uris.items() if kind_of(uri) in CARRIERS}
        seen |= waiting
        if not waiting:
            break
    return found


def _sources(connection: Connection, lots: Collection[int]) -> set[int]:
    """What went into the processes that lots came out of."""
    processes = {
        row[1] for part in chunks(sorted(lots)) for row in fetch(connection, _MADE_BY, Link.dst, part)
    }
    return {
        row[1] for part in chunks(sorted(processes)) for row in fetch(connection, _MADE_OF, Link.dst, part)
    }


def _too_large(what: str) -> QueryTooLargeError:
    return QueryTooLargeError(
        f"this asks for {what}", remedy="Name fewer lots or foods at once, or do not trace as far."
    )
