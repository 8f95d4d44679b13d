"""Hashing what is about to be signed once more, from the stored columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

from sqlalchemy import Connection, select

from traceability.errors import ChainMismatchError
from traceability.ledger.record import GENESIS, chain_hashes
from traceability.ledger.state import StateTree, stream_hash
from traceability.ledger.statepages import Heads
from traceability.store import models
from traceability.store.engine import AnyRow

CHUNK: Final = 1_000
"""Streams that are asked for at a time: databases limit the parameters of a query."""


def unpublished(connection: Connection) -> Sequence[AnyRow]:
    """The records that have no place in the log yet, in the order in which they will stand there."""
    table = models.Record
    columns = (
        table.stream,
        table.seq,
        table.time_ms,
        table.media_type,
        table.statement,
        table.salt,
        table.hash,
    )
    query = select(*columns).where(table.log_index.is_(None))
    return connection.execute(query.order_by(table.time_ms, table.stream, table.seq)).all()


def rehash(connection: Connection, rows: Sequence[AnyRow], before: StateTree) -> Heads:
    """Check that new records go on where the signed state ends, and that the rows of their streams say so.

    Args:
        rows: what ``unpublished`` gave.
        before: the state at the newest checkpoint.

    Returns:
        The heads of the streams that moved on.

    Raises:
        ChainMismatchError: they do not.
        LogConflictError: the state that is kept is not the signed one.
    """
    by_stream = sorted(rows, key=attrgetter("stream"))  # stable: each stream's records stay in order
    streams = _streams(connection, sorted({row.stream for row in rows}))
    known = before.heads(streams)
    heads: dict[bytes, tuple[int, bytes]] = {}
    for name, records in groupby(by_stream, key=attrgetter("stream")):
        stream = streams[name]
        heads[name] = _rehash(stream.uri, known.get(name, (0, GENESIS)), list(records))
        if (stream.length, stream.head) != heads[name] or stream_hash(stream.uri) != name:
            raise ChainMismatchError(f"head of {stream.uri}", expected=heads[name][1], got=stream.head)
    return heads


def _rehash(uri: str, known: tuple[int, bytes], rows: list[AnyRow]) -> tuple[int, bytes]:
    """One stream's new records; returns its length and head behind them."""
    count, head = known
    links = ((row.time_ms, row.media_type, row.statement, row.salt) for row in rows)
    for row, made in zip(rows, chain_hashes(uri, count, head, links), strict=True):
        if (row.seq, row.hash) != (count, made):
            raise ChainMismatchError(f"record {row.seq} of {uri}", expected=made, got=row.hash)
        count += 1
    return count, rows[-1].hash


def _streams(connection: Connection, names: Sequence[bytes]) -> dict[bytes, AnyRow]:
    table = models.Stream
    query = select(table.hash, table.uri, table.length, table.head)
    found: dict[bytes, AnyRow] = {}
    for first in range(0, len(names), CHUNK):
        some = query.where(table.hash.in_(names[first : first + CHUNK]))
        found.update((row.hash, row) for row in connection.execute(some))
    return found
