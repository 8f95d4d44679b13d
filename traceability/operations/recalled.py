"""The rows of recalls as their events leave them, and which recalls are to be traced again.

A recall's state only goes on (hold, issued, closed), so of its events the one with the furthest state
counts, and of several the newest. What something was made of may become known in any order. So a recall
is *stale* from the moment it is opened or goes on until it was traced once more, and again whenever
something recorded later touches what it reaches: that is looked up here, with every capture.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select, update

from traceability.operations.graph import fetch
from traceability.store.engine import Transaction
from traceability.store.projections import Event, Link, Recalled
from traceability.store.projections import Recall as Row
from traceability.store.rows import insert_new
from traceability.supply.lineage import Link as NewLink
from traceability.supply.lineage import LinkKind, thing_id
from traceability.supply.recall import Recall, State

MAX_ROUNDS: Final = 8
MAX_NODES: Final = 20_000
"""How far a new link is followed back through processes and carriers: deeper than goods are packed, and
more than a ship carries. Beyond that every open recall is traced again."""
_RANK: Final = {state.value: rank for rank, state in enumerate(State)}


@dataclass(frozen=True, slots=True)
class Said:
    """What one event says of a recall: its number, who says it, when it was recorded, about which things."""

    event: int
    party: str
    recorded_ms: int
    recall: Recall
    things: tuple[int, ...]

    @property
    def order(self) -> tuple[int, int, int]:
        """Where it stands among the events of its recall."""
        return _RANK[self.recall.state], self.recorded_ms, self.event

    def rows(self) -> list[dict[str, Any]]:
        """Its rows of ``recalled``."""
        return [{"thing": thing, "recall": self.recall.id} for thing in self.things]


def recall_rows(said: Iterable[Said]) -> list[dict[str, Any]]:
    """The rows of ``recalls``, less ``stale``: as the first event opened each, and the last left it."""
    by_id: dict[str, list[Said]] = {}
    for each in said:
        by_id.setdefault(each.recall.id, []).append(each)
    return [_row(name, sorted(events, key=_order)) for name, events in by_id.items()]


def insert_recalls(tx: Transaction, said: Sequence[Said]) -> None:
    """Put what events say of recalls where it is looked up; the events are there already."""
    if not said:
        return
    rows, orders = recall_rows(said), {each.event: each.order for each in said}
    insert_new(tx, Row, ({**row, "stale": _is_open(row)} for row in rows))
    query = select(Row.id, Row.state, Row.since_ms, Event.recorded_ms, Row.event)
    query = query.join(Event, Event.id == Row.event).where(Row.id.in_([row["id"] for row in rows]))
    there = {row.id: row for row in tx.connection.execute(query)}
    for row in rows:
        before = there[row["id"]]
        if orders[row["event"]] > (_RANK[before.state], before.recorded_ms, before.event):
            since_ms = before.since_ms if before.state == row["state"] else row["since_ms"]
            values = {"state": row["state"], "since_ms": since_ms, "event": row["event"]}
            later = update(Row).where(Row.id == row["id"])
            tx.connection.execute(later.values(**values, stale=_is_open(row)))
    insert_new(tx, Recalled, (row for each in said for row in each.rows()))


def mark_stale(tx: Transaction, links: Collection[NewLink]) -> None:
    """Note which open recalls may reach further by links that are new, or that were taken away.

    A link leads on from its source if that is recalled, or is a process or carrier in which something
    recalled is; and from a recalled unit into what was packed in it.
    """
    if not links:
        return
    waiting = select(Row.id).where(Row.state != State.CLOSED, Row.stale.is_(False))
    unmarked = tx.connection.execute(waiting).scalars().all()
    if not unmarked:
        return
    reached = _upstream(tx.connection, {thing_id(link.src) for link in links})
    marked = set(unmarked)
    if reached is not None:
        reached |= {thing_id(link.dst) for link in links if link.kind >= LinkKind.PACK}
        query = select(Recalled.recall).distinct().where(Recalled.recall.in_(unmarked))
        marked = {row[0] for row in fetch(tx.connection, query, Recalled.thing, sorted(reached))}
    some = Row.id.in_(marked)
    tx.connection.execute(select(Row.id).where(some).order_by(Row.id).with_for_update()).all()
    tx.connection.execute(update(Row).where(some).values(stale=True))


def _upstream(connection: Connection, sources: Collection[int]) -> set[int] | None:
    """These, and whatever went into them or was packed into them; None if that is too much to follow."""
    known = set(sources)
    fresh = sorted(known)
    for _ in range(MAX_ROUNDS):
        if not fresh:
            return known
        if len(known) > MAX_NODES:
            return None
        into = select(Link.src).distinct().where(Link.kind != int(LinkKind.OUTPUT))
        fresh = sorted({row[0] for row in fetch(connection, into, Link.dst, fresh)} - known)
        known.update(fresh)
    return None


def _row(name: str, events: Sequence[Said]) -> dict[str, Any]:
    """A recall as its events, in their order, leave it."""
    last = events[-1]
    since_ms = min(each.recorded_ms for each in events if each.recall.state is last.recall.state)
    state = last.recall.state.value
    return {
        "id": name,
        "party": events[0].party,
        "state": state,
        "since_ms": since_ms,
        "event": last.event,
    }


def _order(said: Said) -> tuple[int, int, int]:
    return said.order


def _is_open(row: Mapping[str, Any]) -> bool:
    return bool(row["state"] != State.CLOSED)
