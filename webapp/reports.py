"""Reports of shoppers, as the firm of the lot and the authorities see and answer them."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from traceability.errors import ConflictError, StatementError, UnknownSubjectError
from traceability.identifiers import parse_stream
from traceability.operations.accounts.roles import PartyKind, Right
from traceability.operations.visitors.reports import (
    KEPT_DAYS,
    MAX_WORDS,
    answer_report,
    erase_report,
    find_report,
    list_reports,
)
from traceability.store.engine import AnyRow
from webapp.api.access import store
from webapp.consumer.reporting import KINDS
from webapp.database import snapshot
from webapp.i18n import language, noted, translate
from webapp.signedin import requires, say, visitor

reports = Blueprint("reports", __name__)
STATES: Final = {
    "open": noted("waits for an answer"),
    "answered": noted("answered"),
    "closed": noted("closed"),
}


@reports.get("/console/reports")
@requires(Right.READ)
def own() -> str:
    """Reports about the firm's own lots."""
    return _list(_party())


@reports.get("/regulator/reports")
@requires(Right.TRACE)
def every() -> str:
    """All reports."""
    return _list(None)


@reports.get("/reports/<reference>/photo.jpg")
@requires(Right.READ, Right.TRACE)
def photo(reference: str) -> Response:
    """The photo of one, as it was made anew."""
    found = _report(reference)
    return Response(found.photo, mimetype="image/jpeg") if found.photo else abort(404)


@reports.post("/reports/<reference>/answer")
@requires(Right.RECORD, Right.INSPECT)
def answer(reference: str) -> BaseResponse:
    """Say what was done, and close it if nothing more is to come."""
    _report(reference)
    words, close = request.form.get("answer", ""), "close" in request.form
    try:
        answer_report(store(), visitor().actor, reference, words, close=close, party=_scope())
    except (StatementError, ConflictError):
        return Response(_list(_scope(), wrong=reference, typed=words), 400)
    say(translate("Your answer was kept: whoever has the reference can read it."))
    return _back()


@reports.post("/reports/<reference>/erase")
@requires(Right.RECORD, Right.INSPECT)
def erase(reference: str) -> BaseResponse:
    """Erase what the person wrote, on their wish."""
    _report(reference)
    erase_report(store(), visitor().actor, reference, _scope())
    say(translate("What the person wrote, sent and left as a contact is erased."))
    return _back()


def _list(party: str | None, wrong: str = "", typed: str = "") -> str:
    rows = list_reports(snapshot(), party)
    return render_template(
        "reports.html",
        reports=[(row, parse_stream(row.batch).batch) for row in rows],
        kinds={str(kind): words for kind, words in KINDS.items()},
        states=STATES,
        wrong=wrong,
        typed=typed,
        most=MAX_WORDS,
        kept_days=KEPT_DAYS,
        may_answer=bool(visitor().rights & {Right.RECORD, Right.INSPECT}),
    )


def _report(reference: str) -> AnyRow:
    """A report that this visitor may see; another's answers like none.

    Raises:
        UnknownSubjectError: there is none, or it is of another firm's lot.
    """
    return find_report(snapshot(), reference, _scope())


def _scope() -> str | None:
    """Whose reports a visitor sees: an authority everybody's, a firm its own."""
    return None if visitor().kind is PartyKind.AUTHORITY else _party()


def _party() -> str:
    party = visitor().party
    if party is None:
        raise UnknownSubjectError("an administrator of the node has no reports")
    return party


def _back() -> BaseResponse:
    name = "reports.every" if _scope() is None else "reports.own"
    return redirect(url_for(name, lang=language()), 303)
