"""``/regulator/recalls`` and ``/console/recalls``: one workspace, for authorities and for firms.

The same views stand under both addresses; what somebody sees and may do follows from who they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from flask import Blueprint, Response, redirect, render_template, request, url_for
from sqlalchemy import Connection

from traceability.errors import TraceabilityError, UnknownSubjectError
from traceability.operations.accounts.roles import Right
from traceability.operations.names import product_names
from traceability.operations.recalling.cases import (
    Case,
    confirm_seen,
    find_case,
    list_cases,
    look_at,
    open_case,
)
from traceability.operations.recalling.closing import close_case, drop_case
from traceability.operations.recalling.letters import texts_of
from traceability.operations.recalling.marks import case_mark, cases_mark
from traceability.operations.recalling.notices import heard_of
from traceability.operations.recalling.pdf import render_pdf
from traceability.operations.recalling.proposals import approve, hold_case, propose, withdraw
from traceability.operations.recalling.report import report_of
from traceability.operations.recallscope import Notice, read_notice
from traceability.operations.tracerequest import read_thing
from traceability.supply.recall import Outcome, State
from traceability.supply.tracing.labels import product_of
from traceability.supply.tracing.tables import write_csv
from webapp.api.access import node, store
from webapp.api.epcis.exchange import taking
from webapp.api.epcis.resource import bounds
from webapp.database import snapshot
from webapp.i18n import language, named, translate
from webapp.live import TOPICS, Asked, Topic
from webapp.recalling.shown import shown
from webapp.recalling.taking import as_participant, me, said, typed
from webapp.recalling.words import FATES, LOST, OUTCOMES, STAGES, STEPS, reason_of, status_of
from webapp.signedin import requires, say

cases: Final = Blueprint("cases", __name__)
MAX_LOTS: Final = 100
ALL: Final = "all"
"""The key under which everybody watches the cases that they see."""


def _case_mark(asked: Asked) -> str:
    try:
        return case_mark(asked.connection, asked.key, as_participant(asked.who), asked.now_ms)
    except UnknownSubjectError:
        return ""


def _cases_mark(asked: Asked) -> str:
    person = as_participant(asked.who)
    return cases_mark(asked.connection, person, asked.now_ms) if asked.key == ALL else ""


TOPICS["recall"] = Topic(_case_mark, frozenset({Right.RECALL, Right.TRACE}))
TOPICS["recalls"] = Topic(_cases_mark, frozenset({Right.RECALL, Right.TRACE}))


@cases.get("")
@requires(Right.RECALL, Right.TRACE)
def listed() -> str:
    """The cases and drills, and the form that opens one."""
    return _list()


@cases.post("")
@requires(Right.RECALL)
def opened() -> Response:
    """Open a case or a drill about the lots that were typed, a line each."""
    drill = typed("drill") == "1"
    try:
        lots = [read_thing(node(), lot) for lot in typed("lots").split()[: MAX_LOTS + 1]]
        mailing = typed("mailing") == "1" if drill else None
        with taking(bounds().documents, "traces"):
            case = open_case(store(), node(), me(), lots, drill=drill, mailing=mailing)
    except TraceabilityError as error:
        return Response(_list(reason_of(error)), status_of(error))
    return _go(case.id)


@cases.get("/<case_id>")
@requires(Right.RECALL, Right.TRACE)
def case(case_id: str) -> Response:
    """How a case stands, and what can be done about it."""
    return _page(case_id)


@cases.get("/<case_id>/scope.csv")
@requires(Right.RECALL, Right.TRACE)
def scope_file(case_id: str) -> Response:
    """The whole scope as a table."""
    with taking(bounds().documents, "traces"), store().reading() as connection:
        found = look_at(connection, node(), find_case(connection, case_id, me()))
    return _file(write_csv(found.rows).encode(), "text/csv; charset=utf-8", f"{case_id}-scope.csv")


@cases.get("/<case_id>/report.pdf")
@requires(Right.RECALL, Right.TRACE)
def report(case_id: str) -> Response:
    """The report."""
    with taking(bounds().documents, "traces"), store().reading() as connection:
        found = find_case(connection, case_id, me())
        body = render_pdf(report_of(connection, node(), found, store().clock(), me()))
    return _file(body, "application/pdf", f"{case_id}.pdf")


@cases.post("/<case_id>/hold")
@requires(Right.RECALL)
def hold(case_id: str) -> Response:
    """Hold the lots, at once."""

    def work() -> str:
        notice, confirm = _seen(case_id, State.HOLD)
        hold_case(store(), node(), me(), case_id, notice, confirm)
        return translate("The lots are on hold; their pages say so in a few seconds.")

    return _done(case_id, work)


@cases.post("/<case_id>/propose")
@requires(Right.RECALL)
def proposed(case_id: str) -> Response:
    """Propose a recall."""

    def work() -> str:
        notice, confirm = _seen(case_id, State.ISSUED)
        propose(store(), node(), me(), case_id, notice, confirm)
        return translate("Proposed. Another person of your party approves it.")

    return _done(case_id, work)


@cases.post("/<case_id>/withdraw")
@requires(Right.RECALL)
def withdrawn(case_id: str) -> Response:
    """Take the proposal back."""

    def work() -> str:
        withdraw(store(), me(), case_id)
        return translate("The proposal is withdrawn.")

    return _done(case_id, work)


@cases.post("/<case_id>/approve")
@requires(Right.RECALL, Right.APPROVE)
def approved(case_id: str) -> Response:
    """Approve the proposal: the recall is issued."""

    def work() -> str:
        done = approve(store(), node(), me(), case_id, typed("digest"))
        if done.drill:
            return translate("The drill runs: its holders see the notice in their console.")
        return translate("The recall is issued: the pages of all lots are red in a few seconds.")

    return _done(case_id, work)


@cases.post("/<case_id>/close")
@requires(Right.RECALL)
def closed(case_id: str) -> Response:
    """Close the case."""

    def work() -> str:
        outcome = Outcome.SAFE if typed("outcome") == Outcome.SAFE else Outcome.REMOVED
        close_case(store(), node(), me(), case_id, outcome, typed("note"))
        return translate("The case is closed.")

    return _done(case_id, work)


@cases.post("/<case_id>/drop")
@requires(Right.RECALL)
def dropped(case_id: str) -> Response:
    """End a case in which nothing was signed."""

    def work() -> str:
        drop_case(store(), node(), me(), case_id, typed("note"))
        return translate("The case is closed.")

    return _done(case_id, work)


def _seen(case_id: str, state: State) -> tuple[Notice, str]:
    """The texts of the form, and the digest of these over the scope that its page showed."""
    notice = read_notice(said())
    with store().reading() as connection:
        found = _mine(connection, case_id)
        return notice, confirm_seen(connection, node(), found, typed("seen"), notice, state)


def _mine(connection: Connection, case_id: str) -> Case:
    return find_case(connection, case_id, me())


def _done(case_id: str, work: Callable[[], str]) -> Response:
    """Do something about a case and show it; what was typed stays if it was refused."""
    with store().reading() as connection:
        _mine(connection, case_id)
    try:
        with taking(bounds().documents, "traces"):
            say(work())
    except UnknownSubjectError:
        raise
    except TraceabilityError as error:
        return _page(case_id, reason_of(error), status_of(error))
    return _go(case_id)


def _list(refused: str = "") -> str:
    connection = snapshot()
    found = list_cases(connection, me())
    products = product_names(connection, [lot for case in found for lot in case.origin])
    about = {case.id: (texts_of(connection, case), _product(case, products)) for case in found}
    return render_template(
        "recallcases.html",
        cases=found,
        about=about,
        heard=heard_of(connection, [each.id for each in found], store().clock()),
        refused=refused,
        thing=request.args.get("thing", "")[:512],
        me=me(),
        stages=STAGES,
        outcomes=OUTCOMES,
    )


def _product(case: Case, products: Mapping[str, Any]) -> str:
    """What the first lot of a case is called; its number where nobody named it."""
    number = product_of(case.origin[0]) or ""
    return named(products.get(number), number)


def _page(case_id: str, refused: str = "", status: int = 200) -> Response:
    with taking(bounds().documents, "traces"):
        found = shown(snapshot(), node(), _mine(snapshot(), case_id), me(), store().clock())
    body = render_template(
        "recallcase.html",
        shown=found,
        case=found.case,
        me=me(),
        refused=refused,
        typed=request.form,
        stages=STAGES,
        steps=STEPS,
        fates=FATES,
        outcomes=OUTCOMES,
        lost_words=LOST,
    )
    return Response(body, status)


def _go(case_id: str) -> Response:
    return cast("Response", redirect(url_for(".case", case_id=case_id, lang=language()), 303))


def _file(body: bytes, kind: str, name: str) -> Response:
    response = Response(body, content_type=kind)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response
