"""The template of the sheet of steps, as XLSX."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Final

import xlsxwriter

from traceability.supply.sheets.steps import COLUMNS

_MADE: Final = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
"""What the template says of when it was made: its bytes are the same each time."""


def write_template(language: str = "en") -> bytes:
    """The template as XLSX: the head with what stands in each column, and a row as an example."""
    out = io.BytesIO()
    chinese = language == "zh"
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        book.set_properties({"title": "Steps", "created": _MADE})
        head, text = (
            book.add_format({"bold": True, "bg_color": "#E4EBE4"}),
            book.add_format({"num_format": "@"}),
        )
        page, help_page = book.add_worksheet("steps"), book.add_worksheet("columns")
        for place, column in enumerate(COLUMNS):
            page.write_string(0, place, column.chinese if chinese else column.name, head)
            page.write_string(1, place, column.example, text)
            page.set_column(place, place, 18, text)
            needed = "*" if column.needed else ""
            for across, cell in enumerate((column.name, column.chinese, needed, column.says)):
                help_page.write_string(place, across, cell)
        help_page.set_column(0, 1, 14)
        help_page.set_column(3, 3, 70)
        page.freeze_panes(1, 0)
    return out.getvalue()
