"""What became of the goods: what holders put aside, send back, destroy, or had sold already.

An answer is a row that stays; a correction is a newer row, and the newest for each fate counts. Together
they may not come to more than should be there, unless whoever answers says that they do: then it is
marked, for somebody to look at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, select

from traceability.errors import ConflictError, MalformedError, UnknownSubjectError
from traceability.operations.recalling.cases import find_case
from traceability.operations.recalling.holdings import Holding
from traceability.operations.recalling.notices import notice_to
from traceability.operations.recalling.people import Participant, read_note
from traceability.store.engine import AnyRow, Store
from traceability.store.recalling import HeldItem, HolderAnswer
from traceability.store.rows import insert_all

_AMOUNT: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?", re.ASCII)
_UOM: Final = re.compile(r"[A-Z0-9]{2,3}", re.ASCII)


class Fate(StrEnum):
    """What became of goods; a closed set."""

    QUARANTINED = "quarantined"
    RETURNED = "returned"
    DESTROYED = "destroyed"
    SOLD = "sold"


RECOVERED: Final = frozenset({Fate.QUARANTINED, Fate.RETURNED, Fate.DESTROYED})
"""What no consumer gets any more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One row; ``uom`` is a code of UNECE Recommendation 20, None for pieces."""

    party: str
    thing: str
    fate: Fate
    amount: Decimal
    uom: str | None
    beyond: bool
    note: str | None
    by: str
    at_ms: int


def answer(
    store: Store,
    person: Participant,
    case_id: str,
    thing: str,
    amounts: Mapping[Fate, str],
    *,
    uom: str | None = None,
    note: str = "",
    beyond: bool = False,
) -> Sequence[Answer]:
    """Say what became of a thing; whatever is the same as before is not written again.

    Args:
        amounts: as people write them, by fate; a fate that is not named stays as it was.
        uom: needed, where it is not known in what the thing is counted.
        beyond: it is more than should be there, and that is so.

    Returns:
        What counts of this thing and party now.

    Raises:
        UnknownSubjectError: this party has no notice of that thing.
        MalformedError: an amount or unit is none, or not the thing's.
        ConflictError: the case is closed, or it is more than should be there and ``beyond`` is not said.
    """
    said, text = {fate: parse_amount(each) for fate, each in amounts.items()}, read_note(note)
    with store.transaction(alone=True) as tx:
        notice_to(tx.connection, case_id, person.party)
        find_case(tx.connection, case_id).require_open(issued=True)
        item = _item(tx.connection, case_id, person.party, thing)
        before = {each.fate: each for each in _newest(tx.connection, case_id, person.party, thing)}
        unit = _unit(item, before.values(), uom)
        whole = {fate: each.amount for fate, each in before.items()} | said
        over = item.amount is not None and sum(whole.values()) > Decimal(item.amount)
        if over and not beyond:
            counted_in = f"{item.amount} {unit or 'pieces'}"
            raise ConflictError(
                f"{sum(whole.values()):f} is more than the {counted_in} that should be there",
                remedy="Correct the amounts, or say that there is more than was recorded.",
            )
        new = [f for f, each in said.items() if f not in before or before[f].amount != each]
        row: dict[str, object] = {
            "case": case_id,
            "party": person.party,
            "thing": thing,
            "uom": unit,
            "beyond": over,
        }
        row |= {"note": text, "by": person.user, "at_ms": tx.now_ms}
        rows = ({**row, "fate": fate.value, "amount": f"{said[fate]:f}"} for fate in new)
        insert_all(tx, HolderAnswer, rows)
        person.note(tx, "recall-answered", case_id, thing=thing, beyond=over, fates=sorted(new))
        return _newest(tx.connection, case_id, person.party, thing)


def answers_of(connection: Connection, case_id: str) -> Sequence[Answer]:
    """All answers of a case as they were given, the first first."""
    query = select(HolderAnswer).where(HolderAnswer.case == case_id).order_by(HolderAnswer.id)
    return [_answer(row) for row in connection.execute(query)]


def counted(answers: Iterable[Answer]) -> Sequence[Answer]:
    """Those that count: of each party, thing and fate the newest."""
    return list({(each.party, each.thing, each.fate): each for each in answers}.values())


def parse_amount(text: str) -> Decimal:
    """How much, as people write it: 12 or 12.5.

    Raises:
        MalformedError: it is no such number.
    """
    if not _AMOUNT.fullmatch(text.strip()):
        raise MalformedError(f"{text[:32]!r} is no amount such as 12 or 12.5")
    return Decimal(text.strip())


def _item(connection: Connection, case_id: str, party: str, thing: str) -> Holding:
    own = (HeldItem.case == case_id, HeldItem.party == party, HeldItem.thing == thing)
    row = connection.execute(select(HeldItem).where(*own)).one_or_none()
    if row is None:
        raise UnknownSubjectError(f"{thing[:128]!r} is not among what this party was told of in {case_id}")
    return Holding(row.party, row.thing, row.amount, row.uom, row.place, row.last)


def _unit(item: Holding, before: Iterable[Answer], given: str | None) -> str | None:
    """In what a thing is counted: as was recorded, else as was answered before, else as is said now."""
    known = [item.uom] if item.amount is not None else [each.uom for each in before]
    if given is not None and not _UOM.fullmatch(given):
        raise MalformedError(f"{given[:16]!r} is no unit such as KGM")
    if not known:
        return given
    if given is not None and given != known[0]:
        raise MalformedError(f"{item.thing} is counted in {known[0] or 'pieces'}, not in {given}")
    return known[0]


def _newest(connection: Connection, case_id: str, party: str, thing: str) -> Sequence[Answer]:
    own = (HolderAnswer.case == case_id, HolderAnswer.party == party, HolderAnswer.thing == thing)
    rows = connection.execute(select(HolderAnswer).where(*own).order_by(HolderAnswer.id))
    return counted(_answer(row) for row in rows)


def _answer(row: AnyRow) -> Answer:
    return Answer(
        *(row.party, row.thing, Fate(row.fate), Decimal(row.amount), row.uom, row.beyond, row.note),
        *(row.by, row.at_ms),
    )
