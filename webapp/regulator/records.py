"""``/regulator/records``: the sortable spreadsheet by lots, foods and dates, and what is missing by event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from flask import Response, render_template, request

from traceability.errors import MalformedError, RefusedError, StatementError, UnknownSubjectError
from traceability.operations.accounts.roles import Right
from traceability.operations.fsma import Asked, find_records
from traceability.supply.epcis.events import event_time_ms
from traceability.supply.fsma.master import lot_code
from traceability.supply.fsma.tables import Records, Sheet, glossary, render_csv, sheets
from traceability.supply.fsma.tables import records as sheet_of
from traceability.supply.fsma.workbook import render_xlsx
from webapp.api.access import node
from webapp.api.epcis.exchange import taking
from webapp.api.epcis.resource import bounds
from webapp.database import snapshot
from webapp.i18n import in_english, language, noted
from webapp.regulator.blueprint import own_reader, regulator
from webapp.signedin import requires

ROWS: Final = 200
"""Rows of each table on the page; the files have all."""
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FILES: Final[Mapping[str, tuple[str, Callable[[Records, str], str | bytes]]]] = {
    "xlsx": (XLSX, render_xlsx),
    "csv": ("text/csv; charset=utf-8", render_csv),
}
EU, CHINA = "EU 178-2002 art. 18", "China Food Safety Law"


@regulator.get("/records")
@requires(Right.TRACE)
def records() -> Response:
    """The form; and once lots or foods are named, how complete their records are, and the files."""
    typed = {name: request.args.get(name, "").strip()[:2000] for name in ("thing", "food", "from", "to")}
    if not typed["thing"] and not typed["food"]:
        return Response(_page(typed))
    try:
        with taking(bounds().documents, "documents and traces"):
            found = find_records(snapshot(), node(), _asked(typed), own_reader())
    except (MalformedError, RefusedError) as error:
        status = 404 if isinstance(error, UnknownSubjectError) else 400
        return Response(_page(typed, refused=in_english(error)), status)
    file = request.args.get("file", "")
    return _file(found, file) if file in FILES else Response(_page(typed, found))


@regulator.get("/records/glossary")
@requires(Right.TRACE)
def records_glossary() -> str:
    """Columns, events and codes of the spreadsheet (21 CFR 1.1455(c)(1))."""
    return render_template("regulator/glossary.html", sheet=glossary(()))


def _asked(typed: Mapping[str, str]) -> Asked:
    return Asked(
        typed["thing"].split(),
        typed["food"].replace(",", " ").split(),
        (),
        _day(typed["from"], "00:00:00.000"),
        _day(typed["to"], "23:59:59.999"),
        language(),
    )


def _day(text: str, time: str) -> int | None:
    """The beginning or the end of a day, UTC."""
    if not text:
        return None
    try:
        return event_time_ms({"eventTime": f"{text}T{time}Z"})
    except StatementError as error:
        raise StatementError(f"{text[:20]!r} is no day such as 2026-05-01") from error


def _page(typed: Mapping[str, str], found: Records | None = None, refused: str = "") -> str:
    by_name: dict[str, Sheet] = {} if found is None else {s.name: s for s in sheets(found, language())}
    lacking = [] if found is None else [row for row in found.rows if row.lacks]
    return render_template(
        "regulator/records.html",
        typed=typed,
        found=found,
        refused=refused,
        counts=Counter(str(row.cte) for row in found.rows) if found else {},
        lacking=lacking[:ROWS],
        lacking_count=len(lacking),
        lot_code=lot_code,
        sheet=_short(sheet_of(found, language())) if found else None,
        neighbours=[(title, _short(by_name[name])) for name, title in _NEIGHBOURS if name in by_name],
    )


def _short(sheet: Sheet) -> tuple[Sheet, int]:
    """The first rows of a sheet, and how many more there are."""
    return Sheet(sheet.name, sheet.heads, sheet.rows[:ROWS]), max(0, len(sheet.rows) - ROWS)


def _file(found: Records, ending: str) -> Response:
    kind, render = FILES[ending]
    response = Response(render(found, language()), content_type=kind)
    response.headers.set("Content-Disposition", "attachment", filename=f"records.{ending}")
    return response


_NEIGHBOURS: Final = (
    (EU, noted("One step back, one step forward: Regulation (EC) No 178/2002, article 18")),
    (CHINA, noted("One step back, one step forward: Food Safety Law of China, articles 50, 51 and 53")),
)
