"""Telling the people of the node of a report, by the same ways as alarms: at least once, never in a storm.

What goes out has no word, photo or contact of the person: whoever may read these signs in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import select, update

from traceability.errors import TraceabilityError
from traceability.ledger.record import format_time
from traceability.operations.outbox import AT_ONCE, delay_ms
from traceability.store.engine import AnyRow, Store
from traceability.store.visitors import Report, ReportDelivery

EVENT: Final = "reported"
STALE_MS: Final = 7 * 86_400_000
"""What nobody could be told for so long is left to the list."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One word to people and to programs; ``key`` is the same whenever it is sent again."""

    key: str
    subject: str
    text: str
    data: Mapping[str, Any]


Writer: TypeAlias = Callable[[Letter], None]
"""Tells somebody; raises what hinders it."""


def tell_reports(store: Store, writers: Mapping[str, Writer]) -> list[TraceabilityError]:
    """Tell what is due; returns what hindered it. Of a channel that fails no more is tried in this turn.

    Raises:
        StoreUnavailableError: what was told but not marked is told again.
    """
    due = select(ReportDelivery.report, ReportDelivery.channel, ReportDelivery.tries)
    due = due.add_columns(Report.batch, Report.party, Report.kind, Report.made_ms).join(Report)
    due = due.where(ReportDelivery.done_ms.is_(None), ReportDelivery.channel.in_(writers))
    due = due.where(ReportDelivery.due_ms <= store.clock(), Report.made_ms > store.clock() - STALE_MS)
    due = due.order_by(ReportDelivery.due_ms).limit(AT_ONCE)
    with store.reading() as connection:
        rows = connection.execute(due).all()
    hindered: dict[str, TraceabilityError] = {}
    for row in rows:
        if row.channel in hindered:
            continue
        try:
            writers[row.channel](letter_of(row))
        except TraceabilityError as error:
            hindered[row.channel] = error
        _mark(store, row, hindered.get(row.channel))
    return list(hindered.values())


def letter_of(row: AnyRow) -> Letter:
    """What is said of a report."""
    lot = row.batch.rpartition("/10/")[2]
    data = {"report": row.report, "batch": row.batch, "kind": row.kind, "made": format_time(row.made_ms)}
    return Letter(
        key=f"{row.report}-{EVENT}",
        subject=f"{lot}: a shopper reports a problem · 消费者反映问题",
        text=(
            f"report / 反映编号: {row.report}\nkind / 类别: {row.kind}\nlot / 批次: {row.batch}\n"
            f"producer / 生产者: {row.party or '-'}\ntime / 时间: {format_time(row.made_ms)}\n\n"
            "Read and answer it / 查看并答复: /console/reports · /regulator/reports\n"
        ),
        data=data | {"event": EVENT, "party": row.party},
    )


def _mark(store: Store, row: AnyRow, error: TraceabilityError | None) -> None:
    own = ReportDelivery.report == row.report, ReportDelivery.channel == row.channel
    with store.transaction() as tx:
        values: dict[str, object] = {"tries": row.tries + 1, "error": str(error)[:500] if error else None}
        values |= {"done_ms": tx.now_ms} if error is None else {"due_ms": tx.now_ms + delay_ms(row.tries)}
        tx.connection.execute(update(ReportDelivery).where(*own).values(values))
