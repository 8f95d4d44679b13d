"""Lists as CSV, for a spreadsheet that runs none of what stands in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flask import Response

from traceability.supply.csvtext import csv_text


def csv_file(name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A file of rows, for download; UTF-8 with a mark at its beginning, as spreadsheets want it."""
    response = Response("\N{BYTE ORDER MARK}" + csv_text(head, rows), mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response
