"""The batches of a firm: list, file, and the page of one with everything that the firm said of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from flask import Response, abort, current_app, render_template, request

from traceability.errors import NotPublishedError, TraceabilityError, UnknownSubjectError
from traceability.identifiers import Batch
from traceability.ledger.record import format_time
from traceability.ledger.state import stream_hash
from traceability.operations.accounts.roles import Right
from traceability.operations.lots import PAGE, Wanted, list_lots, lot_events
from traceability.operations.masterdata import Product, find, list_items
from traceability.operations.stock import stock_of
from traceability.supply.epcis.events import STEPS
from webapp.api.access import node
from webapp.consumer import story
from webapp.consumer.lotpage import load
from webapp.consumer.shown import drawings
from webapp.database import snapshot
from webapp.i18n import named, noted
from webapp.producer.blueprint import console, own_party
from webapp.producer.csvfile import csv_file
from webapp.producer.entry import MOST
from webapp.producer.fields import Fields
from webapp.producer.preview import groups_of
from webapp.producer.words import STEP_TEXTS, happened, step_of
from webapp.signedin import requires, visitor
from webapp.temperature import numbers_of

ALL: Final = 10_000
"""Rows of the file."""
DAY_MS: Final = 86_400_000
_KEY: Final = re.compile(r"[0-9]{1,16}:-?[0-9]{1,19}")


@console.get("/console/batches")
@requires(Right.READ)
def lots() -> str:
    """A page of the list, those with the newest event first."""
    fields = Fields(request.args)
    found = list_lots(snapshot(), own_party(), _wanted(fields), PAGE + 1)
    words = {STEPS[name].biz_step: happened(STEPS[name].biz_step, STEPS[name].action) for name in STEP_TEXTS}
    return render_template(
        "producer/lots.html",
        lots=found[:PAGE],
        more=found[PAGE - 1].key if len(found) > PAGE else None,
        products=list_items(snapshot(), own_party(), Product, limit=MOST),
        asked={name: request.args.get(name, "")[:64] for name in ("q", "gtin", "step", "from", "to")},
        wrong=fields.wrong,
        words=words,
        happened=happened,
        may=Right.RECORD in visitor().rights,
    )


@console.get("/console/batches.csv")
@requires(Right.READ)
def lots_file() -> Response:
    """The same list whole, for a spreadsheet."""
    found = list_lots(snapshot(), own_party(), _wanted(Fields(request.args)), ALL)
    rows = (
        (each.batch.gtin, each.batch.lot, named(each.names), each.step, format_time(each.at_ms), each.uri)
        for each in found
    )
    return csv_file("batches.csv", ("gtin", "lot", "product", "last_step", "at", "uri"), rows)


@console.get("/console/batches/01/<gtin>/10/<lot:lot>")
@requires(Right.READ)
def lot(gtin: str, lot: str) -> str:
    """One batch: what the firm said of it, whole, and what can be done."""
    batch, party = Batch(gtin, lot), own_party()
    uri = batch.uri(node().name)
    said = lot_events(snapshot(), party, uri)
    if not said:
        abort(404)
    names = next((n for each in said if (n := each.event.get("ilmd", {}).get("ft:product"))), None)
    brief = "brief" in request.args
    measured = {} if brief else _pictures(batch)
    steps = [(each, step_of(each.event), groups_of(snapshot(), party, each.event)) for each in said]
    return render_template(
        "producer/lot.html",
        **measured,
        stream=stream_hash(uri).hex(),
        batch=batch,
        names=names or _names_of(batch.gtin) or measured.get("product"),
        own=names is not None,
        steps=steps,
        stock=stock_of(snapshot(), node().name, party, uri),
        happened=happened,
        may=Right.RECORD in visitor().rights,
        rights=visitor().rights,
        brief=brief,
    )


def _pictures(batch: Batch) -> dict[str, Any]:
    """What is drawn of a batch, from what was checked for its page for everybody; or why nothing is."""
    try:
        journey = load(batch).verdict.journey
    except NotPublishedError:
        return {"journey": None, "unchecked": noted("Not yet in the public log: that takes a few seconds.")}
    except TraceabilityError as error:
        current_app.logger.warning("%s cannot be drawn: %s", batch.path, error)
        journey = None
    if journey is None:
        return {"journey": None, "unchecked": noted("Its page for everybody says why nothing is shown.")}
    product = story.created_of(journey).get("ft:product")
    return {"journey": journey, "product": product, **drawings(journey), "numbers": numbers_of(batch)}


def _names_of(gtin: str) -> Mapping[str, str] | None:
    """What the firm calls a product of which it received a lot."""
    try:
        return find(snapshot(), own_party(), Product, gtin).names
    except UnknownSubjectError:
        return None


def _wanted(fields: Fields) -> Wanted:
    first, last = (fields.day(name) for name in ("from", "to"))
    after = fields.text("after")
    lot_text = fields.text("q", most=64)
    return Wanted(
        gtin=fields.text("gtin"),
        lot=lot_text,
        step=fields.text("step"),
        from_ms=fields.moment("from", "+00:00") if first else None,
        to_ms=(fields.moment("to", "+00:00") or 0) + DAY_MS - 1 if last else None,
        after=after if _KEY.fullmatch(after) else "",
    )
