"""``/temperature/...``: the temperatures of a batch as numbers, and what pages need to draw them by script.

A page shows its chart and map as the server draws them. Where the programs are built, scripts put others in
their place that can be zoomed; they ask this site alone: here for numbers, and for the coasts as a file.
"""

from __future__ import annotations

import re
from typing import Final

from flask import Blueprint, Response, abort, jsonify, request, url_for

from traceability.identifiers import Batch
from traceability.ledger.state import stream_hash
from traceability.operations.accounts.roles import Right
from traceability.operations.lots import speaks_of
from webapp import http
from webapp.api.access import node
from webapp.built import is_built
from webapp.consumer.lotpage import load, parse_long_gtin
from webapp.consumer.zoomed import zoomed
from webapp.database import snapshot
from webapp.i18n import language
from webapp.signedin import requires, visitor

temperature: Final = Blueprint("temperature", __name__)
FILES: Final = ("built/charts.js", "built/charts.css", "built/land.json")
"""Built by ``make charts`` and ``make verifier``."""
_MOMENT: Final = re.compile(r"[0-9]{1,15}")


@temperature.get("/temperature/01/<gtin>/10/<lot:lot>")
@requires(Right.READ, Right.TRACE)
def measured(gtin: str, lot: str) -> Response:
    """What was measured ``from`` one time ``to`` another (ms), or from the first to the last."""
    batch, who = Batch(parse_long_gtin(gtin), lot), visitor()
    own = who.party is not None and speaks_of(snapshot(), who.party, stream_hash(batch.uri(node().name)))
    if not own and Right.TRACE not in who.rights:
        abort(404)
    journey = load(batch).verdict.journey
    return jsonify(None if journey is None else zoomed(journey, _window()))


def numbers_of(batch: Batch) -> str | None:
    """Where a script of the page that is being answered finds these numbers; None if none is built.

    The page may then ask this site for files.
    """
    if not is_built(*FILES):
        return None
    http.allow_fetching()
    return url_for("temperature.measured", gtin=batch.gtin, lot=batch.lot, lang=language())


def _window() -> tuple[int, int] | None:
    given = [request.args.get(name, "") for name in ("from", "to")]
    if not all(_MOMENT.fullmatch(text) for text in given):
        return None
    return int(given[0]), int(given[1])
