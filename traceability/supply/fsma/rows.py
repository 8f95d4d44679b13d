"""The rows of a request: one for each lot, event and what went into it, with what is missing of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from traceability.supply.fsma.case import Case, Found
from traceability.supply.fsma.elements import Cte, Element, elements_of
from traceability.supply.fsma.finding import find
from traceability.supply.fsma.history import Happening, History, Life
from traceability.supply.fsma.master import Masters, lot_code
from traceability.supply.fsma.tracking import EXEMPT, cte_of
from traceability.supply.lineage import Amount
from traceability.supply.tracing.labels import ThingKind, kind_of


@dataclass(frozen=True, slots=True)
class Lack:
    """An element that is missing, or known in part only."""

    element: Element
    reason: str
    whole: bool

    @property
    def state(self) -> str:
        """``missing`` or ``incomplete``."""
        return "missing" if self.whole else "incomplete"

    @property
    def brief(self) -> str:
        """Without the reason."""
        return f"{self.element.paragraph} {self.element.name}: {self.state}"

    def __str__(self) -> str:
        return f"{self.brief}, {self.reason}"


@dataclass(frozen=True, slots=True)
class Row:
    """The record of one critical tracking event for one lot.

    ``values`` are its key data elements in the order of the rule. ``lot`` is a URI.
    """

    cte: Cte
    lot: str
    at_ms: int
    date: str
    event: str
    party: str
    values: tuple[tuple[Element, Found], ...]

    @property
    def lacks(self) -> tuple[Lack, ...]:
        """What is missing of it, in the order of the rule."""
        return tuple(
            Lack(element, found.lacking, not any(found.cells))
            for element, found in self.values
            if found.lacking
        )

    def cells(self) -> dict[str, str]:
        """Its cells by the keys of ``COLUMNS``; those of one column are joined."""
        found = {"cte": str(self.cte), "section": self.values[0][0].paragraph.partition("(")[0]}
        found |= {"date": self.date, "lot": lot_code(self.lot)[0], "party": self.party, "event": self.event}
        for element, value in self.values:
            for column, cell in zip(element.columns, value.cells, strict=True):
                before = found.get(column, "") if column == "seeds" else ""
                found[column] = "; ".join(part for part in (before, cell) if part)
        found["missing"] = "; ".join(lack.brief for lack in self.lacks)
        return found


@dataclass(frozen=True, slots=True)
class Passed:
    """An event of a lot that is none of the seven, and why."""

    lot: str
    date: str
    event: str
    reason: str


def rows_of(
    history: History, masters: Masters, lots: Iterable[str], period: tuple[int, int] | None = None
) -> tuple[tuple[Row, ...], tuple[Passed, ...]]:
    """The rows of some lots, sorted by lot, time and event; and what of them is in no row.

    Args:
        lots: URIs.
        period: milliseconds, both ends included; other events only help to fill the rows.
    """
    rows: dict[tuple[str, str, Amount, Amount | None], Row] = {}
    passed = []
    for lot in sorted(set(lots)):
        life = history.life(lot)
        for each in life.happenings:
            if period is not None and not period[0] <= each.told.at_ms <= period[1]:
                continue
            cte, why = cte_of(history, each, life)
            if cte is None:
                passed.append(Passed(lot, each.told.date, each.told.name, why))
                continue
            for case in _cases(history, masters, cte, each, life):
                key = (each.told.party, each.told.name, case.amount, case.used)
                rows.setdefault(key, _row(case))
    return tuple(sorted(rows.values(), key=_order)), tuple(passed)


def _order(row: Row) -> tuple[str, int, str, str]:
    used = row.cells().get("used_tlc", "") + row.cells().get("commodity", "")
    return row.lot, row.at_ms, row.event, used


def _row(case: Case) -> Row:
    exempt = case.told.event.get(EXEMPT) is True
    unpacked = case.used is not None and case.raw.raw(case.told.at_ms)
    asked = elements_of(case.cte, exempt=exempt, unpacked=unpacked)
    values = tuple((element, find(case, element)) for element in asked)
    told = case.told
    return Row(case.cte, case.life.uri, told.at_ms, told.date, told.name, told.party, values)


def _cases(history: History, masters: Masters, cte: Cte, each: Happening, life: Life) -> Iterator[Case]:
    """One case; of a transformation one for each pair of what came out and what went in."""
    if each.role not in {"input", "output"}:
        yield Case(history, masters, cte, each.told, each.amount, life, life)
        return
    outs = [each.amount] if each.role == "output" else _lots(history, each, "output")
    ins = [each.amount] if each.role == "input" else _lots(history, each, "input")
    for out in outs:
        made = history.life(out.uri)
        for used in ins:
            yield Case(history, masters, cte, each.told, out, made, history.life(used.uri), used)
        if not ins:
            yield Case(history, masters, cte, each.told, out, made, life)


def _lots(history: History, each: Happening, role: str) -> list[Amount]:
    return [
        other.amount
        for other in history.parts(each.told, role)
        if kind_of(other.amount.uri) is not ThingKind.ASSET
    ]
