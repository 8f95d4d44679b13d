"""What was done about an alarm: the corrective action record of a HACCP plan.

    report        critical limit, what was measured, what was done with the product, cause, prevention
    verification  somebody else has looked, and says that it is done

Nothing is edited: a correction is another report, and what was verified before is not verified any more.

Source: Codex CXC 1-1969 (2022), 3.10 (corrective actions), 3.11 (verification) and 3.12 (records).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from traceability.errors import ConflictError, ForbiddenError, StatementError
from traceability.operations.accounts.trail import Actor, note
from traceability.operations.alarms import Shown, acknowledge_in
from traceability.operations.ownalarms import find_own
from traceability.store.alarms import Alarm
from traceability.store.corrective import CorrectiveRow
from traceability.store.engine import Store, Transaction
from traceability.store.rows import insert_all

FIELDS: Final = ("limit", "measured", "product", "cause", "prevention")
"""What a report says, all of it needed; a verification says ``found``."""
REPORT: Final = "report"
VERIFICATION: Final = "verification"
MAX_CHARS: Final = 2_000
MAX_ENTRIES: Final = 100
"""Of one alarm."""


@dataclass(frozen=True, slots=True)
class Hand:
    """The person who writes: id and name as the node knows them, and the party in whose name."""

    id: str
    name: str
    party: str
    actor: Actor


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a record; of a verification ``of`` is the number of the report."""

    number: int
    kind: str
    of: int | None
    by: str
    name: str
    says: Mapping[str, str]
    made_ms: int


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that was written about an alarm, in its order."""

    entries: tuple[Entry, ...] = ()

    @property
    def report(self) -> Entry | None:
        """The report that holds: the newest."""
        return next((each for each in reversed(self.entries) if each.kind == REPORT), None)

    @property
    def verification(self) -> Entry | None:
        """That of the report that holds, if somebody verified it."""
        held = self.report
        return next(
            (e for e in self.entries if held and e.kind == VERIFICATION and e.of == held.number), None
        )


def record_of(connection: Connection, alarm: str) -> Record:
    """What was written about an alarm."""
    table = CorrectiveRow
    rows = connection.execute(select(table).where(table.alarm == alarm).order_by(table.number))
    return Record(
        tuple(
            Entry(row.number, row.kind, row.of, row.by, row.name, json.loads(row.says), row.made_ms)
            for row in rows
        )
    )


def see_alarm(store: Store, hand: Hand, alarm: str, said: str) -> Shown:
    """Note that somebody of the party has seen an alarm; raises as ``alarms.acknowledge``."""
    with store.transaction() as tx:
        find_own(tx.connection, hand.party, alarm)
        shown = acknowledge_in(tx, alarm, hand.name, said)
        note(tx, hand.actor, "alarm-acknowledged", alarm)
        return shown


def write_report(store: Store, hand: Hand, alarm: str, says: Mapping[str, str]) -> Entry:
    """Write what was done; a report that is there already is corrected by it.

    Raises:
        UnknownSubjectError: the party has no such alarm.
        StatementError: something of ``FIELDS`` is missing or too long.
    """
    checked = _checked(says, FIELDS)
    with store.transaction() as tx:
        record = _locked(tx, hand, alarm)
        return _add(tx, hand, alarm, record, REPORT, None, checked)


def verify_report(store: Store, hand: Hand, alarm: str, number: int, found: str) -> Entry:
    """Say that what a report tells was done, and that it helped.

    Raises:
        UnknownSubjectError: the party has no such alarm.
        ForbiddenError: the person wrote the report.
        ConflictError: it is not the report that holds, or it is verified.
        StatementError: nothing was found, or it is too long.
    """
    checked = _checked({"found": found}, ("found",))
    with store.transaction() as tx:
        record = _locked(tx, hand, alarm)
        held = record.report
        if held is None or held.number != number:
            raise ConflictError("another report was written meanwhile", remedy="Read that one first.")
        if record.verification is not None:
            raise ConflictError(f"{record.verification.name} has verified it")
        if hand.id in {each.by for each in record.entries if each.kind == REPORT}:
            raise ForbiddenError(
                "who wrote a report of this alarm does not verify it", remedy="Ask a second person."
            )
        return _add(tx, hand, alarm, record, VERIFICATION, number, checked)


def _checked(says: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    kept = {name: says.get(name, "").strip() for name in names}
    for name, text in kept.items():
        if not 1 <= len(text) <= MAX_CHARS:
            raise StatementError(f"{name} has 1 to {MAX_CHARS} characters, not {len(text)}")
    return kept


def _locked(tx: Transaction, hand: Hand, alarm: str) -> Record:
    """The record, and nobody else adds to it until this transaction ends."""
    find_own(tx.connection, hand.party, alarm)
    tx.connection.execute(select(Alarm.id).where(Alarm.id == alarm).with_for_update())
    record = record_of(tx.connection, alarm)
    if len(record.entries) >= MAX_ENTRIES:
        raise ConflictError(f"an alarm has at most {MAX_ENTRIES} entries")
    return record


def _add(
    tx: Transaction, hand: Hand, alarm: str, record: Record, kind: str, of: int | None, says: dict[str, str]
) -> Entry:
    entry = Entry(len(record.entries) + 1, kind, of, hand.id, hand.name, says, tx.now_ms)
    row = {"alarm": alarm, "number": entry.number, "party": hand.party, "kind": kind, "of": of}
    row |= {"by": hand.id, "name": hand.name, "made_ms": tx.now_ms}
    insert_all(tx, CorrectiveRow, [row | {"says": json.dumps(says, ensure_ascii=False, sort_keys=True)}])
    note(tx, hand.actor, f"corrective-{kind}", alarm, number=entry.number)
    return entry
