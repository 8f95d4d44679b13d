"""Where an event stands in the log, and the proof of it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from traceability.errors import NotPublishedError, UnknownSubjectError
from traceability.ledger.note import parse_checkpoint, parse_note
from traceability.ledger.proof import Proof
from traceability.operations.log import read_tiles
from traceability.store import models


@dataclass(frozen=True, slots=True)
class Place:
    """One record of a statement: its stream, number, hash (32 bytes) and index in the log, if published."""

    stream: str
    seq: int
    hash: bytes
    index: int | None


def places(connection: Connection, statement: bytes) -> tuple[Place, ...]:
    """The records of a statement (by its SHA-256), in the order of the log.

    Raises:
        UnknownSubjectError: it has none.
    """
    record, stream = models.Record, models.Stream
    query = select(stream.uri, record.seq, record.hash, record.log_index).join(stream)
    query = query.where(record.statement == statement).order_by(record.log_index, record.stream)
    found = tuple(Place(*row) for row in connection.execute(query))
    if not found:
        raise UnknownSubjectError("this statement was not recorded on this node")
    return found


def covering(connection: Connection, index: int) -> str | None:
    """The first published checkpoint behind a leaf, a signed note; None while there is none."""
    table = models.Checkpoint
    query = select(table.note).where(table.published, table.size > index)
    return connection.execute(query.order_by(table.size).limit(1)).scalar_one_or_none()


def prove(connection: Connection, place: Place) -> Proof:
    """The proof of a record against the first checkpoint that covers it: the same whenever it is asked for.

    Raises:
        NotPublishedError: no published checkpoint covers it yet.
    """
    signed = None if place.index is None else covering(connection, place.index)
    if place.index is None or signed is None:
        raise NotPublishedError(f"record {place.seq} of {place.stream} is not in the log yet")
    checkpoint = signed.encode("utf-8")
    size = parse_checkpoint(parse_note(checkpoint).text).size
    hashes = read_tiles(connection).inclusion_proof(place.index, size)
    return Proof(place.index, tuple(hashes), checkpoint)
