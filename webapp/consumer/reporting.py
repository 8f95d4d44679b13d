"""Report a problem: a form without account, cookie or script, and a page that says what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from traceability.errors import PictureError, StatementError, TooOftenError
from traceability.identifiers import Batch
from traceability.operations.visitors.networks import Networks
from traceability.operations.visitors.reports import (
    MAX_CONTACT,
    MAX_PHOTO,
    MAX_WORDS,
    Kind,
    Told,
    file_report,
    find_report,
    may_report,
)
from webapp.api.access import node, store
from webapp.consumer.lotpage import parse_long_gtin
from webapp.database import snapshot
from webapp.i18n import language, noted
from webapp.signedin import public, public_upload

reporting = Blueprint("reporting", __name__)
KINDS: Final[Mapping[Kind, str]] = {
    Kind.ILL: noted("Somebody became ill"),
    Kind.FOREIGN: noted("There was something in it that does not belong there"),
    Kind.SPOILED: noted("It was spoiled, mouldy or smelled"),
    Kind.ALLERGEN: noted("An allergen was not on the label"),
    Kind.LABEL: noted("The label or the date is wrong"),
    Kind.COPIED: noted("I think the label or the product is a copy"),
    Kind.OTHER: noted("Something else"),
}
WRONG: Final = {
    "kind": noted("Choose what is wrong."),
    "words": noted("Say in a few words what is wrong: 1 to 1,000 characters."),
    "photo": noted("This file is no photo that can be opened: send a JPEG, PNG or WebP, or none."),
    "often": noted("There were many reports from your network or about this lot today. Try again tomorrow."),
}
FORM_BYTES: Final = MAX_PHOTO + 32 * 1024


@reporting.get("/report/01/<gtin>/10/<lot:lot>")
@public
def form(gtin: str, lot: str) -> str:
    """The form, empty."""
    return _form(Batch(parse_long_gtin(gtin), lot), {}, "")


@reporting.post("/report/01/<gtin>/10/<lot:lot>")
@public_upload(FORM_BYTES)
def send(gtin: str, lot: str) -> BaseResponse:
    """Take a report, and lead to the page with its reference; or say what is wrong with the form."""
    request.max_content_length = FORM_BYTES
    found, now_ms = Batch(parse_long_gtin(gtin), lot), store().clock()
    networks: Networks = current_app.extensions["networks"]
    network = networks.tag(request.remote_addr, now_ms)
    try:
        may_report(snapshot(), found.uri(node().name), network, now_ms)
    except TooOftenError:
        return Response(_form(found, {}, "often"), 429)
    typed = {name: request.form.get(name, "") for name in ("kind", "words", "contact", "serial")}
    if typed["kind"] not in list(Kind):
        return Response(_form(found, typed, "kind"), 400)
    photo = request.files["photo"].read() if "photo" in request.files else b""
    told = Told(
        Kind(typed["kind"]),
        typed["words"],
        typed["contact"][:MAX_CONTACT],
        photo,
        typed["serial"][:20] or None,
    )
    try:
        reference = file_report(store(), node(), found, told, network)
    except PictureError:
        return Response(_form(found, typed, "photo"), 400)
    except StatementError:
        return Response(_form(found, typed, "words"), 400)
    except TooOftenError:
        return Response(_form(found, typed, "often"), 429)
    return redirect(url_for("reporting.told", reference=reference, lang=language()), 303)


@reporting.get("/reported/<reference>")
@public
def told(reference: str) -> str:
    """What became of a report, for whoever has its reference; nothing of what was written."""
    return render_template("reported.html", report=find_report(snapshot(), reference))


def _form(found: Batch, typed: Mapping[str, str], wrong: str) -> str:
    return render_template(
        "report.html",
        batch=found,
        kinds=KINDS,
        typed=typed,
        wrong=WRONG.get(wrong, ""),
        field=wrong,
        serial=typed.get("serial") or request.args.get("serial", "")[:20],
        most=MAX_WORDS,
    )
