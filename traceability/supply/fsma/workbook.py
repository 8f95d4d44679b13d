"""Sheets as an XLSX workbook (ISO/IEC 29500), the same bytes for the same sheets."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import xlsxwriter

from traceability.supply.fsma.tables import Records, Sheet, sheets

LONGEST: Final = 32_767
"""Characters of a cell; Excel takes no more."""
WIDEST: Final = 44
"""Characters across; longer cells are wrapped."""
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_DIGITS: Final = 15
"""Of a number in a spreadsheet (IEEE 754); longer ones are written as text."""


def render_xlsx(found: Records, language: str = "en") -> bytes:
    """All sheets of an answer, made when its checkpoint was."""
    return write_xlsx(sheets(found, language), found.computed.at_ms)


def write_xlsx(pages: Iterable[Sheet], at_ms: int) -> bytes:
    """A workbook.

    No cell is a formula, whatever stands in it: all are written as text, quantities as numbers.

    Args:
        at_ms: what it says of when it was made, in milliseconds since 1970 UTC.
    """
    out = io.BytesIO()
    made = datetime.fromtimestamp(0, UTC) + timedelta(seconds=at_ms // 1000)
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        book.set_properties(
            {"title": "Records of critical tracking events", "created": made.replace(tzinfo=None)}
        )
        looks = {
            "head": book.add_format(
                {"bold": True, "bg_color": "#E4EBE4", "text_wrap": True, "valign": "top"}
            ),
            "cell": book.add_format({"text_wrap": True, "valign": "top"}),
            "lack": book.add_format({"text_wrap": True, "valign": "top", "bg_color": "#FBE3D6"}),
        }
        for sheet in pages:
            _write(book.add_worksheet(sheet.name), sheet, looks)
    return out.getvalue()


def _write(page: Any, sheet: Sheet, looks: dict[str, Any]) -> None:
    for place, head in enumerate(sheet.heads):
        page.write_string(0, place, head, looks["head"])
        page.set_column(place, place, _width(sheet, place))
    for number, row in enumerate(sheet.rows, 1):
        lacks = sheet.name == "Records" and bool(row[_missing(sheet)])
        for place, cell in enumerate(row):
            look = looks["lack" if lacks and place == _missing(sheet) else "cell"]
            if place in sheet.numbers and _exact(cell):
                page.write_number(number, place, float(cell), look)
            elif cell:
                page.write_string(number, place, _cut(cell), look)
    page.freeze_panes(1, 0)
    if sheet.rows:
        page.autofilter(0, 0, len(sheet.rows), len(sheet.heads) - 1)
    page.set_landscape()
    page.fit_to_pages(1, 0)


def _missing(sheet: Sheet) -> int:
    """The column that says what is missing: the third from the end."""
    return len(sheet.heads) - 3


def _width(sheet: Sheet, place: int) -> int:
    longest = max((len(row[place]) for row in sheet.rows[:1000]), default=0)
    return max(8, min(WIDEST, max(longest, len(sheet.heads[place]) // 2) + 2))


def _exact(cell: str) -> bool:
    """Whether a number keeps all its digits in a spreadsheet."""
    return (
        _NUMBER.fullmatch(cell) is not None and len(cell.strip("-").replace(".", "").lstrip("0")) <= _DIGITS
    )


def _cut(cell: str) -> str:
    return cell if len(cell) <= LONGEST else cell[: LONGEST - 1] + "…"
