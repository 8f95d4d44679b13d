"""How well a recall works: who acknowledged, and how much of what was out there came back.

    acknowledged / notified     of holders
    recovered / in scope        of goods that should still be there, in each unit by itself

In scope is what is left of each thing by its quantities, counted once, with whoever spoke of it last.
Where that is not known, nothing is guessed: such things are counted apart.

Source: US FDA 21 CFR 7.42(b)(3), effectiveness checks; EU Guidance on recalls, reconciliation of quantities.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from sqlalchemy import Connection, func, select

from traceability.operations.recalling.answers import RECOVERED, Answer, Fate, answers_of, counted
from traceability.operations.recalling.cases import Case
from traceability.operations.recalling.holdings import Holding
from traceability.operations.recalling.notices import Notice, items_of, notices_of
from traceability.operations.recalling.people import Participant
from traceability.store.recalling import NoticeDelivery


@dataclass(frozen=True, slots=True)
class Amounts:
    """Goods in one unit (None: pieces): what should be there, and what became of it."""

    uom: str | None
    in_scope: Decimal = Decimal(0)
    by_fate: Mapping[Fate, Decimal] = field(default_factory=dict)

    @property
    def recovered(self) -> Decimal:
        """What no consumer gets any more."""
        return sum((amount for fate, amount in self.by_fate.items() if fate in RECOVERED), Decimal(0))

    @property
    def percent(self) -> int | None:
        """Recovered of what is in scope, rounded down; None where nothing is known to be."""
        return None if not self.in_scope else int(100 * self.recovered / self.in_scope)


@dataclass(frozen=True, slots=True)
class ByHolder:
    """One holder: its notice, what it has or had, and what it said.

    ``sent`` and ``waiting`` count words that were told and that are still to be; ``unknown`` the things of
    which it should have some, and nobody knows how much; ``beyond`` answers of more than should be there.
    """

    notice: Notice
    things: int
    unknown: int
    amounts: Sequence[Amounts]
    beyond: int
    sent: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Effectiveness:
    """How a case stands at a time; ``overdue`` are parties that did not acknowledge in time."""

    at_ms: int
    since_ms: int
    holders: Sequence[ByHolder]
    amounts: Sequence[Amounts]
    unknown: int

    @property
    def acknowledged(self) -> int:
        """Holders that read their notice."""
        return sum(each.notice.acknowledged_ms is not None for each in self.holders)

    @property
    def overdue(self) -> Sequence[str]:
        """Parties that did not acknowledge in time."""
        return [each.notice.party for each in self.holders if each.notice.overdue(self.at_ms)]

    @property
    def all_acknowledged_ms(self) -> int | None:
        """When the last holder acknowledged; None while one has not."""
        times = [each.notice.acknowledged_ms for each in self.holders]
        known = [time for time in times if time is not None]
        return max(known) if known and len(known) == len(times) else None


def effectiveness(
    connection: Connection, case: Case, now_ms: int, reader: Participant | None = None
) -> Effectiveness | None:
    """How an issued case stands; None before it is issued. Of a closed one, as it was then.

    Args:
        reader: a firm reads no names of others' people.
    """
    if case.issued_ms is None:
        return None
    at_ms = now_ms if case.closed_ms is None else case.closed_ms
    items, answers = items_of(connection, case.id), counted(answers_of(connection, case.id))
    own: dict[str, list[Holding]] = {}
    said: dict[str, list[Answer]] = {}
    for item in items:
        own.setdefault(item.party, []).append(item)
    for each in answers:
        said.setdefault(each.party, []).append(each)
    words = _words(connection, case.id)
    holders = [
        _of(_told(notice, reader), own.get(notice.party, []), said.get(notice.party, []), words)
        for notice in notices_of(connection, case.id)
    ]
    unknown = sum(item.last and item.amount is None for item in items)
    return Effectiveness(at_ms, case.issued_ms, holders, _amounts(items, answers), unknown)


def _told(notice: Notice, reader: Participant | None) -> Notice:
    known = reader is None or reader.knows(notice.party)
    return notice if known else replace(notice, acknowledged_by=None)


def _of(
    notice: Notice,
    items: Sequence[Holding],
    answers: Sequence[Answer],
    words: Mapping[tuple[str, bool], int],
) -> ByHolder:
    return ByHolder(
        notice,
        len(items),
        sum(item.last and item.amount is None for item in items),
        _amounts(items, answers),
        sum(each.beyond for each in answers),
        words.get((notice.party, True), 0),
        words.get((notice.party, False), 0),
    )


def _words(connection: Connection, case_id: str) -> Mapping[tuple[str, bool], int]:
    table = NoticeDelivery
    done = table.done_ms.is_not(None)
    query = select(table.party, done.label("done"), func.count()).where(table.case == case_id)
    rows = connection.execute(query.group_by(table.party, done))
    return {(party, bool(told)): count for party, told, count in rows}


def _amounts(items: Iterable[Holding], answers: Iterable[Answer]) -> Sequence[Amounts]:
    """By unit, pieces last."""
    scope: defaultdict[str | None, Decimal] = defaultdict(Decimal)
    fates: defaultdict[str | None, defaultdict[Fate, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for item in items:
        if item.last and item.amount is not None:
            scope[item.uom] += Decimal(item.amount)
    for each in answers:
        fates[each.uom][each.fate] += each.amount
    units = sorted(scope.keys() | fates.keys(), key=lambda unit: (unit is None, unit or ""))
    return [Amounts(uom, scope[uom], dict(fates[uom])) for uom in units]
