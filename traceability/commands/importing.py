"""``import``: a sheet of steps, looked at, and with ``--yes`` recorded whole."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from traceability.commands.files import read_file, write_file
from traceability.commands.verb import Answer, Opened, Verbs, add_verb, opened
from traceability.commands.words import read_party
from traceability.errors import MalformedError
from traceability.operations.accounts.trail import COMMAND_LINE
from traceability.operations.imports import Line, Preview, preview_import, record_import
from traceability.supply.sheets.table import MAX_BYTES, Row, read_table
from traceability.supply.sheets.template import write_template


def add(verbs: Verbs) -> None:
    """Add this verb to the command line."""
    verb = add_verb(
        verbs,
        "import",
        _import,
        does="Show what a sheet of steps (CSV or XLSX) would record; with --yes record it, all or nothing",
        example="traceability import steps.xlsx --party 9520000000004 --offset +08:00 --yes",
    )
    verb.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="CSV or XLSX; - is the standard input"
    )
    verb.add_argument("--party", help="who says so: GLN, pseudonym or URI (default: the only party)")
    verb.add_argument(
        "--offset", default="+00:00", metavar="+HH:MM", help="of times that say no zone (default: +00:00)"
    )
    verb.add_argument("--yes", action="store_true", help="record it")
    verb.add_argument("--template", type=Path, metavar="FILE", help="write the template (XLSX) to this file")
    verb.add_argument("--language", choices=("en", "zh"), default="en", help="of the template (default: en)")


def _import(args: argparse.Namespace) -> Answer:
    if args.template is not None:
        write_file(args.template, write_template(args.language))
        return Answer({"template": str(args.template)}, (f"the template is in {args.template}",))
    if args.file is None:
        raise MalformedError(
            "no file was named", remedy="Name one, or write a template: --template steps.xlsx"
        )
    table = read_table(read_file(args.file, MAX_BYTES + 1))
    with opened() as this:
        with this.store.reading() as connection:
            party = read_party(connection, this.node, args.party)
        return _looked(this, party, table, args)


def _looked(this: Opened, party: str, table: tuple[Row, ...], args: argparse.Namespace) -> Answer:
    preview = preview_import(this.store, this.node, party, table, args.offset)
    data: dict[str, Any] = {"new": preview.new, "known": preview.known, "recorded": False}
    data["problems"] = [{"cell": p.pointer, "expected": p.expected, "got": p.got} for p in preview.problems]
    if preview.problems:
        return Answer(data, (*_shown(preview), "nothing was recorded: put these cells right"), 1)
    if not args.yes:
        return Answer(data, (*_shown(preview), f"{_counted(preview)}; --yes records them"))
    new, known = record_import(this.store, this.node, COMMAND_LINE, party, table, args.offset)
    data |= {"new": new, "known": known, "recorded": True}
    return Answer(data, (f"recorded: {new} new, {known} were there before",))


def _counted(preview: Preview) -> str:
    return f"{preview.new} new steps, {preview.known} recorded before"


def _shown(preview: Preview) -> Iterator[str]:
    yield from map(_line, preview.lines)
    yield from (str(problem) for problem in preview.problems)


def _line(line: Line) -> str:
    row, state = line.row, "refused" if line.refused else "known" if line.known else "new"
    amount = "" if row.quantity is None else f" {row.quantity} {row.uom or 'pieces'}"
    odd = f"  look again: {', '.join(line.cautions)}" if line.cautions else ""
    return f"row {row.row.number}: {state:7} {row.step} {row.batch.gtin}/{row.batch.lot}{amount}{odd}"
