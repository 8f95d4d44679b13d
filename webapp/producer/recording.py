"""Recording a step in three screens: which batch, which step, and what exactly, with who will see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from traceability.errors import IdentifierError, MalformedError, RefusedError, TraceabilityError
from traceability.operations.accounts.roles import Right
from traceability.operations.lots import Wanted, is_known, list_lots
from traceability.operations.masterdata import Product, list_items
from traceability.operations.record import rehearse_event
from traceability.operations.steps import Caution, Entered, cautions, event_of, record_entered
from traceability.operations.stock import stock_of
from traceability.supply.epcis.events import STEPS
from traceability.supply.scanned import Scanned, read_scanned
from webapp import http
from webapp.api.access import node, store
from webapp.database import snapshot
from webapp.i18n import language, translate
from webapp.producer.blueprint import console, own_party
from webapp.producer.entry import INPUTS, Offer, offer, read_entry
from webapp.producer.fields import Fields, refusal
from webapp.producer.preview import badges_of, groups_of
from webapp.producer.scanner import is_built
from webapp.producer.words import CAUTION_TEXTS, STEP_TEXTS, happened
from webapp.signedin import requires, say, visitor
from webapp.units import UNITS

OFFERED: Final = 6
"""Batches that the first screen offers."""


@console.get("/console/record")
@requires(Right.RECORD)
def choose() -> str | tuple[str, int]:
    """The first screen: scan, type or pick a batch; or begin a new one."""
    code = request.args.get("code", "")
    return _choose(code, None)


@console.get("/console/record/step")
@requires(Right.RECORD)
def step() -> str | tuple[str, int] | BaseResponse:
    """The second screen: the steps of the batch that was scanned."""
    code = request.args.get("code", "")[:512]
    try:
        found = read_scanned(code)
    except IdentifierError as error:
        return _choose(code, refusal(error))
    if found.lot is None or not is_known(snapshot(), found.batch.uri(node().name)):
        return _unknown(found, code)
    http.allow_fetching()
    batch, party = found.batch, own_party()
    stock = stock_of(snapshot(), node().name, party, batch.uri(node().name))
    out = {name for name in STEP_TEXTS if STEPS[name].action == "DELETE" and name != "destroy"}
    fitting = [
        (name, text)
        for name, text in STEP_TEXTS.items()
        if name != "harvest" and (name in out) <= (stock.inside is not None)
    ]
    return render_template("producer/step.html", batch=batch, stock=stock, steps=fitting)


@console.get("/console/record/<name>")
@requires(Right.RECORD)
def confirm(name: str) -> str | tuple[str, int]:
    """The third screen: the entry, with what was entered last; and who will see it."""
    made = _offer(name, request.args)
    entered = read_entry(made, Fields(made.fields))
    return _confirm(made, entered)


@console.post("/console/record/<name>")
@requires(Right.RECORD)
def record(name: str) -> str | tuple[str, int] | BaseResponse:
    """Sign it; whatever is odd is shown once before."""
    made, fields = _offer(name, request.form), Fields(request.form)
    entered = read_entry(made, fields)
    if entered is None:
        return _confirm(made, None, fields.wrong, status=400)
    if "check" in request.form or _odd(entered) - set(request.form.get("seen", "").split()):
        return _confirm(made, entered, status=200 if "check" in request.form else 409)
    try:
        record_entered(store(), node(), visitor().actor, own_party(), entered)
    except (MalformedError, RefusedError) as error:
        return _confirm(made, entered, refused=error, status=409)
    kind = STEPS[name]
    say(translate("Recorded: %(step)s.", step=happened(kind.biz_step, kind.action)))
    return redirect(brief_address(*batch_of(entered.of.uri)), 303)


def brief_address(gtin: str, lot: str) -> str:
    """The page of a batch after something was recorded: nobody waits for its whole history to be checked."""
    return url_for("console.lot", gtin=gtin, lot=lot, lang=language(), brief=1)


def batch_of(uri: str) -> tuple[str, str]:
    """GTIN and lot in the URI of a batch."""
    found = read_scanned(uri).batch
    return found.gtin, found.lot


def _offer(name: str, given: Mapping[str, Any]) -> Offer:
    if name not in STEP_TEXTS:
        abort(404)
    with store().reading() as connection:
        return offer(connection, own_party(), name, given, store().clock())


def _choose(code: str, wrong: str | None, arrives: str = "") -> str | tuple[str, int]:
    http.allow_scanning()
    lots = list_lots(snapshot(), own_party(), Wanted(), OFFERED)
    page = render_template(
        "producer/choose.html",
        code=code,
        wrong=wrong,
        arrives=arrives,
        lots=lots,
        happened=happened,
        products=list_items(snapshot(), own_party(), Product, limit=1),
        scanner=is_built(),
    )
    return (page, 400) if wrong else page


def _unknown(found: Scanned, code: str) -> str | tuple[str, int] | BaseResponse:
    """A code of a product of one's own begins a new batch; any other lot must be recorded by its maker."""
    own = list_items(snapshot(), own_party(), Product, search=found.gtin, limit=1)
    if own:
        address = url_for("console.confirm", name="harvest", gtin=found.gtin, lot=found.lot, lang=language())
        return redirect(address, 303)
    if found.lot is None:
        return _choose(
            code, translate("This code names a product without its lot. Add the lot from the label.")
        )
    said = translate("Nothing is recorded here of this lot. Its maker records how it began.")
    return _choose(code, said, f"{found.gtin}/{found.lot}")


def _odd(entered: Entered) -> set[str]:
    with store().reading() as connection:
        return {str(each) for each in cautions(connection, node().name, own_party(), entered)}


def _confirm(
    made: Offer,
    entered: Entered | None,
    wrong: Mapping[str, str] | None = None,
    *,
    refused: TraceabilityError | None = None,
    status: int = 200,
) -> tuple[str, int]:
    http.allow_fetching()
    party = own_party()
    event = None if entered is None else event_of(entered, party)
    odd = [] if entered is None else sorted(_odd(entered))
    if event is not None and refused is None and status == 200:
        refused = _refusal(event, arrives=made.arrives)
    page = render_template(
        "producer/confirm.html",
        made=made,
        given=made.fields,
        wrong=wrong or {},
        odd=odd,
        cautions=[CAUTION_TEXTS[each] for each in Caution if each in odd],
        refused=refused,
        groups=[] if event is None else groups_of(snapshot(), party, event),
        badges=badges_of(snapshot(), party, made.batch.gtin if made.batch else made.fields.get("gtin")),
        title=STEP_TEXTS[made.step],
        units=UNITS,
        inputs=range(INPUTS),
        fresh=not wrong and "at" not in request.values,
    )
    return page, status


def _refusal(event: Mapping[str, Any], *, arrives: bool) -> TraceabilityError | None:
    """What would be refused if it were signed now."""
    try:
        rehearse_event(store(), node(), own_party(), event, arrives=arrives)
    except (MalformedError, RefusedError) as error:
        return error
    return None
