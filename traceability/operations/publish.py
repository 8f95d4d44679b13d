"""Publishing: committed records get their log indexes, and a signed checkpoint covers them.

    stage    give indexes, extend the tiles, append the state leaf, sign: one transaction
    lock     put the signed checkpoint into the lock database, by compare-and-swap
    apply    mark it published, and bring the kept state to it: one transaction; only now anyone sees it

A program that dies between two of these finds the staged checkpoint when it starts again and
goes on from there, by the same code.

What a publish costs grows with what is new: the new records are hashed again from their stored
columns, on top of the heads that the newest checkpoint signed, and of tiles and state only what
these records change is read, compared with what was signed, and written.

Order in the log: record time, then SHA-256 of the stream, then sequence number. So times
never decrease along the log, and a stream's records keep their order (docs/adr/0003).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from traceability.errors import ClockError, LogConflictError
from traceability.ledger import merkle, note
from traceability.ledger.history import beacon_of
from traceability.ledger.record import format_time
from traceability.ledger.state import StateLeaf, parse_state_leaf
from traceability.ledger.statepages import Page
from traceability.ledger.tiles import Tiles
from traceability.operations.keptstate import grown_heads, keep_pages, kept_state
from traceability.operations.leap import require_plausible
from traceability.operations.lock import Lock
from traceability.operations.log import latest_checkpoint, read_tiles
from traceability.operations.node import Node
from traceability.operations.rehash import rehash, unpublished
from traceability.operations.stays import settle_stays
from traceability.store import models
from traceability.store.engine import AnyRow, Store, Transaction
from traceability.store.rows import put_all, update_all


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint that anyone may see now."""

    size: int
    records: int
    note: bytes


@dataclass(frozen=True, slots=True)
class _Staged:
    """A checkpoint that is signed, and the pages of the state that it changes."""

    published: Published
    pages: Mapping[Page, bytes]


def publish(store: Store, node: Node) -> Published | None:
    """Publish whatever is committed and new; None if nothing is, or if another publisher is at it.

    Raises:
        LogConflictError: store and lock disagree, or the kept tiles or state are not those that were
            signed; nothing was signed.
        ChainMismatchError: a stored record does not hash to what the chain says; nothing was signed.
        ClockError: there are new records and this machine's clock did not move on, or leapt ahead.
        StoreUnavailableError: try again.
    """
    lock = Lock(node.lock_path)
    _resume(store, lock)
    with store.transaction(alone=True) as tx:
        if _staged(tx.connection) is not None:
            return None
        latest = latest_checkpoint(tx.connection)
        _agree(lock, latest)
        settle_stays(tx, node)
        staged = _stage(tx, node, latest)
    if staged is None:
        return None
    lock.swap(latest.note.encode() if latest else None, staged.published.note)
    _apply(store, staged.published.size, staged.pages)
    return staged.published


def _resume(store: Store, lock: Lock) -> None:
    """Bring a staged checkpoint to its end."""
    with store.reading() as connection:
        latest, staged = latest_checkpoint(connection), _staged(connection)
        if staged is None:
            return
        pages = _pages_of(connection, latest, staged)
    signed, before = lock.newest(), latest.note.encode() if latest else None
    if signed != staged.note.encode():
        if signed != before:
            raise LogConflictError(
                "the store is behind the newest signed checkpoint", expected=signed, got=before
            )
        lock.swap(before, staged.note.encode())
    _apply(store, staged.size, pages)


def _pages_of(connection: Connection, latest: AnyRow | None, staged: AnyRow) -> Mapping[Page, bytes]:
    """The pages of the state that a staged checkpoint changes, from the records below it."""
    heads = grown_heads(connection, latest.size if latest else 0, staged.size - 1)
    state, leaf = kept_state(connection, latest).updated(heads), parse_state_leaf(staged.leaf.encode())
    if (state.streams, state.root) != (leaf.streams, leaf.root):
        raise LogConflictError(
            "the records do not give the state that is signed", expected=leaf.root, got=state.root
        )
    return state.changed


def _staged(connection: Connection) -> AnyRow | None:
    return connection.execute(select(models.Checkpoint).where(~models.Checkpoint.published)).one_or_none()


def _agree(lock: Lock, latest: AnyRow | None) -> None:
    signed, published = lock.newest(), latest.note.encode() if latest else None
    if signed != published:
        raise LogConflictError(
            "store and lock hold different newest checkpoints", expected=signed, got=published
        )


def _stage(tx: Transaction, node: Node, latest: AnyRow | None) -> _Staged | None:
    connection, size = tx.connection, latest.size if latest else 0
    rows = unpublished(connection)
    if latest is not None and not rows:
        return None
    _check_clock(tx, latest, rows)
    require_plausible(node.folder, tx.now_ms, latest.time_ms if latest else None)
    tiles = read_tiles(connection)
    _check_tiles(tiles, latest)
    before = kept_state(connection, latest)
    state = before.updated(rehash(connection, rows, before))
    leaf = StateLeaf(index=size + len(rows), streams=state.streams, root=state.root, time_ms=tx.now_ms)
    changed, root = tiles.append(size, [*(r.hash for r in rows), leaf.hash])
    checkpoint = note.Checkpoint(node.origin, leaf.index + 1, root)
    signature = note.sign_note(checkpoint.text(), node.origin, node.log_key)
    signed = note.Note(checkpoint.text(), (signature,)).encode()
    row = {
        "size": checkpoint.size,
        "time_ms": leaf.time_ms,
        "leaf": leaf.text().decode("ascii"),
        "note": signed.decode("utf-8"),
        "published": False,
        "beacon": beacon_of(checkpoint),
    }
    places = ({"stream": r.stream, "seq": r.seq, "log_index": size + i} for i, r in enumerate(rows))
    update_all(tx, models.Record, places)
    tile_rows = ({"level": level, "number": number, "hashes": h} for (level, number), h in changed.items())
    put_all(tx, models.Tile, tile_rows)
    connection.execute(insert(models.Checkpoint).values(row))
    return _Staged(Published(checkpoint.size, len(rows), signed), state.changed)


def _check_clock(tx: Transaction, latest: AnyRow | None, rows: Sequence[AnyRow]) -> None:
    last_ms = max([latest.time_ms if latest else 0] + [r.time_ms for r in rows])
    if tx.now_ms < last_ms or (latest is not None and tx.now_ms <= latest.time_ms):
        raise ClockError(
            f"it is {format_time(tx.now_ms)} here, but {format_time(last_ms)} is signed or recorded"
        )


def _check_tiles(tiles: Tiles, latest: AnyRow | None) -> None:
    """The tiles are those of the newest checkpoint, and its state leaf is the last one in them."""
    if latest is None:
        return
    signed = note.parse_checkpoint(_text(latest.note))
    if tiles.root(latest.size) != signed.root:
        raise LogConflictError("the tiles do not give the root of the newest checkpoint")
    leaf, proof = merkle.leaf_hash(latest.leaf.encode()), tiles.inclusion_proof(latest.size - 1, latest.size)
    merkle.verify_inclusion(latest.size - 1, latest.size, leaf, proof, signed.root)


def _apply(store: Store, size: int, pages: Mapping[Page, bytes]) -> None:
    """Publish a staged checkpoint; nothing happens if another publisher did so in the meantime."""
    table = models.Checkpoint
    with store.transaction() as tx:
        staged = update(table).where(table.size == size, ~table.published)
        if tx.connection.execute(staged.values(published=True)).rowcount:
            keep_pages(tx, pages, size)


def _text(signed: str) -> bytes:
    return note.parse_note(signed.encode("utf-8")).text
