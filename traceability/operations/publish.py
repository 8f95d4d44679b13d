"""Publishing: committed records get their log indexes, and a signed checkpoint covers them.

    stage    give indexes, extend the tiles, append the state leaf, sign: one transaction
    lock     put the signed checkpoint into the lock database, by compare-and-swap
    apply    mark it published; only now anyone is shown it

A program that dies between two of these finds the staged checkpoint when it starts again and
goes on from there, by the same code. The state tree is rebuilt whole from all streams.

Order in the log: record time, then SHA-256 of the stream, then sequence number. So times
never decrease along the log, and a stream's records keep their order (docs/adr/0003).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, insert, or_, select, update

from traceability.errors import ChainMismatchError, ClockError, LogConflictError
from traceability.ledger import note
from traceability.ledger.record import GENESIS, Record, commit, format_time
from traceability.ledger.state import StateLeaf
from traceability.operations.lock import Lock
from traceability.operations.log import latest_checkpoint, read_tiles, state_tree
from traceability.operations.node import Node
from traceability.operations.stays import settle_stays
from traceability.store import models
from traceability.store.engine import AnyRow, Store, Transaction


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint that anyone may see now."""

    size: int
    records: int
    note: bytes


def publish(store: Store, node: Node) -> Published | None:
    """Publish whatever is committed and new; None if nothing is, or if another publisher is at it.

    Raises:
        LogConflictError: store and lock disagree; nothing was signed.
        ChainMismatchError: a stored record does not hash to what the chain says; nothing was signed.
        ClockError: there are new records and this machine's clock did not move on.
        StoreUnavailableError: try again.
    """
    lock = Lock(node.lock_path)
    _resume(store, lock)
    with store.transaction(alone=True) as tx:
        if _staged(tx.connection) is not None:
            return None
        latest = latest_checkpoint(tx.connection)
        _agree(lock, latest)
        settle_stays(tx)
        staged = _stage(tx, node, latest)
    if staged is None:
        return None
    lock.swap(latest.note.encode() if latest else None, staged.note)
    _apply(store, staged.size)
    return staged


def _resume(store: Store, lock: Lock) -> None:
    """Bring a staged checkpoint to its end."""
    with store.reading() as connection:
        latest, staged = latest_checkpoint(connection), _staged(connection)
    if staged is None:
        return
    signed, before = lock.newest(), latest.note.encode() if latest else None
    if signed != staged.note.encode():
        if signed != before:
            raise LogConflictError(
                "the store is behind the newest signed checkpoint", expected=signed, got=before
            )
        lock.swap(before, staged.note.encode())
    _apply(store, staged.size)


def _staged(connection: Connection) -> AnyRow | None:
    return connection.execute(select(models.Checkpoint).where(~models.Checkpoint.published)).one_or_none()


def _agree(lock: Lock, latest: AnyRow | None) -> None:
    signed, published = lock.newest(), latest.note.encode() if latest else None
    if signed != published:
        raise LogConflictError(
            "store and lock hold different newest checkpoints", expected=signed, got=published
        )


def _stage(tx: Transaction, node: Node, latest: AnyRow | None) -> Published | None:
    connection = tx.connection
    size = latest.size if latest else 0
    rows = _unpublished(connection)
    if latest is not None and not rows:
        return None
    last_ms = max([latest.time_ms if latest else 0] + [r.time_ms for r in rows])
    if tx.now_ms < last_ms or (latest is not None and tx.now_ms <= latest.time_ms):
        raise ClockError(
            f"it is {format_time(tx.now_ms)} here, but {format_time(last_ms)} is signed or recorded"
        )
    _reread(connection, rows)
    _write_indexes(connection, rows, size)
    tree = state_tree(connection, size + len(rows))
    leaf = StateLeaf(index=size + len(rows), streams=tree.streams, root=tree.root, time_ms=tx.now_ms)
    tiles = read_tiles(connection)
    if latest is not None and tiles.root(size) != note.parse_checkpoint(_text(latest.note)).root:
        raise LogConflictError("the tiles do not give the root of the newest checkpoint")
    changed, root = tiles.append(size, [*(r.hash for r in rows), leaf.hash])
    checkpoint = note.Checkpoint(node.origin, leaf.index + 1, root)
    signature = note.sign_note(checkpoint.text(), node.origin, node.log_key)
    signed = note.Note(checkpoint.text(), (signature,)).encode()
    _write_tiles(connection, changed)
    row = {
        "size": checkpoint.size,
        "time_ms": leaf.time_ms,
        "leaf": leaf.text().decode("ascii"),
        "note": signed.decode("utf-8"),
        "published": False,
    }
    connection.execute(insert(models.Checkpoint).values(row))
    return Published(checkpoint.size, len(rows), signed)


def _unpublished(connection: Connection) -> Sequence[AnyRow]:
    table = models.Record
    query = select(table, models.Stream.uri).join(models.Stream).where(table.log_index.is_(None))
    return connection.execute(query.order_by(table.time_ms, table.stream, table.seq)).all()


def _reread(connection: Connection, rows: Sequence[AnyRow]) -> None:
    """Hash what is about to be signed once more, from the stored columns."""
    heads: dict[bytes, bytes] = {}
    for row in rows:
        prev = heads.get(row.stream)
        if prev is None:
            table = models.Record
            query = select(table.hash).where(table.stream == row.stream, table.seq == row.seq - 1)
            prev = connection.execute(query).scalar_one_or_none() or GENESIS
        record = Record(row.uri, row.seq, prev, row.time_ms, row.media_type, commit(row.statement, row.salt))
        if record.hash != row.hash:
            raise ChainMismatchError(f"record {row.seq} of {row.uri}", expected=row.hash, got=record.hash)
        heads[row.stream] = row.hash
    _check_heads(connection)


def _check_heads(connection: Connection) -> None:
    """Every stream's row says what its last record says: the state tree is made from it."""
    stream, record = models.Stream, models.Record
    last = and_(record.stream == stream.hash, record.seq == stream.length - 1)
    query = select(stream.uri, stream.head, record.hash).outerjoin(record, last).where(stream.length > 0)
    for row in connection.execute(query.where(or_(record.hash.is_(None), record.hash != stream.head))):
        raise ChainMismatchError(f"head of {row.uri}", expected=row.hash, got=row.head)


def _write_indexes(connection: Connection, rows: Sequence[AnyRow], size: int) -> None:
    table = models.Record
    if rows:
        connection.execute(
            update(table)
            .where(table.stream == bindparam("of"), table.seq == bindparam("number"))
            .values(log_index=bindparam("index")),
            [{"of": r.stream, "number": r.seq, "index": size + i} for i, r in enumerate(rows)],
        )


def _write_tiles(connection: Connection, changed: Mapping[tuple[int, int], bytes]) -> None:
    tile = models.Tile
    for (level, number), hashes in changed.items():
        place = (tile.level == level, tile.number == number)
        if not connection.execute(update(tile).where(*place).values(hashes=hashes)).rowcount:
            connection.execute(insert(tile).values(level=level, number=number, hashes=hashes))


def _apply(store: Store, size: int) -> None:
    with store.transaction() as tx:
        table = models.Checkpoint
        tx.connection.execute(update(table).where(table.size == size).values(published=True))


def _text(signed: str) -> bytes:
    return note.parse_note(signed.encode("utf-8")).text
