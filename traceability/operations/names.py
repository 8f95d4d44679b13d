"""What products and parties are called, for people; whoever has no name stays an identifier."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, select

from traceability.ledger.state import stream_hash
from traceability.operations.events import load_event
from traceability.operations.node import Node
from traceability.signing.keystatement import parse_key_statement
from traceability.store import models
from traceability.supply.tracing.labels import ThingKind, kind_of, product_of
from traceability.supply.tracing.trace import Trace

MOST: Final = 200
"""Products and parties that are looked up for one page."""


@dataclass(frozen=True, slots=True)
class Called:
    """What the products (by GTIN-14) and parties (by URI) of an answer are called, in one language."""

    products: Mapping[str, str] = field(default_factory=dict)
    parties: Mapping[str, str] = field(default_factory=dict)

    def party(self, uri: str) -> str:
        """A party as people know it: its name and number, or its URI if it has no name here."""
        name = self.parties.get(uri)
        return f"{name} ({uri.rpartition('/')[2]})" if name else uri


def called_in(
    connection: Connection, found: Trace, language: str = "en", *, others: Iterable[str] = ()
) -> Called:
    """The names in a trace that was described, and those of other parties (URIs)."""
    uris = (found.name(thing.id) for thing in found.walked.things)
    parties = {detail.last_party for detail in found.details.values() if detail.last_party}.union(others)
    named = (product_names(connection, uris), party_names(connection, parties))
    return Called(
        *({key: each[language] for key, each in some.items() if language in each} for some in named)
    )


def product_names(connection: Connection, uris: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Names by language, by GTIN: as the event says by which a batch of it began.

    Args:
        uris: of things; of each product the first batch is asked.
    """
    batches: dict[str, str] = {}
    for uri in uris:
        if kind_of(uri) is ThingKind.BATCH and len(batches) < MOST:
            batches.setdefault(product_of(uri) or "", uri)
    by_stream = {stream_hash(uri): gtin for gtin, uri in batches.items()}
    table = models.Batch
    query = select(table.stream, table.statement).where(table.stream.in_(list(by_stream)))
    found = {}
    for row in connection.execute(query):
        ilmd = load_event(connection, row.statement).get("ilmd")
        names = ilmd.get("ft:product") if isinstance(ilmd, Mapping) else None
        if isinstance(names, Mapping):
            found[by_stream[row.stream]] = names
    return found


def party_names(connection: Connection, parties: Collection[str]) -> dict[str, Mapping[str, str]]:
    """Names by language, by URI: as the registrar enrolled them."""
    key, record, statement = models.Key, models.Record, models.Statement
    some = sorted(set(parties))[:MOST]
    query = select(key.subject, statement.body).distinct().where(key.subject.in_(some))
    query = query.join(record, (record.stream == key.stream) & (record.seq == 0))
    rows = connection.execute(query.join(statement, statement.sha256 == record.statement))
    return {row.subject: parse_key_statement(row.body).names for row in rows}


def all_parties(connection: Connection, node: Node) -> dict[str, Mapping[str, str]]:
    """Every party that this node enrolled, by URI, with its names by language."""
    key, stream = models.Key, models.Stream
    mine = stream.uri.startswith(f"https://{node.name}/stream/keys/party/", autoescape=True)
    query = select(key.subject).distinct().join(stream, stream.hash == key.stream).where(mine)
    found = connection.execute(query.order_by(key.subject)).scalars().all()
    chunks = (found[i : i + MOST] for i in range(0, len(found), MOST))
    return {party: names for chunk in chunks for party, names in party_names(connection, chunk).items()}
