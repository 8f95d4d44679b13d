"""Looking anything up by whatever somebody has of it: what the text was taken for, and what is here.

Each reading of the text (``operations.guesses``) is tried by the index that its kind has. Where there is
none, lots over all products and names of parties, a bound keeps the answer quick, and the answer says
when it was reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from unicodedata import normalize

from sqlalchemy import Connection, or_, select

from traceability import media
from traceability.identifiers import GS1_HOST, Batch, is_restricted
from traceability.ledger.tracecode import parse_trace_code, trace_code
from traceability.operations.guesses import Guess, Meaning, guess
from traceability.operations.names import party_names
from traceability.operations.node import Node
from traceability.operations.prefilter import begins
from traceability.operations.recallstatus import known_recall
from traceability.store import models
from traceability.store.projections import Event, Thing
from traceability.supply.lineage import thing_id
from traceability.supply.tracing.labels import ThingKind, kind_of

LISTED: Final = 50
"""Hits of one answer."""
MAX_PRODUCTS: Final = 10_000
"""So many products are asked for a lot that was given without one."""
MAX_CHAINS: Final = 200_000
"""So many batches are compared with a trace code."""
MAX_PARTIES: Final = 5_000
"""So many parties' names are read."""


class What:
    """Words for kinds of hits beside those of ``ThingKind``."""

    PLACE: Final = "place"
    PARTY: Final = "party"
    DEVICE: Final = "device"
    EVENT: Final = "event"
    DOCUMENT: Final = "document"
    RECALL: Final = "recall"


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that is here.

    ``what`` is a ``ThingKind`` or a word of ``What``; ``key`` a URI, or the id of a recall, device or
    event, or the SHA-256 of a statement; ``names`` are by language, where it has any.
    """

    what: str
    key: str
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a search: the readings that were tried, the hits of them all, and whether that is all."""

    guesses: tuple[Guess, ...]
    hits: tuple[Hit, ...]
    cut: bool

    @property
    def meanings(self) -> tuple[Meaning, ...]:
        """What was tried, each once, in order."""
        return tuple(dict.fromkeys(each.meaning for each in self.guesses))


def look_up(connection: Connection, node: Node, text: str) -> Found:
    """Everything here that a text may name; for those who may see everything.

    Args:
        connection: a snapshot (``Store.reading``).
    """
    guesses = guess(text, node.name)
    hits: dict[tuple[str, str], Hit] = {}
    for each in guesses:
        for hit in _FINDERS[each.meaning](connection, node, each.value):
            hits.setdefault((hit.what, hit.key), hit)
            if len(hits) > LISTED:
                return Found(guesses, tuple(hits.values())[:LISTED], cut=True)
    return Found(guesses, tuple(hits.values()), cut=False)


def _recall(connection: Connection, _: Node, value: str) -> Iterator[Hit]:
    if known_recall(connection, value) is not None:
        yield Hit(What.RECALL, value, {})


def _coded(connection: Connection, _: Node, value: str) -> Iterator[Hit]:
    """The batches whose chain had this head at this count; no index knows heads by their first bits."""
    code, record = parse_trace_code(value), models.Record
    query = select(models.Stream.uri, record.hash).join(models.Batch, models.Batch.stream == record.stream)
    query = query.join(models.Stream, models.Stream.hash == record.stream).where(record.seq == code.count - 1)
    for uri, head in connection.execute(query.limit(MAX_CHAINS)):
        if trace_code(code.count, head) == code:
            yield Hit(ThingKind.BATCH, uri, {})


def _device(connection: Connection, _: Node, value: str) -> Iterator[Hit]:
    if connection.execute(select(models.Device.id).where(models.Device.id == value)).first():
        yield Hit(What.DEVICE, value, {})


def _statement(connection: Connection, _: Node, value: str) -> Iterator[Hit]:
    record = models.Record
    query = select(record.media_type).where(record.statement == bytes.fromhex(value)).limit(1)
    kind = connection.execute(query).scalar_one_or_none()
    if kind in {media.EVENT, media.NOTICE}:
        yield Hit(What.EVENT if kind == media.EVENT else What.DOCUMENT, value, {})


def _thing(connection: Connection, _: Node, value: str) -> Iterator[Hit]:
    """What events name, and what has a stream without being named by one, such as a new asset."""
    named = select(Thing.uri).where(Thing.id == thing_id(value), Thing.uri == value)
    stream = select(models.Stream.uri).where(models.Stream.uri == value)
    if connection.execute(named).first() or connection.execute(stream).first():
        yield Hit(kind_of(value), value, {})


def _product(connection: Connection, node: Node, value: str) -> Iterator[Hit]:
    prefix = Batch(value, "0").uri(node.name)[:-1]
    query = select(Thing.uri).where(begins(connection, prefix)).order_by(Thing.uri).limit(LISTED + 1)
    for uri in connection.execute(query).scalars():
        yield Hit(kind_of(uri), uri, {})


def find_place(connection: Connection, uri: str) -> bool:
    """Whether any event names a place."""
    there = select(Event.id).where(or_(Event.read_point == uri, Event.biz_location == uri)).limit(1)
    described = select(Thing.id).where(Thing.id == thing_id(uri))
    return bool(connection.execute(described).first() or connection.execute(there).first())


def _place(connection: Connection, _: Node, value: str) -> Iterator[Hit]:
    if find_place(connection, value):
        yield Hit(What.PLACE, value, {})


def _party(connection: Connection, _: Node, value: str) -> Iterator[Hit]:
    if connection.execute(select(models.Key.kid).where(models.Key.subject == value)).first():
        yield Hit(What.PARTY, value, party_names(connection, [value]).get(value, {}))


def _event(connection: Connection, _: Node, value: str) -> Iterator[Hit]:
    query = select(Event.statement).where(Event.event_id == value).order_by(Event.recorded_ms)
    for statement in connection.execute(query.limit(LISTED + 1)).scalars():
        yield Hit(What.EVENT, statement.hex(), {})


def _lot(connection: Connection, node: Node, value: str) -> Iterator[Hit]:
    for gtin in _products(connection, node):
        uri = Batch(gtin, value).uri(node.name)
        if connection.execute(select(Thing.id).where(Thing.uri == uri)).first():
            yield Hit(ThingKind.BATCH, uri, {})


def _products(connection: Connection, node: Node) -> Iterator[str]:
    """The GTINs of which there is anything, by leaps through the index from one product to the next."""
    count = 0
    for host in (GS1_HOST, node.name):
        start = f"https://{host}/01/"
        after = start
        while count < MAX_PRODUCTS:
            query = select(Thing.uri).where(Thing.uri > after, Thing.uri < f"https://{host}/010")
            uri = connection.execute(query.order_by(Thing.uri).limit(1)).scalar_one_or_none()
            if uri is None:
                break
            gtin, count = uri[len(start) : len(start) + 14], count + 1
            after = f"{start}{gtin}0"
            if gtin.isdecimal() and is_restricted(gtin) == (host != GS1_HOST):
                yield gtin


def _name(connection: Connection, _: Node, value: str) -> Iterator[Hit]:
    """Parties one of whose names, or a word in it, begins with this."""
    holder = models.Stream.uri.contains("/stream/keys/party/")
    query = select(models.Key.subject).join(models.Stream, models.Stream.hash == models.Key.stream)
    parties = connection.execute(query.where(holder).distinct().limit(MAX_PARTIES)).scalars().all()
    for first in range(0, len(parties), 200):
        for party, names in party_names(connection, parties[first : first + 200]).items():
            texts = [normalize("NFKC", name).casefold() for name in names.values()]
            if any(text.startswith(value) or f" {value}" in text for text in texts):
                yield Hit(What.PARTY, party, names)


_FINDERS: Final[Mapping[Meaning, Callable[[Connection, Node, str], Iterator[Hit]]]] = {
    Meaning.RECALL: _recall,
    Meaning.TRACE_CODE: _coded,
    Meaning.DEVICE: _device,
    Meaning.STATEMENT: _statement,
    Meaning.THING: _thing,
    Meaning.PRODUCT: _product,
    Meaning.PLACE: _place,
    Meaning.PARTY: _party,
    Meaning.EVENT: _event,
    Meaning.LOT: _lot,
    Meaning.NAME: _name,
}
