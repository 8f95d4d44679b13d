"""``/regulator/links``: links for reading that were given out; ``/shared/...``: what one of them shows."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, current_app, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from traceability.identifiers import parse_stream
from traceability.operations.accounts.roles import Right
from traceability.operations.accounts.trail import network_of
from traceability.operations.recallstatus import find_recall, load_recall, named_things
from traceability.operations.sharing import Shared, View, list_links, new_link, open_link, revoke_link
from webapp.api.access import node, store
from webapp.database import snapshot
from webapp.i18n import language, noted, translate
from webapp.regulator.asking import asked
from webapp.regulator.batches import load, shown
from webapp.regulator.blueprint import regulator
from webapp.regulator.tracing import UTC, find_trace, public_page_of, read_typed, show_trace
from webapp.signedin import public, requires, say, visitor

sharing: Final = Blueprint("sharing", __name__)
VIEWS: Final = {
    View.BATCH: noted("batch"),
    View.TRACE: noted("trace"),
    View.RECALL: noted("recall"),
}
STATES: Final = {"valid": noted("opens"), "expired": noted("expired"), "revoked": noted("taken back")}
_THINGS: Final = 500
_OPTIONS: Final = ("direction", "contact")


@regulator.get("/links")
@requires(Right.TRACE, Right.READ)
def links() -> str:
    """Those of the visitor's party, and until when they open."""
    now_ms = store().clock()
    found = [(each, each.state(now_ms)) for each in list_links(snapshot(), str(visitor().party))]
    return render_template("regulator/links.html", found=found, views=VIEWS, states=STATES, made=None)


@regulator.post("/links")
@requires(Right.TRACE, Right.RECORD)
def lend() -> Response:
    """Make a link; its address is shown now and never again."""
    form, who = request.form, visitor()
    options = {name: form[name][:16] for name in _OPTIONS if name in form}
    with asked():
        view = next((view for view in View if view == form.get("view")), View.BATCH)
        days = int(form["days"]) if form.get("days", "").isdecimal() and len(form["days"]) < 4 else 0
        text, made = new_link(
            store(),
            node(),
            who.actor,
            view,
            form.get("subject", "")[:512],
            days,
            regulator=Right.TRACE in who.rights,
            options=options,
        )
    address = current_app.config["BASE_URL"] + url_for("sharing.shared", text=text)
    return Response(
        render_template(
            "regulator/links.html", found=[(made, "valid")], views=VIEWS, states=STATES, made=address
        )
    )


@regulator.post("/links/<number>/revoke")
@requires(Right.TRACE, Right.RECORD)
def take_back(number: str) -> BaseResponse:
    """Take a link back."""
    revoke_link(store(), node(), visitor().actor, number)
    say(translate("The link opens nothing any more."))
    return redirect(url_for("regulator.links", lang=language()), 303)


@sharing.get("/shared/<text>")
@public
def shared(text: str) -> Response:
    """What a link shows, to whoever has it: nothing of it is indexed, kept, or told to other sites."""
    lent = open_link(store(), node(), text, network_of(request.remote_addr))
    page = Response(_draw(lent))
    page.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    g.private = True
    return page


def _draw(lent: Shared) -> str:
    told = {"lent": lent, "by": lent.party, "zone": UTC}
    if lent.view is View.TRACE:
        typed = read_typed({"thing": lent.subject, **lent.options})
        found = show_trace(find_trace(typed), public_page_of)
        return render_template("regulator/shared.html", body="trace", shown=found, typed=typed, **told)
    if lent.view is View.RECALL:
        status = find_recall(snapshot(), lent.subject)
        recall, things = load_recall(snapshot(), status), named_things(snapshot(), lent.subject)
        more = max(0, len(things) - _THINGS)
        found_recall = {"status": status, "recall": recall, "things": things[:_THINGS], "more": more}
        return render_template("regulator/shared.html", body="recall", **found_recall, **told)
    batch = parse_stream(lent.subject).batch
    told |= shown(batch, load(lent.subject, lent.reader)) | {"lent": lent}
    return render_template("regulator/shared.html", body="batch", **told)
