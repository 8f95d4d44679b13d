"""Counting every message once, and keeping the refused ones while there is room.

For each source received = accepted + duplicate + rejected + quarantined + flooded. What is flooded
nobody looked at, and only its number is kept. Any other refused message is kept with its reason, at
most 16 KiB of it, until the quotas are used up; past them it is only counted, under ``unkept``. What
was not proven genuine may use half of each quota: a stranger's noise leaves room for the evidence of
what a device really signed.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sqlalchemy import bindparam, func, insert, select, update

from traceability.errors import FloodedError, TraceabilityError
from traceability.store import models
from traceability.store.engine import Transaction
from traceability.store.rows import insert_new

ACCEPTED: Final = "accepted"
DUPLICATE: Final = "duplicate"
REJECTED: Final = "rejected"
QUARANTINED: Final = "quarantined"
FLOODED: Final = FloodedError.code
WORDS: Final = (ACCEPTED, DUPLICATE, REJECTED, QUARANTINED, FLOODED)
UNKNOWN: Final = "unknown"
"""Source of what names no enrolled device."""

MAX_KEPT_BYTES: Final = 16_384
QUOTA_BYTES: Final = 64 * 1024 * 1024
QUOTA_BYTES_PER_SOURCE: Final = 8 * 1024 * 1024
QUOTA_ROWS_PER_SOURCE: Final = 10_000
_COLUMNS: Final = ("received", *WORDS, "unkept", "kept_bytes")
NOTHING: Final[Mapping[str, int]] = MappingProxyType({})
_MORE: Final = (
    update(models.Tally)
    .where(models.Tally.source == bindparam("of"))
    .values({name: getattr(models.Tally, name) + bindparam(f"more_{name}") for name in _COLUMNS})
)


@dataclass(frozen=True, slots=True)
class Counted:
    """One message and what became of it."""

    source: str
    word: str
    topic: str
    payload: bytes
    refusal: TraceabilityError | None


def count(tx: Transaction, messages: Sequence[Counted], flooded: Mapping[str, int] = NOTHING) -> None:
    """Add a handful to the tallies, and its refusals to the quarantine.

    Args:
        flooded: by source, how many more came that nobody looked at.
    """
    counts: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_COLUMNS, 0))
    for message in messages:
        counts[message.source]["received"] += 1
        counts[message.source][message.word] += 1
    for source, number in flooded.items():
        counts[source]["received"] += number
        counts[source][FLOODED] += number
    sources = sorted(counts)
    insert_new(tx, models.Tally, ({"source": s, **dict.fromkeys(_COLUMNS, 0)} for s in sources))
    _keep(tx, messages, counts)
    if sources:
        more = [{"of": s, **{f"more_{name}": counts[s][name] for name in _COLUMNS}} for s in sources]
        tx.connection.execute(_MORE, more)
    if flooded:
        table = models.Tally
        lately = update(table).where(table.source.in_(list(flooded))).values(flooded_ms=tx.now_ms)
        tx.connection.execute(lately)


def _keep(tx: Transaction, messages: Sequence[Counted], counts: Mapping[str, dict[str, int]]) -> None:
    refused = [m for m in messages if m.refusal is not None]
    if not refused:
        return
    tally = models.Tally
    used = select(tally.source, tally.rejected + tally.quarantined - tally.unkept, tally.kept_bytes)
    used = used.where(tally.source.in_({m.source for m in refused}))
    kept = {source: (number, size) for source, number, size in tx.connection.execute(used)}
    all_bytes = int(tx.connection.execute(select(func.sum(tally.kept_bytes))).scalar_one())
    rows = []
    for message in refused:
        body = message.payload[:MAX_KEPT_BYTES]
        count_now, bytes_now = kept[message.source]
        share = 2 if message.word == REJECTED else 1
        if (
            count_now >= QUOTA_ROWS_PER_SOURCE // share
            or bytes_now + len(body) > QUOTA_BYTES_PER_SOURCE // share
            or all_bytes + len(body) > QUOTA_BYTES // share
        ):
            counts[message.source]["unkept"] += 1
            continue
        all_bytes += len(body)
        kept[message.source] = (count_now + 1, bytes_now + len(body))
        counts[message.source]["kept_bytes"] += len(body)
        rows.append(_row(message, body, tx.now_ms))
    if rows:
        tx.connection.execute(insert(models.Quarantine), rows)


def _row(message: Counted, body: bytes, now_ms: int) -> dict[str, object]:
    return {
        "received_ms": now_ms,
        "source": message.source,
        "topic": message.topic[:256].replace("\0", "?"),
        "code": message.refusal.code if message.refusal else "",
        "detail": str(message.refusal)[:500].replace("\0", "?"),
        "size": len(message.payload),
        "sha256": hashlib.sha256(message.payload).digest(),
        "body": body,
    }
