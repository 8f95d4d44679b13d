"""``/console/labels``: choose a paper, look at the label, take the file. Nothing is recorded by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, Response, current_app, render_template, request
from werkzeug.exceptions import BadRequest, NotFound

from traceability.errors import LabelError
from traceability.identifiers import Batch
from traceability.labels.layout import Drawing, Label, lay_out
from traceability.labels.pdf import draw_labels, render_pdf
from traceability.labels.stock import STOCKS, Stock, parse_stock
from traceability.labels.svg import render_sheet, render_svg
from traceability.labels.text import LANGUAGES
from traceability.operations.accounts.roles import Right
from traceability.operations.labels import Serials, numbered, read_label, require_own
from webapp import http
from webapp.api.access import node, store
from webapp.database import snapshot
from webapp.i18n import in_english, language, noted, translate
from webapp.signedin import requires, visitor

printing = Blueprint("printing", __name__)
SERIALS: Final = {
    Serials.NONE: noted("none: all labels are alike"),
    Serials.RANDOM: noted("random: nobody can guess another"),
    Serials.ORDER: noted("in order, from"),
}
_MOST_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the form says."""

    stock: Stock
    start: int
    count: int
    serials: Serials
    first: int
    tongue: str


@printing.get("/console/labels/01/<gtin>/10/<lot:lot>")
@requires(Right.LABEL)
def form(gtin: str, lot: str) -> tuple[str, int]:
    """The form, with what was typed; the label as it will be; or why there can be none."""
    batch = _own(gtin, lot)
    problem, drawing, wanted = None, None, None
    try:
        wanted = _wanted()
        drawing = _drawing(batch, wanted)
    except (LabelError, BadRequest) as error:
        problem = error.description if isinstance(error, BadRequest) else in_english(error)
    page = render_template(
        "labels.html",
        batch=batch,
        stocks=STOCKS.values(),
        chosen=request.args.get("paper", next(iter(STOCKS))),
        typed=request.args,
        left=wanted.count if wanted else "",
        serials=SERIALS,
        problem=problem,
        drawing=drawing,
        wanted=wanted,
    )
    return page, 200 if problem is None else 400


@printing.get("/console/labels.svg/01/<gtin>/10/<lot:lot>")
@requires(Right.LABEL)
def preview(gtin: str, lot: str) -> Response:
    """The first label, as a picture."""
    return _svg(lambda: render_svg(_drawing(_own(gtin, lot), _wanted())))


@printing.get("/console/labels.pdf/01/<gtin>/10/<lot:lot>")
@requires(Right.LABEL)
def sheets(gtin: str, lot: str) -> Response:
    """The file for the printer."""
    batch, wanted = _own(gtin, lot), _wanted()
    labels = numbered(_label(batch, wanted), wanted.serials, wanted.count, wanted.first)
    title = f"{batch.gtin}/{batch.lot} ({wanted.stock.name})"
    drawings = draw_labels(labels, wanted.stock)
    data = render_pdf(drawings, wanted.stock, wanted.start, title=title, language=wanted.tongue)
    http.stand_alone()
    response = Response(data, mimetype="application/pdf")
    plain = "".join(c if c.isalnum() or c in "-." else "_" for c in batch.lot)
    response.headers.set("Content-Disposition", "attachment", filename=f"labels-{batch.gtin}-{plain}.pdf")
    return response


@printing.get("/console/papers/<name>.svg")
@requires(Right.LABEL)
def paper(name: str) -> Response:
    """The outline of a sheet, with the places that are printed."""
    stock = STOCKS.get(name)
    if stock is None:
        raise NotFound
    start, count = _number("start", 1), _number("count", stock.places)
    described = translate("%(n)d labels of %(size)s", n=stock.places, size=stock.size)
    return _svg(lambda: render_sheet(stock, described, start, count))


def _wanted() -> Wanted:
    args = request.args
    stock = parse_stock(args.get("paper", next(iter(STOCKS))))
    start = _number("start", 1)
    tongue, serials = args.get("tongue", language()), args.get("serials", Serials.NONE)
    if tongue not in LANGUAGES or serials not in list(Serials):
        raise BadRequest(translate("There is no such choice."))
    list(stock.places_from(start, 1))
    count = _number("count", stock.places - start + 1)
    return Wanted(stock, start, count, Serials(serials), _number("first", 1), tongue)


def _number(name: str, default: int) -> int:
    text = request.args.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdecimal()) or len(text) > _MOST_DIGITS:
        raise BadRequest(translate("%(typed)s is no number.", typed=text[:20]))
    return int(text)


def _own(gtin: str, lot: str) -> Batch:
    batch = Batch(gtin, lot)
    require_own(snapshot(), node(), batch, visitor().party)
    return batch


def _label(batch: Batch, wanted: Wanted) -> Label:
    now_ms, base_url = store().clock(), current_app.config["BASE_URL"]
    connection: Any = snapshot()
    return read_label(connection, node(), batch, base_url=base_url, language=wanted.tongue, now_ms=now_ms)


def _drawing(batch: Batch, wanted: Wanted) -> Drawing:
    """The first label; how many there are to be is checked too."""
    first, *_ = numbered(_label(batch, wanted), wanted.serials, wanted.count, wanted.first)
    return lay_out(first, wanted.stock)


def _svg(draw: Callable[[], str]) -> Response:
    return Response(draw(), mimetype="image/svg+xml")
