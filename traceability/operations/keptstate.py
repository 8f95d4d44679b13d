"""The state tree between checkpoints: kept as pages, read and written only along streams that moved on.

The pages are those of the newest published checkpoint: they change in the transaction that
publishes the next one. Whoever reads them has them compared with the root in its state leaf.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

from sqlalchemy import Connection, select

from traceability.ledger.state import StateTree, parse_state_leaf
from traceability.ledger.statepages import TOP, Heads, Page
from traceability.operations.log import latest_checkpoint
from traceability.store import models
from traceability.store.engine import AnyRow, Store, Transaction
from traceability.store.rows import put_all

CHUNK: Final = 1_000
"""Pages that are asked for at a time: databases limit the parameters of a query."""


def kept_state(connection: Connection, latest: AnyRow | None) -> StateTree:
    """The state at the newest published checkpoint.

    Args:
        latest: the row of that checkpoint, from the same snapshot; None before the first.

    Raises:
        MalformedError: its state leaf is none.
    """
    if latest is None:
        return StateTree({})
    leaf = parse_state_leaf(latest.leaf.encode())
    table = models.StatePage

    def read(level: int, numbers: Collection[int]) -> Mapping[int, bytes]:
        query, wanted = select(table.number, table.body).where(table.level == level), list(numbers)
        found: dict[int, bytes] = {}
        for first in range(0, len(wanted), CHUNK):
            some = query.where(table.number.in_(wanted[first : first + CHUNK]))
            found.update((row.number, row.body) for row in connection.execute(some))
        return found

    return StateTree.kept(read, leaf.streams, leaf.root)


def keep_pages(tx: Transaction, pages: Mapping[Page, bytes]) -> None:
    """Write pages in the place of what they were."""
    rows = ({"level": level, "number": number, "body": body} for (level, number), body in pages.items())
    put_all(tx, models.StatePage, rows)


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
    with store.transaction() as tx:
        latest = latest_checkpoint(tx.connection)
        top = select(models.StatePage.number).where(models.StatePage.level == TOP)
        if latest is None or tx.connection.execute(top).first() is not None:
            return 0
        heads = grown_heads(tx.connection, 0, latest.size)
        if heads:
            say(f"building the state of {len(heads)} streams")
        pages = StateTree(heads).pages
        keep_pages(tx, pages)
        return len(pages)
