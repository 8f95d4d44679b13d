"""Appending to streams: the one place where a record is made.

The head of every stream that is touched is locked first, always in the order of the stream
hashes, so that two writers can neither fork a chain nor wait for one another in a circle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import bindparam, func, select

from traceability.ledger.record import GENESIS, Record, commit, make_salt
from traceability.ledger.state import stream_hash
from traceability.operations.leap import require_plausible
from traceability.operations.node import Node
from traceability.store import models
from traceability.store.engine import Transaction
from traceability.store.rows import insert_all, insert_new, update_all

CHUNK: Final = 1_000
"""Rows that are asked for at a time: databases limit the parameters of a query."""

_stream, _checkpoint = models.Stream, models.Checkpoint
_EARLIEST: Final = select(
    select(_checkpoint.time_ms).order_by(_checkpoint.size.desc()).limit(1).scalar_subquery(),
    select(func.max(models.Key.from_ms)).scalar_subquery(),
)
_HEADS: Final = (
    select(_stream.hash, _stream.length, _stream.head, _stream.time_ms)
    .where(_stream.hash.in_(bindparam("streams", expanding=True)))
    .order_by(_stream.hash)
    .with_for_update()
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A statement on its way into a stream; ``sha256`` is that of its bytes."""

    stream: str
    media_type: str
    body: bytes
    sha256: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", hashlib.sha256(self.body).digest())


@dataclass(frozen=True, slots=True)
class Head:
    """A stream's newest record as the transaction sees it."""

    uri: str
    count: int
    head: bytes
    time_ms: int


def append(
    tx: Transaction, node: Node, entries: Sequence[Entry], heads: dict[bytes, Head] | None = None
) -> list[Record]:
    """Chain statements onto their streams, in the order given.

    Args:
        heads: of all these streams, locked by this transaction and unchanged since; brought forward
            here. Without it they are locked now.

    The record time is the transaction's, or if that is later the newest of the stream, of the
    last checkpoint or of the keys that were brought in: times never decrease, in a stream and
    along the log, and nothing is recorded before the time of its key, even when this machine's
    clock goes back.

    Returns:
        One record an entry.

    Raises:
        ClockLeapError: this machine's clock is more than a year ahead of the last checkpoint.
    """
    if not entries:
        return []
    if heads is None:
        heads = lock_heads(tx, (e.stream for e in entries))
    times = tx.connection.execute(_EARLIEST).one()
    require_plausible(node.folder, tx.now_ms, times[0])
    earliest = max(tx.now_ms, *(time_ms or 0 for time_ms in times))
    records: list[Record] = []
    rows = []
    grown: dict[bytes, Head] = {}
    for entry in entries:
        key = stream_hash(entry.stream)
        head = heads[key]
        salt = make_salt(node.salt_key, entry.stream, head.count)
        record = Record(
            stream=entry.stream,
            seq=head.count,
            prev=head.head,
            time_ms=max(earliest, head.time_ms),
            media_type=entry.media_type,
            commitment=commit(entry.sha256, salt),
        )
        digest = record.hash
        heads[key] = grown[key] = Head(entry.stream, head.count + 1, digest, record.time_ms)
        records.append(record)
        rows.append(_row(key, record, digest, entry.sha256, salt))
    bodies = {entry.sha256: entry.body for entry in entries}
    insert_new(tx, models.Statement, ({"sha256": name, "body": body} for name, body in bodies.items()))
    insert_all(tx, models.Record, rows)
    ends = ({"hash": k, "length": h.count, "head": h.head, "time_ms": h.time_ms} for k, h in grown.items())
    update_all(tx, models.Stream, ends)
    return records


def lock_heads(tx: Transaction, uris: Iterable[str]) -> dict[bytes, Head]:
    """The heads of streams, locked until the transaction ends; new streams begin empty."""
    wanted = {stream_hash(uri): uri for uri in uris}
    keys = sorted(wanted)
    empty = ({"hash": k, "uri": wanted[k], "length": 0, "head": GENESIS, "time_ms": 0} for k in keys)
    insert_new(tx, models.Stream, empty)
    heads: dict[bytes, Head] = {}
    for first in range(0, len(keys), CHUNK):
        for row in tx.connection.execute(_HEADS, {"streams": keys[first : first + CHUNK]}):
            heads[row.hash] = Head(wanted[row.hash], row.length, row.head, row.time_ms)
    return heads


def _row(key: bytes, record: Record, digest: bytes, statement: bytes, salt: bytes) -> dict[str, object]:
    return {
        "stream": key,
        "seq": record.seq,
        "time_ms": record.time_ms,
        "media_type": record.media_type,
        "statement": statement,
        "salt": salt,
        "hash": digest,
        "log_index": None,
    }
