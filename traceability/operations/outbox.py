"""Telling people of alarms: by webhook and by e-mail, at least once, never in a storm.

What is to be told stands in ``deliveries`` and is marked as done after the other side took it: who
is killed in between tells it again, under the same idempotency key. What cannot be told is tried
again, later and later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from sqlalchemy import select, update

from traceability.errors import TraceabilityError
from traceability.operations.alarms import Shown, show_alarm
from traceability.store.alarms import Delivery
from traceability.store.engine import AnyRow, Store

AT_ONCE: Final = 20
"""So many are told in one turn."""
FIRST_DELAY_MS: Final = 15_000
LONGEST_DELAY_MS: Final = 3_600_000

Sender: TypeAlias = Callable[[str, str, Shown], None]
"""Tells somebody, from an idempotency key, an event and an alarm; raises what hinders it."""


def deliver(store: Store, senders: Mapping[str, Sender]) -> list[TraceabilityError]:
    """Tell what is due, as far as there are ``senders`` for its channel; returns what hindered it.

    Of a channel that fails no more is tried in this turn.

    Raises:
        StoreUnavailableError: what was told but not marked is told again.
    """
    query = (
        select(Delivery)
        .where(Delivery.done_ms.is_(None), Delivery.channel.in_(senders), Delivery.due_ms <= store.clock())
        .order_by(Delivery.due_ms, Delivery.alarm, Delivery.event.desc())
        .limit(AT_ONCE)
    )
    with store.reading() as connection:
        due = [(row, show_alarm(connection, row.alarm)) for row in connection.execute(query).all()]
    hindered: dict[str, TraceabilityError] = {}
    for row, alarm in due:
        if row.channel in hindered:
            continue
        try:
            senders[row.channel](f"{row.alarm}-{row.event}", row.event, alarm)
        except TraceabilityError as error:
            hindered[row.channel] = error
        _mark(store, row, hindered.get(row.channel))
    return list(hindered.values())


def delay_ms(tries: int) -> int:
    """How long to wait after so many tries and one more."""
    return min(FIRST_DELAY_MS << min(tries, 20), LONGEST_DELAY_MS)


def _mark(store: Store, row: AnyRow, error: TraceabilityError | None) -> None:
    """Note that it was told, or that it was tried."""
    own = (Delivery.alarm == row.alarm, Delivery.event == row.event, Delivery.channel == row.channel)
    with store.transaction() as tx:
        values: dict[str, object] = {"tries": row.tries + 1, "error": str(error)[:500] if error else None}
        values |= {"done_ms": tx.now_ms} if error is None else {"due_ms": tx.now_ms + delay_ms(row.tries)}
        tx.connection.execute(update(Delivery).where(*own).values(values))
