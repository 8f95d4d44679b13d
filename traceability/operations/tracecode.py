"""The trace code of a batch, for its label: of published records only, hashed once more."""

from __future__ import annotations

from sqlalchemy import Connection, select

from traceability.errors import ChainMismatchError, NotPublishedError, UnknownSubjectError
from traceability.ledger.record import GENESIS, chain_hashes
from traceability.ledger.state import Presence, stream_hash
from traceability.ledger.tracecode import TraceCode, trace_code
from traceability.operations.cosign import shown_checkpoint
from traceability.operations.keptstate import kept_state
from traceability.operations.log import require_statement
from traceability.operations.node import Node
from traceability.store import models


def read_trace_code(
    connection: Connection, node: Node, batch: str, now_ms: int, at: int | None = None
) -> TraceCode:
    """The code of a batch's chain as its page shows it.

    Args:
        connection: a snapshot (``Store.reading``).
        batch: URI of the batch's stream.
        now_ms: the node's clock: what is published waits a moment for its witnesses.
        at: how many records the chain had; all that are published if not given.

    Raises:
        UnknownSubjectError: no such batch on this node, or its chain has no record of that number.
        NotPublishedError: it is recorded, but no published checkpoint covers it yet.
        LostStatementError: a statement of it was lost with a database.
        ChainMismatchError: the stored records do not lead to the head that was signed.
    """
    name, table = stream_hash(batch), models.Record
    known = select(models.Batch.stream).where(models.Batch.stream == name)
    if connection.execute(known).first() is None:
        raise UnknownSubjectError(f"{batch} is not recorded on {node.name}")
    shown = shown_checkpoint(connection, node, now_ms)
    place = None if shown is None else kept_state(connection, shown).prove(name)
    if shown is None or not isinstance(place, Presence):
        raise NotPublishedError(f"{batch} is recorded, but not yet in the log")
    links = (
        select(table.seq, table.time_ms, table.media_type, table.statement, table.salt)
        .where(table.stream == name, table.log_index < shown.size)
        .order_by(table.seq)
    )
    found = connection.execute(links).all()
    for row in found:
        require_statement(row, batch)
    rows = [(r.time_ms, r.media_type, r.statement, r.salt) for r in found]
    heads = list(chain_hashes(batch, 0, GENESIS, rows))
    if (len(heads), heads[-1:]) != (place.count, [place.head]):
        raise ChainMismatchError(f"head of {batch}", expected=place.head, got=heads[-1] if heads else None)
    count = len(heads) if at is None else at
    if not 1 <= count <= len(heads):
        raise UnknownSubjectError(
            f"{batch} has no record number {count}", remedy=f"Published of it are 1 to {len(heads)}."
        )
    return trace_code(count, heads[count - 1])
