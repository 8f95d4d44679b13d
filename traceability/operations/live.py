"""Marks: short texts that change when there is something new to be shown of a subject.

A page keeps the mark of what it shows. Whoever watches compares it with the newest; it is never read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sqlalchemy import Connection, select

from traceability.operations.cosign import shown_checkpoint
from traceability.operations.node import Node
from traceability.store import models


def mark_of(parts: Iterable[object]) -> str:
    """A mark of some values: 16 hexadecimal digits that say nothing of them to who cannot guess them all."""
    text = "\n".join(map(repr, parts))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def subject_mark(connection: Connection, node: Node, stream: bytes, now_ms: int) -> str:
    """The mark of a batch or an asset: of what readers are shown of it, and of the assets that it is in.

    Args:
        stream: SHA-256 of its URI; one that is not known has a mark as well, until it is.
    """
    table, shown = models.Stay, shown_checkpoint(connection, node, now_ms)
    size = shown.size if shown else 0
    inside = select(table.asset).where(table.batch == stream, table.left_ms.is_(None))
    streams = [stream, *connection.execute(inside.order_by(table.open_seq)).scalars()]
    return mark_of([node.name, *((each, _published(connection, each, size)) for each in streams)])


def _published(connection: Connection, stream: bytes, size: int) -> int | None:
    """The newest record of a stream among the first leaves of the log, so many of them."""
    table = models.Record
    query = select(table.seq).where(table.stream == stream, table.log_index < size)
    return connection.execute(query.order_by(table.seq.desc()).limit(1)).scalar_one_or_none()
