"""The page of a lot, or of one item of it: checked, drawn, and kept as long as that check counts."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response, current_app, render_template, request

from traceability.errors import IdentifierError, MalformedError, TamperError, TraceabilityError
from traceability.identifiers import Batch
from traceability.operations.visitors.scans import Scans, Unusual, item_of, unusual
from webapp import http
from webapp.api.access import store
from webapp.changes import Changes
from webapp.consumer import recalls
from webapp.consumer.ingredients import gather
from webapp.consumer.journeys import Checked, Journeys
from webapp.consumer.label import answer_to
from webapp.consumer.shown import file_name, shown
from webapp.database import snapshot
from webapp.i18n import language
from webapp.signedin import signed_in


def lot_page(found: Batch, serial: str | None = None) -> str | Response:
    """What is told of a lot.

    What does not match is an answer as well, with status 200: an error status would let a cache
    or a proxy on the way put an older, good page in its place.

    Args:
        serial: of the item whose code was opened.
    """
    # What one visitor typed, or who is signed in, is never kept for another.
    plain = serial is None and not signed_in() and request.args.keys() <= {"lang"}
    changes: Changes = current_app.extensions["changes"]
    mark = changes.mark() if plain else None
    known = journeys().glance(found.uri(journeys().node.name), language(), mark) if plain else None
    if known is not None:
        return http.packed(known)
    try:
        checked = load(found)
    except (TamperError, MalformedError) as failure:
        return _mismatch(found, failure, exportable=False)
    if checked.verdict.journey is None:
        return _mismatch(found, checked.verdict.failure, exportable=True)
    if not plain:
        return _draw(found, checked, serial)[0]
    page = journeys().page(checked, language(), mark)
    if page is None:
        page, used = _draw(found, checked)
        journeys().keep_page(checked, language(), page, used, mark)
    return http.packed(page)


def load(found: Batch) -> Checked:
    """The check of a lot; raises as ``Journeys.load`` does."""
    return journeys().load(snapshot(), found.uri(journeys().node.name))


def journeys() -> Journeys:
    """The checks of this application."""
    found: Journeys = current_app.extensions["journeys"]
    return found


def parse_long_gtin(gtin: str) -> str:
    """A GTIN as it stands in an address; its check digit is looked at by ``Batch``.

    Raises:
        IdentifierError: it has not 14 digits.
    """
    if len(gtin) != 14:
        raise IdentifierError(f"a GTIN in an address has 14 digits; {gtin[:32]!r} has {len(gtin)}")
    return gtin


def _draw(found: Batch, checked: Checked, serial: str | None = None) -> tuple[str, Sequence[Checked]]:
    """The page, and the checks of ingredients that it rests on."""
    journey = checked.verdict.journey
    if journey is None:
        raise TypeError("only what matches is drawn")
    made = gather(journey, lambda uri: journeys().load(snapshot(), uri), journeys().node.name)
    for uri in made.mismatched:
        current_app.logger.error("%s, of which %s was made, does not match", uri, found.path)
    page = render_template(
        "batch.html",
        batch=found,
        verdict=checked.verdict,
        made=made,
        serial=serial,
        often=_noted(journey.batch, serial),
        **shown(journey, made, answer_to(request.args.get("code", ""), journey)),
    )
    return page, made.used


def _noted(batch: str, serial: str | None) -> Unusual | None:
    """Count that an item's code was opened, and say whether that happens unusually often."""
    if serial is None:
        return None
    scans: Scans = current_app.extensions["scans"]
    item, now_ms = item_of(batch, serial), store().clock()
    if request.method == "GET" and "prefetch" not in request.headers.get("Sec-Purpose", ""):
        scans.note(item, request.remote_addr, now_ms)
    return unusual(snapshot(), item, now_ms)


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
