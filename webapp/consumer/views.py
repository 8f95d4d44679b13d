"""Routes for people without an account: start page, batch page, label codes, bundle."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import qrcode
import qrcode.image.svg
from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.routing import BaseConverter
from werkzeug.wrappers import Response as BaseResponse

from traceability import media
from traceability.errors import IdentifierError, MalformedError, TamperError, TraceabilityError
from traceability.identifiers import Batch, encode_value, parse_gtin, parse_stream
from traceability.operations.events import load_event
from traceability.operations.log import latest_checkpoint
from traceability.operations.recallstatus import answers_of
from traceability.store import models
from webapp.consumer import recalls
from webapp.consumer.ingredients import gather
from webapp.consumer.journeys import Checked, Journeys
from webapp.consumer.label import answer_to
from webapp.consumer.qr import make_code
from webapp.consumer.shown import file_name, shown
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
def batch(gtin: str, lot: str) -> str:
    """One batch: where it comes from and whether it stayed cold.

    What does not match is an answer as well, with status 200: an error status would let a cache
    or a proxy on the way put an older, good page in its place.
    """
    found = _batch(gtin, lot)
    try:
        checked = _load(found)
    except (TamperError, MalformedError) as failure:
        return _mismatch(found, failure, exportable=False)
    journey = checked.verdict.journey
    if journey is None:
        return _mismatch(found, checked.verdict.failure, exportable=True)
    journeys, plain = _journeys(), request.args.keys() <= {"lang"}
    page = journeys.page(checked, language()) if plain else None
    if page is None:
        made = gather(journey, lambda uri: journeys.load(snapshot(), uri), journeys.node.name)
        for uri in made.mismatched:
            current_app.logger.error("%s, of which %s was made, does not match", uri, found.path)
        label = answer_to(request.args.get("code", ""), journey)
        page = render_template(
            "batch.html", batch=found, verdict=checked.verdict, made=made, **shown(journey, made, label)
        )
        if plain:  # what one visitor typed is never kept for another
            journeys.keep_page(checked, language(), page, made.used)
    return page


@pages.get("/01/<path:rest>")
@public
def incomplete(rest: str) -> NoReturn:
    """A Digital Link without a lot."""
    raise IdentifierError(f"/01/{rest[:64]} names no lot: /01/{{gtin}}/10/{{lot}} is needed")


@pages.get("/qr/01/<gtin>/10/<lot:lot>.svg")
@public
def qr_svg(gtin: str, lot: str) -> Response:
    """The code for a label, as SVG."""
    code = _qr(_batch(gtin, lot))
    image = code.make_image(image_factory=qrcode.image.svg.SvgPathImage)
    return _image(image.to_string(), "image/svg+xml")


@pages.get("/qr/01/<gtin>/10/<lot:lot>.png")
@public
def qr_png(gtin: str, lot: str) -> Response:
    """The code for a label, as PNG."""
    data = io.BytesIO()
    _qr(_batch(gtin, lot)).make_image().save(data, "PNG")
    return _image(data.getvalue(), "image/png")


@pages.get("/bundle/01/<gtin>/10/<lot:lot>")
@public
def bundle(gtin: str, lot: str) -> Response:
    """Everything needed to check the batch offline, in one file."""
    found = _batch(gtin, lot)
    response = Response(_load(found).bundle, mimetype=media.BUNDLE)
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


def _mismatch(found: Batch, failure: TraceabilityError | None, *, exportable: bool) -> str:
    """The page of a batch that does not match: nothing of its journey, not even in the error's words."""
    current_app.logger.error("%s does not match: %s", found.path, failure)
    code = failure.code if failure is not None else TamperError.code
    return render_template(
        "mismatch.html",
        batch=found,
        code=code,
        file_name=file_name(found) if exportable else None,
        recalled=recalls.UNCHECKED,
    )


def _batch(gtin: str, lot: str) -> Batch:
    if len(gtin) != 14:
        raise IdentifierError(f"a GTIN in an address has 14 digits; {gtin[:32]!r} has {len(gtin)}")
    return Batch(gtin, lot)


def _load(found: Batch) -> Checked:
    journeys = _journeys()
    return journeys.load(snapshot(), found.uri(journeys.node.name))


def _journeys() -> Journeys:
    found: Journeys = current_app.extensions["journeys"]
    return found


def _qr(found: Batch) -> qrcode.QRCode[Any]:
    return make_code(current_app.config["BASE_URL"] + found.path)


def _image(data: bytes, mimetype: str) -> Response:
    response = Response(data, mimetype=mimetype)
    response.cache_control.public = True
    response.cache_control.max_age = 86_400
    return response
