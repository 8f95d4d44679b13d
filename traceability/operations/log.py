"""Reading the log as it is stored: checkpoints, tiles, entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, and_, func, select
from sqlalchemy.orm import aliased

from traceability import media
from traceability.errors import LogConflictError, LostStatementError
from traceability.ledger.record import GENESIS, Record, commit
from traceability.ledger.tiles import Tiles
from traceability.store import models
from traceability.store.engine import AnyRow

_checkpoint = models.Checkpoint
_NEWEST_BEACON: Final = (
    select(_checkpoint.beacon).where(_checkpoint.published).order_by(_checkpoint.size.desc()).limit(1)
)


def latest_checkpoint(connection: Connection) -> AnyRow | None:
    """The newest published checkpoint's row."""
    table = models.Checkpoint
    query = select(table).where(table.published).order_by(table.size.desc()).limit(1)
    return connection.execute(query).one_or_none()


def newest_beacon(connection: Connection) -> bytes | None:
    """SHA-256 of the newest published checkpoint's text; None before the first."""
    return connection.execute(_NEWEST_BEACON).scalar_one_or_none()


def read_tiles(connection: Connection) -> Tiles:
    """The log's tree as the store holds it."""

    def read(level: int, number: int) -> bytes:
        table = models.Tile
        query = select(table.hashes).where(table.level == level, table.number == number)
        return connection.execute(query).scalar_one_or_none() or b""

    return Tiles(read)


def log_entries(connection: Connection, first: int, end: int) -> list[bytes]:
    """The data of leaves ``first`` up to but not including ``end``: records and state leaves.

    Raises:
        LogConflictError: the store does not hold all of them.
    """
    found = {c.size - 1: c.leaf.encode("ascii") for c in _state_leaves(connection, first, end)}
    found |= {index: record.text() for index, record in stored_records(connection, first, end)}
    if found.keys() != set(range(first, end)):
        raise LogConflictError(
            f"leaves {first} to {end} are not all there", expected=end - first, got=len(found)
        )
    return [found[index] for index in range(first, end)]


def stored_records(connection: Connection, first: int, end: int) -> list[tuple[int, Record]]:
    """The records with log indexes from ``first`` up to but not including ``end``, each with its index."""
    record, before = models.Record, aliased(models.Record)
    query = (
        select(record, models.Stream.uri, before.hash.label("prev"))
        .join(models.Stream, models.Stream.hash == record.stream)
        .outerjoin(before, and_(before.stream == record.stream, before.seq == record.seq - 1))
        .where(record.log_index >= first, record.log_index < end)
        .order_by(record.log_index)
    )
    return [
        (
            r.log_index,
            Record(r.uri, r.seq, r.prev or GENESIS, r.time_ms, r.media_type, commitment_of(r)),
        )
        for r in connection.execute(query)
    ]


def commitment_of(row: AnyRow) -> bytes:
    """The commitment of a record's row; of one whose statement was lost, as the log has it."""
    if row.statement is None or row.salt is None:
        return bytes(row.commitment or b"")
    return commit(row.statement, row.salt)


def require_statement(row: AnyRow, stream: str) -> None:
    """Refuse (LostStatementError) a record whose statement was lost."""
    if row.statement is None:
        raise LostStatementError(
            f"record {row.seq} of {stream} was lost with a database; of it there is only what the log says"
        )


def lost_in(connection: Connection, stream: bytes) -> int:
    """How many records of a stream (by its hash) have lost their statements."""
    record = models.Record
    query = select(func.count()).where(record.statement.is_(None), record.stream == stream)
    return int(connection.execute(query.select_from(record)).scalar_one())


def streams_with_lost_events(connection: Connection) -> tuple[str, ...]:
    """URIs of what events were recorded of that were lost: what they say of other things is not known."""
    record, stream = models.Record, models.Stream
    query = select(stream.uri).join(record, record.stream == stream.hash).distinct()
    query = query.where(record.statement.is_(None), record.media_type == media.EVENT)
    return tuple(sorted(connection.execute(query).scalars()))


def _state_leaves(connection: Connection, first: int, end: int) -> Sequence[AnyRow]:
    table = models.Checkpoint
    query = select(table.size, table.leaf).where(table.size > first, table.size <= end)
    return connection.execute(query).all()
