"""What was found, as sheets of text: records, completeness, lot codes, neighbours' laws, glossary.

The rule asks for an electronic sortable spreadsheet and for what is needed to understand it
(21 CFR 1.1455(c)(3)(ii)): one table of all events, and a glossary of its columns, codes and events.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from traceability.supply.csvtext import csv_text
from traceability.supply.fsma.elements import COLUMNS, CTE_ZH, ELEMENTS, Cte
from traceability.supply.fsma.master import lot_code
from traceability.supply.fsma.onestep import CHINA_HEADS, EU_HEADS, Move
from traceability.supply.fsma.rows import Passed, Row
from traceability.supply.fsma.told import DOCUMENTS
from traceability.supply.fsma.tracking import Assignment
from traceability.supply.tracing.tables import utc

_NUMBERS: Final = (
    "Quantity",
    "Quantity received",
    "Quantity used",
    "数量 Quantity",
    "数量",
    "接收数量",
    "投入数量",
)
_UNIT_KEYS: Final = ("unit", "received_unit", "used_unit")
_UNIT: Final = "Unit of measure of UN/ECE Recommendation 20, or package of 21"
UNITS: Final[Mapping[str, str]] = {
    "KGM": "kilogram",
    "GRM": "gram",
    "TNE": "tonne",
    "LBR": "pound",
    "ONZ": "ounce",
    "LTR": "litre",
    "MLT": "millilitre",
    "GLL": "US gallon",
    "EA": "piece",
    "H87": "piece",
    "CS": "case",
    "XCS": "case",
    "CT": "carton",
    "XCT": "carton",
    "XPX": "pallet",
}
"""Codes that are common in the trade, for the glossary."""


@dataclass(frozen=True, slots=True)
class Computed:
    """At which checkpoint something was computed, and what was asked for.

    ``origin``, ``size`` and ``root`` (base64) are those of the checkpoint, ``at_ms`` is its time.
    """

    origin: str
    size: int
    root: str
    at_ms: int
    asked: str
    audience: str


@dataclass(frozen=True, slots=True)
class Records:
    """All that is answered to one request."""

    computed: Computed
    rows: tuple[Row, ...]
    passed: tuple[Passed, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    moves: tuple[Move, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table; all cells are text, those under ``numbers`` hold numbers where they hold anything."""

    name: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def numbers(self) -> frozenset[int]:
        """Which columns hold numbers."""
        return frozenset(place for place, head in enumerate(self.heads) if head in _NUMBERS)


def sheets(found: Records, language: str = "en") -> tuple[Sheet, ...]:
    """The sheets of a workbook, in the order of its tabs; ``language`` (``en``, ``zh``): of the heads."""
    return (
        _about(found),
        records(found, language),
        _completeness(found),
        _codes(found),
        Sheet("EU 178-2002 art. 18", EU_HEADS, tuple(move.eu() for move in found.moves)),
        Sheet("China Food Safety Law", CHINA_HEADS, tuple(move.china() for move in found.moves)),
        _passed(found),
        glossary(found.rows),
    )


def records(found: Records, language: str = "en") -> Sheet:
    """The electronic sortable spreadsheet itself."""
    heads = tuple(column.zh if language == "zh" else column.en for column in COLUMNS)
    cells = (row.cells() for row in found.rows)
    rows = tuple(tuple(each.get(column.key, "") for column in COLUMNS) for each in cells)
    if language == "zh":
        rows = tuple((CTE_ZH[Cte(row[0])], *row[1:]) for row in rows)
    return Sheet("Records", heads, rows)


def render_csv(found: Records, language: str = "en") -> str:
    """The records as CSV; at which checkpoint they were computed stands in the last column."""
    sheet = records(found, language)
    computed = found.computed
    mark = f"{computed.origin} {computed.size} {utc(computed.at_ms)}"
    return csv_text((*sheet.heads, "Checkpoint"), ((*row, mark) for row in sheet.rows))


def summary(found: Records) -> Iterator[str]:
    """For people at a terminal: how complete it is, and each missing element by event."""
    computed, lacking = found.computed, [row for row in found.rows if row.lacks]
    yield f"{len(found.rows)} rows, {len(lacking)} of them incomplete; {len(found.passed)} other events"
    yield f"as of {utc(computed.at_ms)}: {computed.origin}, {computed.size} leaves; {computed.audience}"
    for cte, count in sorted(Counter(row.cte for row in found.rows).items()):
        yield f"  {cte}: {count}"
    for row in lacking:
        yield f"{row.date} {row.cte} of {lot_code(row.lot)[0]}, {row.event}"
        yield from (f"  {lack}" for lack in row.lacks)
    for each in found.assignments:
        if each.wrong:
            yield f"! {each.paragraph} {lot_code(each.lot)[0]}: {each.text}"


def to_json(found: Records) -> dict[str, Any]:
    """The same as JSON values: each element with its paragraph, its cells, its source and what it lacks."""
    computed = found.computed
    return {
        "checkpoint": {
            "origin": computed.origin,
            "size": computed.size,
            "root": computed.root,
            "time": utc(computed.at_ms),
        },
        "asked": computed.asked,
        "audience": computed.audience,
        "rows": [_row(row) for row in found.rows],
        "lotCodes": [
            {"lot": e.lot, "paragraph": e.paragraph, "text": e.text, "wrong": e.wrong, "event": e.event}
            for e in found.assignments
        ],
        "otherEvents": [
            {"lot": e.lot, "date": e.date, "event": e.event, "reason": e.reason} for e in found.passed
        ],
    }


def render_json(found: Records) -> str:
    """``to_json`` as text."""
    return json.dumps(to_json(found), ensure_ascii=False, indent=2)


def _row(row: Row) -> dict[str, Any]:
    return {
        "event": str(row.cte),
        "lot": row.lot,
        "date": row.date,
        "eventID": row.event,
        "party": row.party,
        "elements": [
            {
                "paragraph": element.paragraph,
                "name": element.name,
                "cells": dict(zip(element.columns, value.cells, strict=True)),
                "source": value.source,
                "lacking": value.lacking,
            }
            for element, value in row.values
        ],
    }


def _about(found: Records) -> Sheet:
    computed = found.computed
    rows: Mapping[str, str] = {
        "Records of critical tracking events": "21 CFR part 1 subpart S, sections 1.1325 to 1.1350",
        "Asked for": computed.asked,
        "Seen by": computed.audience,
        "Log": computed.origin,
        "Checkpoint, leaves": str(computed.size),
        "Checkpoint, root": computed.root,
        "Checkpoint, time": utc(computed.at_ms),
        "Rows": str(len(found.rows)),
        "Rows with something missing": str(sum(1 for row in found.rows if row.lacks)),
        "Events in no row": str(len(found.passed)),
        "Whether the rule applies": "The Food Traceability List and exemptions (1.1305) are not judged here",
    }
    return Sheet("About", ("", ""), tuple(rows.items()))


def _completeness(found: Records) -> Sheet:
    heads = ("Lot", "Date", "Event", "Paragraph", "Element", "State", "Reason", "Recorded by", "eventID")
    rows = tuple(
        (
            *(lot_code(row.lot)[0], row.date, str(row.cte), lack.element.paragraph, lack.element.name),
            *(lack.state, lack.reason, row.party, row.event),
        )
        for row in found.rows
        for lack in row.lacks
    )
    return Sheet("Completeness", heads, rows)


def _codes(found: Records) -> Sheet:
    rows = tuple(
        (lot_code(e.lot)[0], e.paragraph, "not allowed" if e.wrong else "", e.text, e.event)
        for e in found.assignments
    )
    return Sheet("Lot codes 1.1320", ("Lot", "Paragraph", "", "What is known of its code", "eventID"), rows)


def _passed(found: Records) -> Sheet:
    rows = tuple((lot_code(e.lot)[0], e.date, e.reason, e.event) for e in found.passed)
    return Sheet("Other events", ("Lot", "Date", "Why it is in no row", "eventID"), rows)


def glossary(found: Iterable[Row]) -> Sheet:
    """What is needed to understand the spreadsheet: columns, events with their paragraphs, codes."""
    rows = [(column.en, column.zh, column.meaning, _paragraphs(column.key)) for column in COLUMNS]
    rows += [(str(cte), CTE_ZH[cte], "Critical tracking event", _section(cte)) for cte in Cte]
    kind = "Reference document type of the Core Business Vocabulary: "
    rows += [(name, "", kind + word, "") for word, name in DOCUMENTS.items()]
    units = {cells.get(key, "") for cells in (row.cells() for row in found) for key in _UNIT_KEYS}
    rows += [(unit, "", UNITS.get(unit, _UNIT), "") for unit in sorted(units) if unit]
    return Sheet("Glossary", ("Word", "中文", "Meaning", "21 CFR"), tuple(rows))


def _section(cte: Cte) -> str:
    return ELEMENTS[cte, False][0].paragraph.partition("(")[0]


def _paragraphs(key: str) -> str:
    every = (element for elements in ELEMENTS.values() for element in elements)
    return ", ".join(element.paragraph for element in every if key in element.columns)
