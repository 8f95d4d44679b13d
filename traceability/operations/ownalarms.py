"""The alarms of one party: those of its devices, as its people list, acknowledge and watch them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, func, or_, select

from traceability.errors import UnknownSubjectError
from traceability.operations.alarms import Shown, show_alarm
from traceability.operations.live import mark_of
from traceability.signing.keystatement import parse_key_statement
from traceability.store import models
from traceability.store.alarms import Alarm
from traceability.store.corrective import CorrectiveRow

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alarms: ``open``, ``over`` or all of them, of a kind; ``after`` is the last one shown."""

    state: str = ""
    kind: str = ""
    after: str = ""


def own_devices(connection: Connection, party: str) -> list[str]:
    """The ids of the devices that a party owns, those that spoke their last among them."""
    device, key, record, statement = models.Device, models.Key, models.Record, models.Statement
    query = select(device.id, statement.body).join(key, key.kid == device.kid)
    query = query.join(record, and_(record.stream == key.stream, record.seq == 0))
    query = query.join(statement, statement.sha256 == record.statement).order_by(device.id)
    return [row.id for row in connection.execute(query) if _owner(row.body) == party]


def list_own(connection: Connection, party: str, wanted: Wanted, limit: int = PAGE) -> Sequence[Shown]:
    """A page of a party's alarms: those that are open first, then the newest."""
    over = Alarm.ended_ms.is_not(None)
    query = _own(connection, party, select(Alarm.id))
    if wanted.state in {"open", "over"}:
        query = query.where(over if wanted.state == "over" else Alarm.ended_ms.is_(None))
    if wanted.kind:
        query = query.where(Alarm.kind == wanted.kind)
    last = connection.execute(select(Alarm).where(Alarm.id == wanted.after)).one_or_none()
    if last is not None:
        older = or_(
            Alarm.raised_ms < last.raised_ms, and_(Alarm.raised_ms == last.raised_ms, Alarm.id > last.id)
        )
        same = over if last.ended_ms is not None else Alarm.ended_ms.is_(None)
        behind = and_(same, older)
        query = query.where(behind if last.ended_ms is not None else or_(behind, over))
    numbers = connection.execute(query.order_by(over, Alarm.raised_ms.desc(), Alarm.id).limit(limit))
    return [show_alarm(connection, number) for number in numbers.scalars()]


def find_own(connection: Connection, party: str, number: str) -> Shown:
    """One alarm of a party.

    Raises:
        UnknownSubjectError: there is none of that number, or it is another's.
    """
    query = _own(connection, party, select(Alarm.id)).where(Alarm.id == number)
    if connection.execute(query).first() is None:
        raise UnknownSubjectError(f"there is no alarm {number[:64]!r} among those of {party}")
    return show_alarm(connection, number)


def count_open(connection: Connection, party: str) -> int:
    """How many alarms of a party are open."""
    query = _own(connection, party, select(func.count()).select_from(Alarm))
    return int(connection.execute(query.where(Alarm.ended_ms.is_(None))).scalar_one())


def alarms_mark(connection: Connection, party: str) -> str:
    """A mark that is another one when an alarm of the party is raised, seen, over, or written about."""
    columns = (Alarm.raised_ms, Alarm.acknowledged_ms, Alarm.ended_ms)
    counted: list[Any] = [part for column in columns for part in (func.count(column), func.max(column))]
    alarms = connection.execute(_own(connection, party, select(*counted))).one()
    table = CorrectiveRow
    written = select(func.count(), func.max(table.made_ms)).where(table.party == party)
    return mark_of([party, *alarms, *connection.execute(written).one()])


def _own(connection: Connection, party: str, query: Select[Any]) -> Select[Any]:
    return query.where(Alarm.device.in_(own_devices(connection, party)))


@lru_cache(maxsize=16_384)
def _owner(body: bytes) -> str | None:
    """Who owns the device that a statement enrolled: it never changes, and is asked again all day."""
    return parse_key_statement(body).owner
