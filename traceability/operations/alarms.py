"""Alarms: raised once, acknowledged by people, ended when it is over; and the words that go out about them.

An alarm and the words that are to be said of it are written in one transaction: whoever is killed
afterwards finds both again. There is one open alarm for each stream, device and kind, so whatever
goes on being wrong is said once.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select, update

from traceability.errors import ConflictError, StatementError, UnknownSubjectError
from traceability.ledger.record import format_time
from traceability.operations.accounts.trail import COMMAND_LINE, Actor, note
from traceability.operations.places import Key, Trouble
from traceability.operations.watching import Watch
from traceability.store import models
from traceability.store.alarms import Alarm, Delivery
from traceability.store.engine import AnyRow, Store, Transaction
from traceability.store.rows import insert_new

RAISED: Final = "raised"
ENDED: Final = "ended"
LISTED: Final = 200
MAX_NOTE: Final = 2_000
MAX_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """An alarm as people and programs are told of it; times in milliseconds."""

    id: str
    kind: str
    stream: str
    device: str
    began_ms: int
    raised_ms: int
    ended_ms: int | None
    detail: Mapping[str, Any]
    acknowledged_ms: int | None
    acknowledged_by: str | None
    note: str | None

    def to_json(self) -> dict[str, Any]:
        """With times as ISO 8601, and without what there is not."""
        times = {"began": self.began_ms, "raised": self.raised_ms, "ended": self.ended_ms}
        times["acknowledged"] = self.acknowledged_ms
        said = {"id": self.id, "kind": self.kind, "stream": self.stream, "device": self.device}
        said |= {name: format_time(ms) for name, ms in times.items() if ms is not None}
        told = {"acknowledged_by": self.acknowledged_by, "note": self.note}
        return {**said, "detail": self.detail, **{k: v for k, v in told.items() if v is not None}}


@dataclass(frozen=True, slots=True)
class Change:
    """An alarm that was just raised or ended."""

    event: str
    alarm: Shown


def look(store: Store, watch: Watch, by: Sequence[str]) -> list[Change]:
    """Look once: raise what is new, end what is over, and leave word for each of the channels ``by``.

    Raises:
        StoreUnavailableError: look again later; nothing was changed.
    """
    with store.reading() as connection:
        now_ms = store.clock()
        troubles = watch.look(connection, now_ms)
        known = {(a.stream, a.device, a.kind): a.id for a in connection.execute(_open()).all()}
    new = {key: t for key, t in troubles.items() if key not in known and not t.lasting}
    over = [number for key, number in known.items() if key not in troubles]
    if not new and not over:
        return []
    with store.transaction() as tx:
        changed = [(RAISED, number) for number in _raise(tx, new)] + [
            (ENDED, number) for number in over if _end(tx, number)
        ]
        _leave_word(tx, changed, by)
        shown = {a.id: a for a in _shown(tx.connection, [number for _, number in changed])}
    return [Change(event, shown[number]) for event, number in changed]


def acknowledge(store: Store, number: str, who: str, said: str, actor: Actor = COMMAND_LINE) -> Shown:
    """Note who has seen an alarm, and what they say of it. It goes on until it is over.

    Raises:
        UnknownSubjectError: there is no such alarm.
        ConflictError: somebody has acknowledged it.
        StatementError: no name, or a name or note that is too long.
    """
    with store.transaction() as tx:
        note(tx, actor, "alarm-acknowledged", number, by=who.strip())
        return acknowledge_in(tx, number, who, said)


def acknowledge_in(tx: Transaction, number: str, who: str, said: str) -> Shown:
    """The same in a transaction in which something else is written with it; raises as ``acknowledge``."""
    if not 1 <= len(who.strip()) <= MAX_NAME or len(said) > MAX_NOTE:
        raise StatementError(f"a name of at most {MAX_NAME} characters and a note of at most {MAX_NOTE}")
    row = tx.connection.execute(select(Alarm).where(Alarm.id == number)).one_or_none()
    if row is None:
        raise UnknownSubjectError(f"there is no alarm {number[:64]!r}")
    if row.acknowledged_ms is not None:
        raise ConflictError(f"{row.acknowledged_by} acknowledged it at {format_time(row.acknowledged_ms)}")
    values = {"acknowledged_ms": tx.now_ms, "acknowledged_by": who.strip(), "note": said}
    tx.connection.execute(update(Alarm).where(Alarm.id == number).values(values))
    return _shown(tx.connection, [number])[0]


def list_alarms(connection: Connection, *, ended: bool = False) -> list[Shown]:
    """Open alarms, or with ``ended`` all of them, the newest first, at most ``LISTED``."""
    query = select(Alarm, models.Stream.uri).join(models.Stream).order_by(Alarm.raised_ms.desc(), Alarm.id)
    if not ended:
        query = query.where(Alarm.ended_ms.is_(None))
    return [_show(row) for row in connection.execute(query.limit(LISTED))]


def alarms_on(connection: Connection, streams: Collection[bytes]) -> list[Shown]:
    """Every alarm that there was on these streams (their hashes), the newest first, at most ``LISTED``."""
    query = select(Alarm, models.Stream.uri).join(models.Stream).where(Alarm.stream.in_(list(streams)))
    rows = connection.execute(query.order_by(Alarm.raised_ms.desc(), Alarm.id).limit(LISTED))
    return [_show(row) for row in rows]


def show_alarm(connection: Connection, number: str) -> Shown:
    """One alarm that exists."""
    return _shown(connection, [number])[0]


def _open() -> Any:
    return select(Alarm.id, Alarm.stream, Alarm.device, Alarm.kind).where(Alarm.ended_ms.is_(None))


def _raise(tx: Transaction, new: Mapping[Key, Trouble]) -> list[str]:
    """New alarms, unless another gateway was first; returns their numbers."""
    rows: dict[str, dict[str, object]] = {}
    for (stream, device, kind), trouble in new.items():
        row = {"stream": stream, "device": device, "kind": kind, "began_ms": trouble.began_ms}
        row |= {"raised_ms": tx.now_ms, "detail": json.dumps(trouble.detail, sort_keys=True)}
        number = secrets.token_hex(16)
        rows[number] = {"id": number, **row}
    insert_new(tx, Alarm, rows.values())
    there = tx.connection.execute(select(Alarm.id).where(Alarm.id.in_(rows))).scalars()
    return sorted(there)


def _end(tx: Transaction, number: str) -> bool:
    over = update(Alarm).where(Alarm.id == number, Alarm.ended_ms.is_(None)).values(ended_ms=tx.now_ms)
    return bool(tx.connection.execute(over).rowcount)


def _leave_word(tx: Transaction, changed: Sequence[tuple[str, str]], by: Sequence[str]) -> None:
    insert_new(
        tx,
        Delivery,
        (
            {"alarm": number, "event": event, "channel": channel, "due_ms": tx.now_ms, "tries": 0}
            for event, number in changed
            for channel in by
        ),
    )


def _shown(connection: Connection, numbers: Sequence[str]) -> list[Shown]:
    query = select(Alarm, models.Stream.uri).join(models.Stream).where(Alarm.id.in_(numbers))
    return [_show(row) for row in connection.execute(query)]


def _show(row: AnyRow) -> Shown:
    return Shown(
        id=row.id,
        kind=row.kind,
        stream=row.uri,
        device=row.device,
        began_ms=row.began_ms,
        raised_ms=row.raised_ms,
        ended_ms=row.ended_ms,
        detail=json.loads(row.detail),
        acknowledged_ms=row.acknowledged_ms,
        acknowledged_by=row.acknowledged_by,
        note=row.note,
    )
