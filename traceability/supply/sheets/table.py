"""A spreadsheet as text: CSV as programs write it, in the West and in China, or XLSX.

Nothing is guessed about what a cell means; what a spreadsheet program has spoilt (a number shortened to
``6.90E+12``) is left for whoever reads the column to refuse.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final
from xml.parsers import expat

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter

from traceability.errors import MalformedError, OversizeError

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_UNPACKED_BYTES: Final = 64 * 1024 * 1024
MAX_ROWS: Final = 2_000
MAX_LINES: Final = 20_000
"""Counting those in which nothing stands."""
MAX_COLUMNS: Final = 64
MAX_CELLS: Final = MAX_LINES * MAX_COLUMNS
"""Likewise: a few bytes can name a cell at the far end of each row."""
MAX_TAGS: Final = 500_000
"""Of all parts of a workbook together."""
LAST_ROW: Final = 1_048_576
"""Of a spreadsheet; nothing is below it, not even emptiness."""
MAX_CHARS: Final = 1_000
"""Of one cell."""
_ENCODINGS: Final = ("utf-8-sig", "gb18030")
"""What spreadsheet programs save CSV in: the second is Excel's where it speaks Chinese."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row with something in it: its number in the sheet, from 1, and its cells, trimmed."""

    number: int
    cells: tuple[str, ...]

    def reference(self, column: int) -> str:
        """What a spreadsheet calls a cell of it: ``C7`` for the third column (2) of the seventh row."""
        return f"{get_column_letter(column + 1)}{self.number}"


def read_table(data: bytes) -> tuple[Row, ...]:
    """The rows of a file, its head among them.

    Raises:
        OversizeError: more bytes, rows, columns or characters than the limits above.
        MalformedError: neither CSV nor XLSX.
    """
    if len(data) > MAX_BYTES:
        raise OversizeError(f"a sheet has at most {MAX_BYTES} bytes, this one {len(data)}")
    lines = _xlsx(data) if data.startswith(b"PK") else _csv(data)
    return tuple(_bounded(lines))


def write_table(table: Sequence[Row], between: str = ",") -> str:
    """The same rows as CSV, each under its number again, for ``read_table``."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=between, lineterminator="\n")
    last = 0
    for row in table:
        out.write("\n" * (row.number - last - 1))
        writer.writerow(row.cells)
        last = row.number
    return out.getvalue()


def _bounded(lines: Iterable[list[str]]) -> Iterator[Row]:
    kept = looked_at = 0
    for number, line in enumerate(lines, 1):
        looked_at += len(line)
        if number > LAST_ROW or looked_at > MAX_CELLS:
            raise OversizeError(
                f"it goes on without end below or to the right, by row {number}",
                remedy="Take empty rows and columns away.",
            )
        if not line:
            continue
        cells = tuple(cell.strip() for cell in line)
        cells = cells[: max((place for place, cell in enumerate(cells, 1) if cell), default=0)]
        if not cells:
            continue
        if number > MAX_LINES:
            raise OversizeError(f"row {number} is below row {MAX_LINES}", remedy="Take empty rows away.")
        kept += 1
        if kept > MAX_ROWS + 1:
            raise OversizeError(f"a sheet has at most {MAX_ROWS} rows below its head", remedy="Split it.")
        if len(cells) > MAX_COLUMNS:
            raise OversizeError(f"row {number} has {len(cells)} cells, at most {MAX_COLUMNS} are read")
        row = Row(number, cells)
        for column, cell in enumerate(cells):
            if len(cell) > MAX_CHARS:
                raise OversizeError(f"{row.reference(column)} has {len(cell)} characters, not {MAX_CHARS}")
        yield row


def _csv(data: bytes) -> Iterator[list[str]]:
    text = _decoded(data)
    if "\0" in text:
        raise MalformedError("this is neither CSV nor XLSX", remedy="Save it as CSV (UTF-8) or as XLSX.")
    head = next((line for line in text.splitlines() if line.strip()), "")
    between = max(",;\t", key=head.count)
    # Quotes are looked for everywhere, so that one that is missing shows as a row that is far too long.
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=between)
    except csv.Error as error:
        raise MalformedError(f"this is not CSV: {error}", remedy="Save it as CSV or XLSX again.") from error


def _decoded(data: bytes) -> str:
    for encoding in _ENCODINGS:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise MalformedError(
        "the text is neither UTF-8 nor GB 18030", remedy="Save it as CSV (UTF-8) or as XLSX."
    )


def _xlsx(data: bytes) -> Iterator[list[str]]:
    remedy = "Save it as XLSX again, without macros and passwords, or as CSV."
    try:
        _require_harmless(data)
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # it is filled up to what it says of its size, whatever stands there
        yield from ([_text(cell) for cell in line] for line in sheet.values)
    except OversizeError:
        raise
    except Exception as error:
        # The library raises whatever it stumbles over; all of it says that this is no workbook.
        raise MalformedError(f"this is not an XLSX workbook: {error!s:.200}", remedy=remedy) from error


def _require_harmless(data: bytes) -> None:
    """Looks at all parts of a workbook before anything is made of them.

    Raises:
        OversizeError: more bytes or tags than are read. MalformedError: as ``_require_no_doctype``.
        zipfile.BadZipFile: no archive.
    """
    tags = 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        unpacked = sum(each.file_size for each in archive.infolist())
        if unpacked > MAX_UNPACKED_BYTES:
            raise OversizeError(f"unpacked it has {unpacked} bytes, at most {MAX_UNPACKED_BYTES} are read")
        for each in archive.infolist():
            part = archive.read(each)
            _require_no_doctype(part)
            tags += part.count(b"<")
            if tags > MAX_TAGS:
                raise OversizeError(f"it has more than {MAX_TAGS} tags", remedy="Split it.")


def _require_no_doctype(part: bytes) -> None:
    """Looks at a part up to its first element: entities are declared before it (ECMA-376-2 forbids that).

    Raises:
        MalformedError: it declares a document type, so that a few bytes could stand for many.
    """
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise MalformedError("a part of it declares a document type")

    def enough(*_: object) -> None:
        raise StopIteration

    parser.StartDoctypeDeclHandler, parser.StartElementHandler = refuse, enough
    with suppress(StopIteration, expat.ExpatError):
        parser.Parse(part, True)


def _text(value: Any) -> str:
    """What a cell shows: whole numbers without a point, times as ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**15:
        return str(int(value))
    if isinstance(value, datetime):
        whole = value.time() == time()
        return value.date().isoformat() if whole else value.isoformat(" ", "seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)
