"""Import: a sheet of steps is looked at, every bad cell named, and then recorded whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask import Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from traceability.errors import MalformedError, RefusedError, TraceabilityError
from traceability.operations.accounts.roles import Right
from traceability.operations.imports import Preview, preview_import, record_import
from traceability.operations.lots import last_event
from traceability.operations.masterdata import Product, list_items
from traceability.supply.sheets.steps import COLUMNS
from traceability.supply.sheets.table import MAX_BYTES, Row, read_table, write_table
from traceability.supply.sheets.template import write_template
from webapp.api.access import node, store
from webapp.database import snapshot
from webapp.i18n import language, translate
from webapp.producer.blueprint import console, own_party
from webapp.producer.entry import MOST
from webapp.producer.sheetwords import problem_rows
from webapp.producer.words import CAUTION_TEXTS, STEP_TEXTS
from webapp.signedin import requires, say, visitor

MAX_FORM: Final = MAX_BYTES + 1024 * 1024
"""Bytes of a form with a sheet; typed in, a sheet may have as many as in a file."""
SHOWN: Final = 100
"""Rows of a preview, and problems, that the page shows."""
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Brought:
    """What came with a form: the sheet as text for the field, and the offset of its times."""

    text: str = ""
    offset: str = "+00:00"


@console.get("/console/import")
@requires(Right.RECORD)
def sheet() -> str:
    """The form."""
    begun = last_event(snapshot(), own_party(), "creating_class_instance")
    usual = "+08:00" if language() == "zh" else "+00:00"
    return _page(Brought(offset=str(begun.get("eventTimeZoneOffset") or usual)))


@console.get("/console/import/steps-<any(en,zh):tongue>.xlsx")
@requires(Right.RECORD)
def sheet_template(tongue: str) -> Response:
    """The template in one language."""
    response = Response(write_template(tongue), mimetype=XLSX)
    response.headers.set("Content-Disposition", "attachment", filename="steps.xlsx")
    return response


@console.post("/console/import")
@requires(Right.RECORD, max_bytes=MAX_FORM)
def bring() -> str | tuple[str, int] | BaseResponse:
    """Look at a sheet; record what was looked at."""
    offset = request.form.get("offset", "").strip()[:16]
    data = _data()
    brought = Brought(data.decode("utf-8", "replace") if not data.startswith(b"PK") else "", offset)
    if not data:
        return _page(brought, translate("Choose a file, or paste the cells with their head.")), 400
    try:
        table = read_table(data)
        brought = Brought(write_table(table, "\t"), offset)
        if "record" in request.form and (done := _record(brought, table)) is not None:
            return done
        preview = preview_import(store(), node(), own_party(), table, offset)
    except (MalformedError, RefusedError) as error:
        return _page(brought, error), 400
    return _preview(brought, preview, table), 409 if preview.problems else 200


def _record(brought: Brought, table: Sequence[Row]) -> BaseResponse | None:
    """Record what was looked at; None if something is wrong by now, which a preview names cell by cell."""
    try:
        new, known = record_import(store(), node(), visitor().actor, own_party(), table, brought.offset)
    except (MalformedError, RefusedError):
        return None
    say(translate("Recorded: %(new)d steps. Known before: %(known)d.", new=new, known=known))
    return redirect(url_for("console.lots", lang=language()), 303)


def _data() -> bytes:
    """The sheet that was sent: a file, or what was typed."""
    sent = request.files.get("file")
    data = sent.read(MAX_BYTES + 1) if sent is not None else b""
    text = request.form.get("table", "")
    return data or (text.encode("utf-8", "replace") if text.strip() else b"")


def _preview(brought: Brought, preview: Preview, table: Sequence[Row]) -> str:
    products = list_items(snapshot(), own_party(), Product, limit=MOST)
    return _page(
        brought,
        preview=preview,
        problems=problem_rows(preview, SHOWN),
        names={product.gtin: product.names for product in products},
        rows=len(table) - 1,
    )


def _page(brought: Brought, error: str | TraceabilityError | None = None, **shown: object) -> str:
    return render_template(
        "producer/import.html",
        brought=brought,
        error=error,
        columns=COLUMNS,
        steps=STEP_TEXTS,
        cautions=CAUTION_TEXTS,
        most=SHOWN,
        **{"preview": None, **shown},
    )
