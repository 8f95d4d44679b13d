"""``/console/notices``: what a firm is told of recalls, and what it says became of its goods."""

from __future__ import annotations

from typing import Any, Final, cast

from flask import Blueprint, Response, redirect, render_template, request, url_for

from traceability.errors import ConflictError, TraceabilityError, UnknownSubjectError
from traceability.operations.accounts.roles import Right
from traceability.operations.names import product_names
from traceability.operations.recalling.answers import Fate, answer, answers_of, counted
from traceability.operations.recalling.cases import find_case
from traceability.operations.recalling.letters import texts_of
from traceability.operations.recalling.notices import acknowledge, items_of, notice_to, notices_to
from traceability.supply.tracing.labels import label_of, product_of
from webapp.api.access import node, store
from webapp.i18n import language, named, translate
from webapp.recalling.taking import me, typed
from webapp.recalling.words import FATES, MORE, OUTCOMES, reason_of, status_of
from webapp.signedin import requires, say

notices: Final = Blueprint("recall_notices", __name__, url_prefix="/console/notices")
PAGE: Final = 50
"""Things of one page."""


@notices.get("")
@requires(Right.RECORD)
def listed() -> str:
    """What the visitor's party is told, the newest first."""
    with store().reading() as connection:
        found = [(each, find_case(connection, each.case)) for each in notices_to(connection, me().party)]
        texts = {case.id: texts_of(connection, case) for _, case in found}
    return render_template("recallnotices.html", found=found, texts=texts, now_ms=store().clock())


@notices.get("/<case_id>")
@requires(Right.RECORD)
def notice(case_id: str) -> Response:
    """One notice, and what the party has or had of it."""
    return _page(case_id)


@notices.post("/<case_id>/acknowledge")
@requires(Right.RECORD)
def acknowledged(case_id: str) -> Response:
    """Say that it was read."""
    acknowledge(store(), me(), case_id)
    say(translate("Acknowledged."))
    return _go(case_id)


@notices.post("/<case_id>/answer")
@requires(Right.RECORD)
def answered(case_id: str) -> Response:
    """Say what became of one thing."""
    amounts = {fate: said for fate in Fate if (said := typed(fate.value))}
    try:
        answer(
            store(),
            me(),
            case_id,
            typed("thing"),
            amounts,
            uom=typed("unit") or None,
            note=typed("note"),
            beyond=typed("beyond") == "1",
        )
    except UnknownSubjectError:
        raise
    except TraceabilityError as error:
        more = isinstance(error, ConflictError) and not _is_closed(case_id)
        return _page(case_id, translate(MORE) if more else reason_of(error), status_of(error))
    say(translate("Reported."))
    return _go(case_id)


def _is_closed(case_id: str) -> bool:
    with store().reading() as connection:
        return find_case(connection, case_id).closed_ms is not None


def _page(case_id: str, refused: str = "", status: int = 200) -> Response:
    party, node_name = me().party, node().name
    with store().reading() as connection:
        notice, case = notice_to(connection, case_id, party), find_case(connection, case_id)
        items, texts = items_of(connection, case_id, party), texts_of(connection, case)
        answers = {
            (each.thing, each.fate): each
            for each in counted(answers_of(connection, case_id))
            if each.party == party
        }
        first = _first(len(items))
        some = items[first : first + PAGE]
        products = product_names(connection, [item.thing for item in some])
    rows = [
        (item, named(products.get(product_of(item.thing) or "")), label_of(item.thing, 40)[1])
        for item in some
    ]
    body = render_template(
        "recallnotice.html",
        notice=notice,
        case=case,
        texts=texts,
        rows=rows,
        answers=answers,
        fates=FATES,
        outcomes=OUTCOMES,
        typed=request.form,
        refused=refused,
        first=first,
        whole=len(items),
        page=PAGE,
        now_ms=store().clock(),
        node=node_name,
    )
    return Response(body, status)


def _first(whole: int) -> int:
    """Which thing the page begins with."""
    asked = request.args.get("from", "0")
    plain = asked.isascii() and asked.isdecimal() and len(asked) < 7
    return min(int(asked), max(0, whole - 1)) if plain else 0


def _go(case_id: str) -> Response:
    first = request.args.get("from", "0")
    more: dict[str, Any] = {"from": first} if first.isascii() and first.isdecimal() and first != "0" else {}
    return cast("Response", redirect(url_for(".notice", case_id=case_id, lang=language(), **more), 303))
