"""``/recalls``: what is held and recalled, for anybody; preview, hold, issue and close, for who may.

The list and what a recall says are public. How far it reaches is told to regulators and to whoever
opened it: of all others, it would tell strangers who trades with whom.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from flask import Response
from flask_smorest import Blueprint

from traceability.errors import EventError, Problem, ScopeChangedError
from traceability.ledger.record import format_time
from traceability.operations.recall import Issuer, Order, close, hold, issue, new_id, require_own
from traceability.operations.recallscope import Notice, origins_of, read_notice, scope
from traceability.operations.recallstatus import (
    Status,
    find_recall,
    known_recall,
    list_recalls,
    load_recall,
    named_things,
    open_recalls,
)
from traceability.operations.tokens import Access, Scope
from traceability.operations.tracerequest import read_thing
from traceability.signing.strictjson import json_decode
from traceability.supply.recall import Outcome, Recall, State
from webapp.api import problems
from webapp.api.access import actor_of, node, sender, store, visitor
from webapp.api.epcis.describing import Answer, describe
from webapp.api.epcis.exchange import MAX_BODY, answer, read_body, taking
from webapp.api.epcis.resource import Resource, bounds
from webapp.database import snapshot
from webapp.signedin import bearer

PREFIX: Final = "/recalls"
SHOWN: Final = 1_000
"""Things, holders and products that a preview lists of each kind; it counts them all."""
_TEXTS: Final = ("recallClass", "hazard", "advice", "contact")
_ORDER: Final = "state origin scope recallClass hazard advice"
recalls: Final = Blueprint("recalls", __name__, url_prefix=PREFIX, description="Held and recalled lots")


@recalls.route("", tags=["Recalls"])
@bearer
class Recalls(Resource):
    """What is held or recalled."""

    @describe({200: Answer("Recalls, those that changed last first.", "Recalls")}, public=True)
    def get(self) -> Response:
        """The newest recalls, closed ones too."""
        who = visitor(snapshot())
        return answer({"recalls": [_told(each, who) for each in list_recalls(snapshot())]})

    @describe(
        {
            200: Answer("It was said before.", "Recall", ("Location",)),
            201: Answer("Signed; public with the next publish.", "Recall", ("Location",)),
        },
        refuses=(404, 409, 413, 415),
        body="RecallOrder",
    )
    def post(self) -> Response:
        """Hold lots, or issue a recall at once: `scope` is the digest that a preview gave for that `state`.

        With the `id` of that preview the request can be sent again; it is done once.
        """
        access, said = sender(Scope.RECALL), _body(_ORDER, "id contact")
        say = {State.HOLD.value: hold, State.ISSUED.value: issue}.get(_text(said, "state"))
        if say is None:
            raise EventError([Problem("/state", "hold or issued", repr(said["state"])[:80])])
        recall_id = _text(said, "id") if "id" in said else new_id(store().clock())
        order = Order(recall_id, _origins(said), read_notice(said), _text(said, "scope"))
        with store().reading() as connection:
            new = known_recall(connection, recall_id) is None
        with _tracing():
            try:
                done = say(store(), node(), _issuer(access), order)
            except ScopeChangedError as error:
                return _changed(error, order)
        return _answer(done, access, 201 if new else 200)


@recalls.route("/preview", tags=["Recalls"])
@bearer
class Preview(Resource):
    """What a recall would reach."""

    @describe({200: Answer("The scope.", "RecallScope")}, refuses=(404, 413, 415), body="RecallQuestion")
    def post(self) -> Response:
        """Trace what became of some lots; nothing is recorded.

        With the texts of a recall the answer has two digests in `scope`, over what is reached and
        what is said: one confirms a `hold`, the other that it is `issued`. `open` has the ids of
        recalls that name one of the lots already and are not closed.
        """
        access = sender(Scope.RECALL)
        said = _body("origin", "recallClass hazard advice contact")
        notice = read_notice(said) if said.keys() & set(_TEXTS) else None
        require_own(snapshot(), _issuer(access), origins_of(_origins(said), node().name))
        with _tracing():
            told = _preview(_origins(said), notice)
        return answer({"id": new_id(store().clock()), **told})


@recalls.route("/<recall_id>", tags=["Recalls"])
@bearer
class OneRecall(Resource):
    """One recall."""

    @describe({200: Answer("The recall.", "Recall")}, refuses=(404,), public=True)
    def get(self, recall_id: str) -> Response:
        """What a recall says; regulators and whoever opened it see everything that it names."""
        who, found = visitor(snapshot()), find_recall(snapshot(), recall_id)
        named = list(named_things(snapshot(), recall_id)) if _sees(found, who) else None
        return answer(_told(found, who) | ({} if named is None else {"named": named}))


@recalls.route("/<recall_id>/issue", tags=["Recalls"])
@bearer
class Issue(Resource):
    """From a hold to a recall."""

    @describe(
        {200: Answer("Issued.", "Recall", ("Location",))}, refuses=(404, 409, 413, 415), body="RecallIssue"
    )
    def post(self, recall_id: str) -> Response:
        """Issue what was held, with the same texts or others; its scope is traced anew."""
        access, said = sender(Scope.RECALL), _body("scope", "recallClass hazard advice contact")
        with store().reading() as connection:
            held = load_recall(connection, find_recall(connection, recall_id))
        notice = Notice(held.recall_class, held.hazard, held.advice, held.contact)
        if said.keys() & set(_TEXTS):
            notice = read_notice(said)
        order = Order(recall_id, held.origin, notice, _text(said, "scope"))
        with _tracing():
            try:
                done = issue(store(), node(), _issuer(access), order)
            except ScopeChangedError as error:
                return _changed(error, order)
        return _answer(done, access)


@recalls.route("/<recall_id>/close", tags=["Recalls"])
@bearer
class Close(Resource):
    """The end of a recall."""

    @describe(
        {200: Answer("Closed.", "Recall", ("Location",))}, refuses=(404, 409, 413, 415), body="RecallClose"
    )
    def post(self, recall_id: str) -> Response:
        """Close a recall on everything that it names: it was safe, or it was removed."""
        access, said = sender(Scope.RECALL), _body("outcome", "")
        if _text(said, "outcome") not in set(Outcome):
            raise EventError([Problem("/outcome", "safe or removed", repr(said["outcome"])[:80])])
        with _tracing():
            done = close(store(), node(), _issuer(access), recall_id, Outcome(said["outcome"]))
        return _answer(done, access)


@contextmanager
def _tracing() -> Iterator[None]:
    """Few at a time: others want to read."""
    with taking(bounds().documents, "documents and traces"):
        yield


def _issuer(access: Access) -> Issuer:
    return Issuer(access.party, access.regulator, actor_of(access))


def _sees(found: Status, who: Access | None) -> bool:
    return who is not None and (who.regulator or who.party == found.party)


def _told(found: Status, who: Access | None) -> dict[str, Any]:
    return told(found, load_recall(snapshot(), found), whole=_sees(found, who))


def told(found: Status, said: Recall, *, whole: bool) -> dict[str, Any]:
    """A recall as JSON; ``whole`` with how many things it names."""
    state = {
        "state": found.state.value,
        "since": format_time(found.since_ms),
        "party": found.party,
        "by": found.by,
    }
    return said.member() | state | ({"things": found.things} if whole else {})


def _answer(done: Status, access: Access, status: int = 200) -> Response:
    with store().reading() as connection:
        body = told(done, load_recall(connection, done), whole=_sees(done, access))
    return answer(body, status, {"Location": f"{PREFIX}/{done.id}"})


def _changed(error: ScopeChangedError, order: Order) -> Response:
    return problems.respond(error, preview=_preview(order.origins, order.notice, order.id))


def _preview(origins: tuple[str, ...], notice: Notice | None, recall_id: str = "") -> dict[str, Any]:
    with store().reading() as connection:
        named = named_things(connection, recall_id)
        found = scope(connection, node(), origins, named=named).described(connection)
        others = [each.id for each in open_recalls(connection, found.origins) if each.id != recall_id]
    return {"open": others, **found.to_json(notice, SHOWN)}


def _body(required: str, others: str) -> Mapping[str, Any]:
    """The object that came with this request; names with spaces between.

    Raises:
        EventError: it is none, or has not just these members.
    """
    said = json_decode(read_body(MAX_BODY))
    if not isinstance(said, dict):
        raise EventError([Problem("", "an object", repr(said)[:80])])
    wanted, known = set(required.split()), {*required.split(), *others.split()}
    wrong = [Problem(f"/{name}", "a value", "nothing") for name in sorted(wanted - said.keys())]
    wrong += [
        Problem("", f"members {', '.join(sorted(known))}", repr(n)[:80]) for n in sorted(said.keys() - known)
    ]
    if wrong:
        raise EventError(wrong)
    return said


def _text(said: Mapping[str, Any], name: str) -> str:
    if not isinstance(said[name], str):
        raise EventError([Problem(f"/{name}", "text", repr(said[name])[:80])])
    return str(said[name])


def _origins(said: Mapping[str, Any]) -> tuple[str, ...]:
    lots = said["origin"]
    if not isinstance(lots, list) or not all(isinstance(lot, str) for lot in lots):
        raise EventError([Problem("/origin", "a list of GTIN/LOT, URIs or URNs", repr(lots)[:80])])
    return tuple(read_thing(node(), lot) for lot in lots)
