"""One event for one lot, and what is found of it: a value and where it came from, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from traceability.supply.fsma.elements import Cte
from traceability.supply.fsma.history import Happening, History, Life
from traceability.supply.fsma.master import Described, Masters, attributes_of
from traceability.supply.fsma.told import Told
from traceability.supply.lineage import Amount


@dataclass(frozen=True, slots=True)
class Found:
    """The cells of an element, where they came from, and what is missing; no cells filled: all of it is."""

    cells: tuple[str, ...]
    source: str = ""
    lacking: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One event for one lot.

    Attributes:
        life: of the lot that the row is about.
        raw: of the commodity: of what was packed, else of the lot itself.
        used: what went in, where something came out.
    """

    history: History
    masters: Masters
    cte: Cte
    told: Told
    amount: Amount
    life: Life
    raw: Life
    used: Amount | None = None

    def describe(self, uri: str, source: str, told: Told) -> Found:
        """A place or party that an event names, described."""
        return described(self.masters.location(uri, told.party), source)

    def attributes(self, life: Life) -> Mapping[str, str]:
        """Master data that the events of a lot give it."""
        found: dict[str, str] = {}
        for each in life.happenings:
            if each.role in {"epc", "output"}:
                found = {**found, **attributes_of(each.told.ilmd)}
        return found


def described(found: Described, source: str) -> Found:
    """What a master says, as an element."""
    lacking = f"not described: {', '.join(found.lacking)}" if found.lacking else ""
    return Found((found.text,), " and ".join(p for p in (source, found.source) if p), lacking)


def missing(why: str) -> Found:
    """No value, and why."""
    return Found((), lacking=why)


def at_place(case: Case, each: Happening | Told | None, why: str) -> Found:
    """Where an event happened."""
    if each is None:
        return missing(why)
    told = each.told if isinstance(each, Happening) else each
    member, uri = told.place()
    return (
        case.describe(uri, from_event(case, told, member), told)
        if uri
        else missing(told.why_not("readPoint"))
    )


def from_event(case: Case, told: Told, member: str) -> str:
    """Where a value stands: a member of the event, or of another one."""
    return member if told is case.told else f"{member} of the {told.step or 'other'} event of {told.date}"
