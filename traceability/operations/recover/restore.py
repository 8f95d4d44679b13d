"""Bringing a store to what was signed: in one transaction, as the publisher would have left it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select, update

from traceability import media
from traceability.errors import UnrecoverableError
from traceability.ledger import note
from traceability.ledger.history import beacon_of
from traceability.ledger.record import Record
from traceability.ledger.state import stream_hash
from traceability.ledger.statepages import Page
from traceability.operations.accounts.trail import COMMAND_LINE
from traceability.operations.accounts.trail import note as note_down
from traceability.operations.keptstate import RECENT, keep_pages, put_pages
from traceability.operations.lock import Lock
from traceability.operations.node import Node
from traceability.operations.recover.follow import follow, keep_texts
from traceability.operations.recover.offers import Given, Offers, Wanted
from traceability.operations.recover.survey import Piece, Plan, survey
from traceability.operations.recover.walk import Grown, Walked
from traceability.store import models
from traceability.store.engine import Store, Transaction
from traceability.store.rows import insert_all, insert_new, put_all, update_all


def recover(store: Store, node: Node, walked: Walked | None, offers: Offers) -> Plan:
    """Do what ``survey`` says, all of it or nothing; what it says is asked again within the transaction.

    The lock is brought to the newest checkpoint first: if what follows is not committed, the store
    is behind its lock as before.

    Raises:
        UnrecoverableError: see ``survey``; or the node's log key is not the one that signed.
        LogConflictError: somebody signed in the meantime.
        StoreUnavailableError: nothing was changed.
    """
    with store.transaction(alone=True) as tx:
        plan = survey(tx.connection, walked, offers)
        if walked is not None and walked.grown:
            _bring_forward(tx, node, walked, plan)
        elif walked is not None:
            _lock(node, walked)
        _fill(tx, [piece for piece in plan.pieces if piece.new])
        _give_back(tx, [piece for piece in plan.pieces if piece.given and not piece.new])
        if any(piece.given for piece in plan.pieces):
            follow(tx, node)
        note_down(tx, COMMAND_LINE, "store-recovered", node.name, pieces=len(plan.pieces))
    return plan


def _bring_forward(tx: Transaction, node: Node, walked: Walked, plan: Plan) -> None:
    """Heads, indexes, tiles, state and checkpoints."""
    records = [record for grown in walked.grown for record in grown.records]
    _move_heads(tx, records)
    record, table = models.Record, models.Checkpoint
    unplaced = update(record).where(record.log_index >= walked.base).values(log_index=None)
    tx.connection.execute(unplaced)
    places = ({"stream": name, "seq": seq, "log_index": index} for name, seq, index in plan.placed)
    update_all(tx, record, places)
    tiles = ({"level": lv, "number": n, "hashes": hashes} for (lv, n), hashes in walked.changed.items())
    put_all(tx, models.Tile, tiles)
    tx.connection.execute(delete(table).where(table.size > walked.base))  # one that was staged
    insert_all(tx, table, (_checkpoint(node, grown) for grown in walked.grown))
    _move_state(tx, walked.grown)
    _lock(node, walked)


def _move_heads(tx: Transaction, records: Sequence[Record]) -> None:
    last = {stream_hash(record.stream): record for record in records}
    rows: list[dict[str, Any]] = [
        {"hash": name, "uri": r.stream, "length": r.seq + 1, "head": r.hash, "time_ms": r.time_ms}
        for name, r in last.items()
    ]
    insert_new(tx, models.Stream, rows)
    known = select(models.Stream.hash, models.Stream.length)
    lengths = {row.hash: row.length for row in tx.connection.execute(known)}
    behind = [row for row in rows if lengths[row["hash"]] < row["length"]]
    update_all(tx, models.Stream, behind)


def _move_state(tx: Transaction, grown: Sequence[Grown]) -> None:
    """The pages as they are now, and for the newest checkpoints as they were before each."""
    older: dict[Page, bytes] = {}
    for each in grown[:-RECENT]:
        older |= each.pages
    put_pages(tx, older)
    for each in grown[-RECENT:]:
        keep_pages(tx, each.pages, each.size)


def _checkpoint(node: Node, grown: Grown) -> dict[str, object]:
    """A checkpoint's row: signed again, which with Ed25519 gives the bytes that were signed before."""
    checkpoint = note.Checkpoint(node.origin, grown.size, grown.root)
    return {
        "size": grown.size,
        "time_ms": grown.state.time_ms,
        "leaf": grown.state.text().decode("ascii"),
        "note": signed_note(node, checkpoint).decode("utf-8"),
        "published": True,
        "beacon": beacon_of(checkpoint),
    }


def signed_note(node: Node, checkpoint: note.Checkpoint) -> bytes:
    """A checkpoint under the log's own signature.

    Raises:
        UnrecoverableError: the node's log key is not the one that its policy names.
    """
    if node.log_key.public != node.policy.log.key:
        raise UnrecoverableError("keys/log.pem is not the key of this node's log: restore it from your copy")
    text = checkpoint.text()
    return note.Note(text, (note.sign_note(text, node.origin, node.log_key),)).encode()


def _lock(node: Node, walked: Walked) -> None:
    """Let the lock hold the newest checkpoint, if it holds what it held; it never goes back."""
    lock = Lock(node.lock_path)
    lock.swap(walked.locked, signed_note(node, walked.target))


def _fill(tx: Transaction, pieces: Sequence[Piece]) -> None:
    """The rows of records that are not here."""
    _keep_statements(tx, [piece.given for piece in pieces if piece.given])
    rows = []
    for piece in pieces:
        wanted, given = piece.wanted, piece.given
        row = _contents(wanted, given) | {"time_ms": wanted.time_ms, "media_type": wanted.media_type}
        rows.append(row | {"hash": wanted.hash, "log_index": wanted.log_index})
    insert_all(tx, models.Record, rows)
    _keep_texts(tx, pieces)


def _give_back(tx: Transaction, pieces: Sequence[Piece]) -> None:
    """The statements of records that are here without."""
    _keep_statements(tx, [piece.given for piece in pieces if piece.given])
    update_all(tx, models.Record, (_contents(piece.wanted, piece.given) for piece in pieces))
    _keep_texts(tx, pieces)


def _contents(wanted: Wanted, given: Given | None) -> dict[str, object]:
    """What a record commits to, as far as it is known."""
    return {
        "stream": stream_hash(wanted.stream),
        "seq": wanted.seq,
        "statement": given.sha256 if given else None,
        "salt": given.salt if given else None,
        "commitment": None if given else wanted.commitment,
    }


def _keep_texts(tx: Transaction, pieces: Sequence[Piece]) -> None:
    """The disclosures of events that are given back."""
    for piece in pieces:
        if piece.given is not None and piece.wanted.media_type == media.EVENT:
            keep_texts(tx, piece.given.sha256, piece.given.body, piece.given.texts)


def _keep_statements(tx: Transaction, given: Sequence[Given]) -> None:
    bodies = {each.sha256: each.body for each in given}
    insert_new(tx, models.Statement, ({"sha256": name, "body": body} for name, body in bodies.items()))
