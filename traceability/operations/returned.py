"""Statements that were lost with a database, and are sent again: each takes its old place.

The log says of a lost record to what it commits. A salt can be made again by the node that made it, so
whoever sends the same bytes once more is recognised, and they are not recorded a second time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, select

from traceability.ledger.record import commit, make_salt
from traceability.ledger.state import stream_hash
from traceability.operations.admission import MAX_AHEAD_MS
from traceability.operations.chain import Entry
from traceability.operations.node import Node
from traceability.store import models
from traceability.store.engine import AnyRow, Transaction
from traceability.store.rows import insert_new, update_all

_record = models.Record
_LOST: Final = (
    select(_record.stream, _record.seq, _record.time_ms, _record.media_type, _record.commitment)
    .where(_record.statement.is_(None), _record.stream.in_(bindparam("streams", expanding=True)))
    .with_for_update()
)


def take_back(tx: Transaction, node: Node, sent: Sequence[tuple[Entry, int]]) -> dict[bytes, int]:
    """Give lost records their statements back, if they are among these; all streams are those of devices.

    Args:
        sent: each with the time of its first reading in milliseconds since 1970, or 0.

    Returns:
        By SHA-256 of the statements that were, their numbers in their streams.
    """
    lost: dict[bytes, list[AnyRow]] = defaultdict(list)
    streams = {stream_hash(entry.stream) for entry, _ in sent}
    for row in tx.connection.execute(_LOST, {"streams": list(streams)}):
        lost[row.stream].append(row)
    rows, found = [], dict[bytes, int]()
    for entry, from_ms in sent if lost else ():
        for row in lost[stream_hash(entry.stream)]:
            if row.media_type != entry.media_type or row.time_ms + MAX_AHEAD_MS < from_ms:
                continue
            salt = make_salt(node.salt_key, entry.stream, row.seq)
            if commit(entry.sha256, salt) == row.commitment:
                found[entry.sha256] = row.seq
                place = {"stream": row.stream, "seq": row.seq, "commitment": None, "salt": salt}
                rows.append((place | {"statement": entry.sha256}, entry.body))
                break
    insert_new(tx, models.Statement, ({"sha256": row["statement"], "body": body} for row, body in rows))
    update_all(tx, models.Record, (row for row, _ in rows))
    return found
