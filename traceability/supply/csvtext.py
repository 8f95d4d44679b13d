"""Tables as CSV (RFC 4180), in which no spreadsheet finds anything to compute.

Source: OWASP, CSV injection: an apostrophe before what begins like a formula, the full-width forms of these
signs included, which spreadsheets take for the same where Chinese or Japanese is typed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_text(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table with its head, lines ended by CR LF; see ``harmless``."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(head)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return out.getvalue()


def harmless(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula; numbers stay numbers, None is empty."""
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return "" if cell is None else cell
