"""The state tree between checkpoints: kept as pages, read and written only along streams that moved on.

The pages are those of the newest published checkpoint: they change in the transaction that
publishes the next one. What they were before is kept for the checkpoints just before it, which
readers may still be shown. Whoever reads pages has them compared with the root in a state leaf.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, delete, select

from traceability.ledger.state import StateTree, parse_state_leaf
from traceability.ledger.statepages import TOP, Heads, Page
from traceability.operations.log import latest_checkpoint
from traceability.store import models
from traceability.store.engine import AnyRow, Store, Transaction
from traceability.store.rows import insert_all, put_all

CHUNK: Final = 1_000
"""Pages that are asked for at a time: databases limit the parameters of a query."""
RECENT: Final = 32
"""So many of the newest checkpoints have their state."""


def kept_state(connection: Connection, checkpoint: AnyRow | None) -> StateTree:
    """The state at the newest published checkpoint, or at one of the ``RECENT`` newest.

    Args:
        checkpoint: its row, from the same snapshot; None before the first.

    Raises:
        MalformedError: its state leaf is none.
    """
    if checkpoint is None:
        return StateTree({})
    leaf, past = parse_state_leaf(checkpoint.leaf.encode()), models.PastStatePage
    is_newest = connection.execute(select(past.size).where(past.size > checkpoint.size)).first() is None

    def read(level: int, numbers: Collection[int]) -> Mapping[int, bytes]:
        wanted = list(numbers)
        found = _bodies(connection, level, wanted)
        return found if is_newest else found | _past_bodies(connection, checkpoint.size, level, wanted)

    return StateTree.kept(read, leaf.streams, leaf.root)


def keep_pages(tx: Transaction, pages: Mapping[Page, bytes], size: int) -> None:
    """Write pages in the place of what they were, which is kept beside.

    Args:
        size: of the checkpoint that is published.
    """
    before: list[dict[str, object]] = []
    for level in {level for level, _ in pages}:
        numbers = [number for of, number in pages if of == level]
        known = _bodies(tx.connection, level, numbers)
        before += ({"level": level, "number": n, "size": size, "body": known.get(n, b"")} for n in numbers)
    insert_all(tx, models.PastStatePage, before)
    put_pages(tx, pages)
    table, past = models.Checkpoint, models.PastStatePage
    newest = select(table.size).where(table.published).order_by(table.size.desc())
    oldest = newest.offset(RECENT - 1).limit(1).scalar_subquery()
    tx.connection.execute(delete(past).where(past.size <= oldest))


def put_pages(tx: Transaction, pages: Mapping[Page, bytes]) -> None:
    """Write pages; what they were before is not kept."""
    rows = ({"level": level, "number": number, "body": body} for (level, number), body in pages.items())
    put_all(tx, models.StatePage, rows)


def _bodies(connection: Connection, level: int, numbers: Sequence[int]) -> dict[int, bytes]:
    """The pages as they are; those that are empty are left out."""
    table, found = models.StatePage, dict[int, bytes]()
    query = select(table.number, table.body).where(table.level == level)
    for first in range(0, len(numbers), CHUNK):
        some = table.number.in_(numbers[first : first + CHUNK])
        found |= {row.number: row.body for row in connection.execute(query.where(some))}
    return found


def _past_bodies(connection: Connection, size: int, level: int, numbers: Sequence[int]) -> dict[int, bytes]:
    """The pages that were changed since the checkpoint of this size, as they were then; b"" if empty."""
    table, found = models.PastStatePage, dict[int, bytes]()
    query = select(table.number, table.body).where(table.size > size, table.level == level)
    for first in range(0, len(numbers), CHUNK):
        some = query.where(table.number.in_(numbers[first : first + CHUNK]))
        for row in connection.execute(some.order_by(table.size.desc())):
            found[row.number] = row.body  # the oldest change comes last, and stays
    return found


def grown_heads(connection: Connection, first: int, end: int) -> Heads:
    """The heads of the streams that have records among leaves ``first`` to ``end``, at the last of these."""
    record = models.Record
    query = select(record.stream, record.seq, record.hash).order_by(record.log_index)
    inside = query.where(record.log_index >= first, record.log_index < end)
    return {row.stream: (row.seq + 1, row.hash) for row in connection.execute(inside)}


def keep_missing(store: Store, say: Callable[[str], None] = lambda _: None) -> int:
    """Build the pages from the records, if there are none: an earlier version wrote this store.

    Returns:
        How many pages were written.
    """
    with store.transaction(alone=True) as tx:
        latest = latest_checkpoint(tx.connection)
        top = select(models.StatePage.number).where(models.StatePage.level == TOP)
        if latest is None or tx.connection.execute(top).first() is not None:
            return 0
        heads = grown_heads(tx.connection, 0, latest.size)
        if heads:
            say(f"building the state of {len(heads)} streams")
        pages = StateTree(heads).pages
        put_pages(tx, pages)
        return len(pages)
