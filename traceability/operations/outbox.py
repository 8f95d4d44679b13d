"""Telling people by webhook and by e-mail: at least once, never in a storm.

What is to be told stands in a table and is marked as done after the other side took it: who is killed
in between tells it again, under the same idempotency key. What cannot be told is tried again, later and
later. Alarms have such a table (``operations.alarmletters``), notices of recalls and reports of shoppers
theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, select, update

from traceability.errors import TraceabilityError
from traceability.store.engine import AnyRow, Store

AT_ONCE: Final = 20
"""So many are told in one turn."""
FIRST_DELAY_MS: Final = 15_000
LONGEST_DELAY_MS: Final = 3_600_000
WEBHOOK: Final = "webhook"
EMAIL: Final = "email"


@dataclass(frozen=True, slots=True)
class Letter:
    """One word to somebody: ``data`` for programs, ``subject`` and ``text`` for people.

    ``key`` is the same whenever it is told again; ``to`` an address, empty for the operator's own.
    """

    key: str
    data: Mapping[str, Any]
    subject: str
    text: str
    to: str = ""


Sender: TypeAlias = Callable[[Letter], None]
"""Tells somebody; raises what hinders it."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """A table of what is to be told, and how a row of it becomes a letter.

    Its rows have ``channel``, ``due_ms``, ``tries``, ``done_ms`` and ``error``; those of one subject are told
    in the order of ``then``.
    """

    table: Any
    write: Callable[[Connection, AnyRow], Letter]
    then: tuple[Any, ...] = ()

    @property
    def key(self) -> tuple[Any, ...]:
        """The columns that name a row."""
        return tuple(self.table.__table__.primary_key)


def deliver(store: Store, outbox: Outbox, senders: Mapping[str, Sender]) -> list[TraceabilityError]:
    """Tell what is due, as far as there are ``senders`` for its channel; returns what hindered it.

    By a channel to an address that fails no more is tried in this turn.

    Raises:
        StoreUnavailableError: what was told but not marked is told again.
    """
    table = outbox.table
    query = (
        select(table)
        .where(table.done_ms.is_(None), table.channel.in_(senders), table.due_ms <= store.clock())
        .order_by(table.due_ms, outbox.key[0], *outbox.then)
        .limit(AT_ONCE)
    )
    with store.reading() as connection:
        due = [(row, outbox.write(connection, row)) for row in connection.execute(query).all()]
    hindered: dict[tuple[str, str], TraceabilityError] = {}
    for row, letter in due:
        way = row.channel, letter.to
        if way in hindered:
            continue
        try:
            senders[row.channel](letter)
        except TraceabilityError as error:
            hindered[way] = error
        _mark(store, outbox, row, hindered.get(way))
    return list(hindered.values())


def _mark(store: Store, outbox: Outbox, row: AnyRow, error: TraceabilityError | None) -> None:
    """Note that it was told, or that it was tried."""
    own = (column == getattr(row, column.name) for column in outbox.key)
    with store.transaction() as tx:
        delay_ms = min(FIRST_DELAY_MS * 2 ** min(row.tries, 20), LONGEST_DELAY_MS)
        values: dict[str, object] = {"tries": row.tries + 1, "error": str(error)[:500] if error else None}
        values |= {"done_ms": tx.now_ms} if error is None else {"due_ms": tx.now_ms + delay_ms}
        tx.connection.execute(update(outbox.table).where(*own).values(values))
