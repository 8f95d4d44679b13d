"""What a store has lost of its log, and what of it can be given back; nothing is changed here.

A record that the store has, and had not yet published, gets the place that it has in the log. Of all
others there is the text that the log holds, and the statement where somebody brings it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from traceability import media
from traceability.errors import UnrecoverableError
from traceability.ledger.record import format_time
from traceability.ledger.state import stream_hash
from traceability.operations.log import latest_checkpoint
from traceability.operations.recover.offers import Given, Offers, Wanted
from traceability.operations.recover.walk import Walked
from traceability.sensing.frame import parse_statement
from traceability.signing import sdjwt
from traceability.signing.disclosure import EVENT_CLAIM
from traceability.store import models, projections
from traceability.store.engine import AnyRow


@dataclass(frozen=True, slots=True)
class Piece:
    """A record without a statement here, and the statement if it is given back; ``new`` has no row yet."""

    wanted: Wanted
    given: Given | None
    new: bool


@dataclass(slots=True)
class Plan:
    """What is to be done.

    Attributes:
        walked: the log, where it was walked through; None where only statements are given back.
        placed: records that are here unpublished: stream hash, number, index in the log.
        pieces: the records that are not here, or without their statements.
        devices: by stream, those that measure there now: they keep what has no receipt.
    """

    walked: Walked | None
    placed: list[tuple[bytes, int, int]] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    devices: dict[str, list[str]] = field(default_factory=dict)

    @property
    def checkpoints(self) -> int:
        """How many checkpoints are missing here."""
        return len(self.walked.grown) if self.walked else 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not self.checkpoints and not any(piece.given for piece in self.pieces)


def survey(connection: Connection, walked: Walked | None, offers: Offers) -> Plan:
    """What is to be done to a store.

    Raises:
        UnrecoverableError: records were written since it was restored that are not those of the log.
    """
    plan = Plan(walked)
    wanted = [(each, False) for each in _lost_here(connection)]
    if walked is not None and walked.grown:
        latest = latest_checkpoint(connection)
        if (latest.size if latest else 0) != walked.base:
            raise UnrecoverableError("somebody else publishes here at this very moment")
        wanted += [(each, True) for each in _place(connection, walked, plan)]
    for each, new in wanted:
        given = offers.find(each)
        fits = given is not None and _fits(connection, each, given)
        plan.pieces.append(Piece(each, given if fits else None, new))
    plan.devices = _devices(connection, {each.stream for each, _ in wanted})
    return plan


def _lost_here(connection: Connection) -> Iterator[Wanted]:
    """The records whose statements were lost before."""
    record, stream = models.Record, models.Stream
    query = select(record, stream.uri).join(stream, stream.hash == record.stream)
    query = query.where(record.statement.is_(None)).order_by(record.log_index)
    for row in connection.execute(query):
        commitment = row.commitment or b""
        yield Wanted(row.uri, row.seq, row.time_ms, row.media_type, commitment, row.hash, row.log_index)


def _place(connection: Connection, walked: Walked, plan: Plan) -> list[Wanted]:
    """Find the log's records among those that this store has not published; the others are returned."""
    rows = {(row.stream, row.seq): row for row in _unpublished(connection, walked.base)}
    missing: list[Wanted] = []
    for index, record in (place for grown in walked.grown for place in grown.places()):
        name = stream_hash(record.stream)
        row = rows.pop((name, record.seq), None)
        if row is None:
            parts = (record.time_ms, record.media_type, record.commitment, record.hash)
            missing.append(Wanted(record.stream, record.seq, *parts, index))
        elif row.hash == record.hash:
            plan.placed.append((name, record.seq, index))
        else:
            _refuse(row, f"it is not what was signed as record {record.seq} of {record.stream}")
    for row in rows.values():
        if row.time_ms < walked.grown[-1].state.time_ms:
            _refuse(row, "the log has it nowhere")
    return missing


def _refuse(row: AnyRow, why: str) -> None:
    when = f"a record was written here at {format_time(row.time_ms)}"
    raise UnrecoverableError(f"{when}, and {why}: this store was used since it was restored")


def _unpublished(connection: Connection, base: int) -> Sequence[AnyRow]:
    record = models.Record
    query = select(record.stream, record.seq, record.time_ms, record.hash)
    behind = record.log_index.is_(None) | (record.log_index >= base)
    return connection.execute(query.where(behind)).all()


def _fits(connection: Connection, wanted: Wanted, given: Given) -> bool:
    """Whether a statement can stand in its old place: nothing that was recorded since contradicts it."""
    said = models.DeviceStatement
    if wanted.media_type in media.DEVICE_STATEMENTS:
        statement = parse_statement(given.body)
        taken = select(said.sha256).where(said.device == statement.device, said.counter == statement.counter)
        return connection.execute(taken).first() is None
    return wanted.media_type != media.EVENT or not _is_named(connection, given)


def _is_named(connection: Connection, given: Given) -> bool:
    """Whether another event of its party has the name of this one."""
    statement, table = sdjwt.parse(given.body), projections.Event
    event: Any = sdjwt.reveal(statement.payload, given.texts).claims.get(EVENT_CLAIM)
    named = select(table.id).where(
        table.party == statement.iss,
        table.event_id == event.get("eventID", ""),
        table.corrects == ("errorDeclaration" in event),
        table.statement != given.sha256,
    )
    return connection.execute(named).first() is not None


def _devices(connection: Connection, streams: Iterable[str]) -> dict[str, list[str]]:
    table, names = models.Installation, {stream_hash(uri): uri for uri in streams}
    query = select(table.stream, table.device).where(table.to_ms.is_(None)).order_by(table.device)
    found: dict[str, list[str]] = {}
    for row in connection.execute(query):
        if row.stream in names:
            found.setdefault(names[row.stream], []).append(row.device)
    return found
