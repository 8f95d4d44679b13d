"""Rotations of devices: recorded on their key streams, and the keys that follow from them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert

from traceability.ledger.record import Record
from traceability.ledger.state import stream_hash
from traceability.operations.chain import Entry, append
from traceability.operations.keyring import end_key
from traceability.operations.node import Node
from traceability.sensing.frame import DeviceStatement
from traceability.sensing.rotation import read_rotation
from traceability.store import models
from traceability.store.engine import Transaction


def record_rotations(tx: Transaction, node: Node, statements: Sequence[DeviceStatement]) -> list[Record]:
    """Chain rotations that were accepted, in their order, and let each next key speak from there on.

    They come before all else of a handful: what the next key signed is never recorded before it.
    """
    records = append(tx, node, [Entry(s.stream, s.media_type, s.message) for s in statements])
    for statement, record in zip(statements, records, strict=True):
        key = read_rotation(statement).key
        end_key(tx, statement.kid, record.time_ms, statement.counter)
        row = {
            "kid": key.kid,
            "subject": statement.issuer,
            "public": key.raw,
            "stream": stream_hash(statement.stream),
            "from_ms": record.time_ms,
            "first_counter": statement.counter + 1,
        }
        tx.connection.execute(insert(models.Key).values(row))
    return records
