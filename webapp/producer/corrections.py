"""A mistake: the event is declared an error, and what is right takes its place, in one flow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from flask import abort, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from traceability.errors import MalformedError, RefusedError, TraceabilityError
from traceability.operations.accounts.roles import Right
from traceability.operations.correct import Correction, correct, find_own, rehearse
from traceability.operations.steps import event_of
from webapp.api.access import node, store
from webapp.database import snapshot
from webapp.i18n import translate
from webapp.producer.blueprint import console, own_party
from webapp.producer.entry import INPUTS, Offer, fields_of, offer, read_entry
from webapp.producer.fields import Fields
from webapp.producer.preview import badges_of, groups_of
from webapp.producer.recording import brief_address
from webapp.producer.words import STEP_TEXTS, happened, step_of
from webapp.signedin import requires, say, visitor
from webapp.units import UNITS

_MILLIS: Final = re.compile(r"[0-9]{13}")


@console.get("/console/correct")
@requires(Right.RECORD)
def mistake() -> tuple[str, int]:
    """The event as it stands, to be taken back or put right."""
    event, context = find_own(snapshot(), own_party(), request.args.get("event", ""))
    made = _offer(event, {})
    return _page(made, Correction(event, context, store().clock()))


@console.post("/console/correct")
@requires(Right.RECORD)
def take_back() -> tuple[str, int] | BaseResponse:
    """Declare it an error; with ``instead``, put what was typed in its place."""
    event, context = _event(request.form.get("corrects", ""))
    fields = Fields(request.form)
    declared = fields.text("declared")
    declared_ms = int(declared) if _MILLIS.fullmatch(declared) else store().clock()
    made, instead = _offer(event, request.form), None
    if "instead" in request.form or "check" in request.form:
        entered = read_entry(made, fields, event.get("ilmd"))
        if entered is None:
            return _page(made, Correction(event, context, declared_ms), fields.wrong, status=400)
        instead = event_of(entered, own_party())
    correction = Correction(event, context, declared_ms, instead=instead)
    if "check" in request.form:
        return _page(made, correction)
    try:
        correct(store(), node(), visitor().actor, own_party(), correction)
    except (MalformedError, RefusedError) as error:
        return _page(made, correction, refused=error, status=409)
    say(translate("Taken back.") if instead is None else translate("Put right."))
    return redirect(brief_address(made.fields["gtin"], made.fields["lot"]), 303)


def _event(event_id: str) -> tuple[Mapping[str, Any], Any]:
    with store().reading() as connection:
        return find_own(connection, own_party(), event_id)


def _offer(event: Mapping[str, Any], given: Mapping[str, Any]) -> Offer:
    """The form of an event, as it was or as somebody typed it anew."""
    step = step_of(event)
    if step is None or step not in STEP_TEXTS:
        abort(404)
    was = fields_of(event, own_party())
    now = {name: value for name, value in given.items() if name not in {"gtin", "lot", "code"}}
    with store().reading() as connection:
        return offer(connection, own_party(), step, was | now, store().clock())


def _page(
    made: Offer,
    correction: Correction,
    wrong: Mapping[str, str] | None = None,
    *,
    refused: TraceabilityError | None = None,
    status: int = 200,
) -> tuple[str, int]:
    party = own_party()
    if refused is None:
        refused = _refusal(correction)
    shown = correction.instead or correction.declaration
    page = render_template(
        "producer/correct.html",
        made=made,
        given=made.fields,
        wrong=wrong or {},
        refused=refused,
        correction=correction,
        groups=groups_of(snapshot(), party, shown),
        badges=badges_of(snapshot(), party, made.fields.get("gtin")),
        title=STEP_TEXTS[made.step],
        happened=happened,
        units=UNITS,
        inputs=range(INPUTS),
    )
    return page, status


def _refusal(correction: Correction) -> TraceabilityError | None:
    try:
        rehearse(store(), node(), own_party(), correction)
    except (MalformedError, RefusedError) as error:
        return error
    return None
