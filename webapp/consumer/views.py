"""Routes for people without an account: start page, batch page, label codes, bundle."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import qrcode
import qrcode.image.svg
from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from qrcode.constants import ERROR_CORRECT_Q
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from traceability import media
from traceability.errors import IdentifierError
from traceability.identifiers import Batch, parse_gtin, parse_stream
from traceability.operations.events import load_event
from traceability.store import models
from webapp.consumer import chart, story
from webapp.consumer.journeys import Checked
from webapp.database import snapshot
from webapp.i18n import language

pages = Blueprint("consumer", __name__)
LISTED = 100


@pages.get("/")
def start() -> str | BaseResponse:
    """The products that have a public page; or what to do first."""
    if "lot" in request.args:
        return _typed_in()
    query = select(models.Batch.statement, models.Stream.uri).join(models.Stream)
    rows = snapshot().execute(query.order_by(models.Stream.time_ms.desc()).limit(LISTED)).all()
    products = [(parse_stream(r.uri).batch, _ilmd(load_event(snapshot(), r.statement))) for r in rows]
    return render_template("start.html", products=products)


@pages.get("/01/<gtin>/10/<path:lot>")
def batch(gtin: str, lot: str) -> str:
    """One batch: where it comes from and whether it stayed cold."""
    found = _batch(gtin, lot)
    checked = _load(found)
    journey = checked.verdict.journey
    parts = {p.name: p for p in checked.verdict.parts}
    shown: dict[str, Any] = {"batch": found, "verdict": checked.verdict, "parts": parts, "journey": journey}
    if journey is not None:
        offset = str(journey.created.get("eventTimeZoneOffset", "+00:00"))
        shown |= {
            "ilmd": story.created_of(journey),
            "offset": offset,
            "summary": story.summary(journey),
            "steps": story.steps(journey),
            "stays": story.stay_rows(journey),
            "chart": chart.draw(journey, offset),
            "chart_text": story.chart_description(journey),
            "producer": story.steps(journey)[0].party,
            "parties": {h.party: h.custody for h in journey.happenings},
            "frames": sum(s.frames for s in journey.stays),
            "sensors": len({c.device for s in journey.stays for c in s.curves}),
            "log_name": current_app.extensions["node"].origin,
        }
    return render_template("batch.html", **shown)


@pages.get("/qr/01/<gtin>/10/<path:lot>.svg")
def qr_svg(gtin: str, lot: str) -> Response:
    """The code for a label, as SVG."""
    code = _qr(_batch(gtin, lot))
    image = code.make_image(image_factory=qrcode.image.svg.SvgPathImage)
    return _image(image.to_string(), "image/svg+xml")


@pages.get("/qr/01/<gtin>/10/<path:lot>.png")
def qr_png(gtin: str, lot: str) -> Response:
    """The code for a label, as PNG."""
    data = io.BytesIO()
    _qr(_batch(gtin, lot)).make_image().save(data, "PNG")
    return _image(data.getvalue(), "image/png")


@pages.get("/bundle/01/<gtin>/10/<path:lot>")
def bundle(gtin: str, lot: str) -> Response:
    """Everything needed to check the batch offline, in one file."""
    found = _batch(gtin, lot)
    response = Response(_load(found).bundle, mimetype=media.BUNDLE)
    name = f"{found.gtin}-{_plain(found.lot)}.bundle.json"
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


@pages.get("/policy")
def policy() -> Response:
    """The keys that this node's verifiers pin; compare them with a copy from elsewhere."""
    return Response(current_app.extensions["node"].policy_text, mimetype="text/plain")


def _typed_in() -> BaseResponse:
    """A GTIN and lot that somebody typed: on to the page, at its one address."""
    found = Batch(parse_gtin(request.args.get("gtin", "").strip()), request.args["lot"].strip())
    return redirect(url_for("consumer.batch", gtin=found.gtin, lot=found.lot, lang=language()), 303)


def _batch(gtin: str, lot: str) -> Batch:
    if len(gtin) != 14:
        raise IdentifierError(f"a GTIN in an address has 14 digits; {gtin[:32]!r} has {len(gtin)}")
    return Batch(gtin, lot)


def _load(found: Batch) -> Checked:
    journeys = current_app.extensions["journeys"]
    checked: Checked = journeys.load(snapshot(), found.uri(journeys.node.name))
    return checked


def _qr(found: Batch) -> qrcode.QRCode[Any]:
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_Q, border=4, box_size=8)
    code.add_data(current_app.config["BASE_URL"] + found.path)
    return code


def _image(data: bytes, mimetype: str) -> Response:
    response = Response(data, mimetype=mimetype)
    response.cache_control.max_age = 86_400
    return response


def _ilmd(event: Mapping[str, Any]) -> Mapping[str, Any]:
    ilmd = event.get("ilmd")
    return ilmd if isinstance(ilmd, Mapping) else {}


def _plain(lot: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in lot)
