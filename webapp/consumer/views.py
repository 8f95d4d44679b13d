"""Routes for people without an account: start page, batch page, label codes, bundle."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn
from urllib.parse import urlsplit

import qrcode
import qrcode.image.svg
from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.routing import BaseConverter
from werkzeug.wrappers import Response as BaseResponse

from traceability import media
from traceability.errors import IdentifierError, MalformedError, TamperError
from traceability.identifiers import Batch, decode_value, encode_value, parse_gtin, parse_lot, parse_stream
from traceability.operations.events import load_event
from traceability.operations.log import latest_checkpoint
from traceability.operations.recallstatus import answers_of
from traceability.store import models
from webapp.consumer import recalls
from webapp.consumer.lotpage import load, lot_page, parse_long_gtin
from webapp.consumer.qr import make_code
from webapp.consumer.shown import file_name
from webapp.database import snapshot
from webapp.i18n import language
from webapp.signedin import public

pages = Blueprint("consumer", __name__)
LISTED = 100


class LotConverter(BaseConverter):
    """A lot at the end of a path: any characters, and in links the one spelling that identifiers knows."""

    regex = ".+"
    part_isolating = False

    def to_url(self, value: str) -> str:
        return encode_value(value)


@pages.get("/")
@public
def start() -> str | BaseResponse:
    """The products that have a public page; or what to do first."""
    if "lot" in request.args:
        return _typed_in()
    return render_template("start.html", products=_products())


@pages.get("/01/<gtin>/10/<lot:lot>")
@public
def batch(gtin: str, lot: str) -> str | Response:
    """One batch: where it comes from and whether it stayed cold."""
    return lot_page(Batch(parse_long_gtin(gtin), lot))


@pages.get("/01/<gtin>/10/<lot:lot>/21/<lot:serial>")
@public
def item(gtin: str, lot: str, serial: str) -> str | Response:
    """One item of a batch: the same page, and whether this item's code is opened unusually often."""
    path = urlsplit(request.environ.get("RAW_URI") or request.environ["REQUEST_URI"]).path
    lot, parted, serial = path.partition("/10/")[2].partition("/21/")
    if not parted:  # the "/21/" stands within the lot itself, as %2F21%2F
        return batch(gtin, decode_value(lot))
    found, number = Batch(parse_long_gtin(gtin), decode_value(lot)), parse_lot(decode_value(serial))
    return lot_page(found, number)


@pages.get("/01/<path:rest>")
@public
def incomplete(rest: str) -> NoReturn:
    """A Digital Link without a lot."""
    raise IdentifierError(f"/01/{rest[:64]} names no lot: /01/{{gtin}}/10/{{lot}} is needed")


@pages.get("/qr/01/<gtin>/10/<lot:lot>.svg")
@public
def qr_svg(gtin: str, lot: str) -> Response:
    """The code for a label, as SVG."""
    code = _qr(Batch(parse_long_gtin(gtin), lot))
    image = code.make_image(image_factory=qrcode.image.svg.SvgPathImage)
    return _image(image.to_string(), "image/svg+xml")


@pages.get("/qr/01/<gtin>/10/<lot:lot>.png")
@public
def qr_png(gtin: str, lot: str) -> Response:
    """The code for a label, as PNG."""
    data = io.BytesIO()
    _qr(Batch(parse_long_gtin(gtin), lot)).make_image().save(data, "PNG")
    return _image(data.getvalue(), "image/png")


@pages.get("/bundle/01/<gtin>/10/<lot:lot>")
@public
def bundle(gtin: str, lot: str) -> Response:
    """Everything needed to check the batch offline, in one file."""
    found = Batch(parse_long_gtin(gtin), lot)
    response = Response(load(found).bundle, mimetype=media.BUNDLE)
    response.headers.set("Content-Disposition", "attachment", filename=file_name(found))
    return response


@pages.get("/policy")
@public
def policy() -> Response:
    """The keys that this node's verifiers pin; compare them with a copy from elsewhere."""
    return Response(current_app.extensions["node"].policy_text, mimetype="text/plain")


def _typed_in() -> BaseResponse:
    """A GTIN and lot that somebody typed: on to the page, at its one address."""
    gtin, lot = (unicodedata.normalize("NFKC", request.args.get(n, "")).strip() for n in ("gtin", "lot"))
    found = Batch(parse_gtin("".join(gtin.split())), lot)
    return redirect(url_for("consumer.batch", gtin=found.gtin, lot=found.lot, lang=language()), 303)


def _products() -> list[tuple[Batch, object, str | None]]:
    """The newest batches that were made and are in the log, each with its product's names and its alarm."""
    latest = latest_checkpoint(snapshot())
    known, record = models.Batch, models.Record
    query = (
        select(known.statement, models.Stream.uri)
        .join(models.Stream)
        .join(record, (record.stream == known.stream) & (record.seq == 0))
        .where(known.begun, record.log_index < (latest.size if latest else 0))
        .order_by(record.log_index.desc())
        .limit(LISTED)
    )
    rows = snapshot().execute(query).all()
    alarms = _alarms([row.uri for row in rows])
    return [(parse_stream(r.uri).batch, _product_names(r.statement), alarms.get(r.uri)) for r in rows]


def _alarms(uris: Sequence[str]) -> dict[str, str]:
    """Which of these are held or recalled; where what is stored does not match, their own pages say so."""
    try:
        answers = answers_of(snapshot(), uris)
    except (TamperError, MalformedError):
        return {}
    return {uri: answer for uri, answer in answers.items() if answer in recalls.ALARMS}


def _product_names(statement: bytes) -> object:
    """Names for the list; none of a statement that does not even parse: its own page says what is wrong."""
    try:
        ilmd = load_event(snapshot(), statement).get("ilmd")
    except (TamperError, MalformedError):
        return None
    return ilmd.get("ft:product") if isinstance(ilmd, Mapping) else None


def _qr(found: Batch) -> qrcode.QRCode[Any]:
    return make_code(current_app.config["BASE_URL"] + found.path)


def _image(data: bytes, mimetype: str) -> Response:
    response = Response(data, mimetype=mimetype)
    response.cache_control.public = True
    response.cache_control.max_age = 86_400
    return response
