"""``/events``: one event in, with the proof that it is in the log; and the events that somebody may see."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import BadRequest, NotFound, ServiceUnavailable

from traceability.errors import EventError, Problem
from traceability.ledger.lines import encode_base64
from traceability.operations.capture import Captured, capture
from traceability.operations.captures import Behaviour, add_job, fault_of, given_of, problems_of
from traceability.operations.events import Reader
from traceability.operations.proof import Place, prove
from traceability.operations.publication import wait_until_published
from traceability.operations.query import find, run
from traceability.operations.tokens import Access, Scope
from traceability.supply.epcis.document import CapturedEvent, Document, read_document
from traceability.supply.queries.query import parse_query, url_parameters
from webapp.api.access import actor_of, node, reader, sender, store
from webapp.api.epcis.capture import job_json, job_path
from webapp.api.epcis.describing import Answer, describe
from webapp.api.epcis.documents import query_document
from webapp.api.epcis.exchange import (
    MAX_BODY,
    answer,
    extensions,
    paging,
    read_body,
    taking,
    written,
)
from webapp.api.epcis.resource import PREFIX, Resource, bounds, epcis
from webapp.api.epcis.schemas import query_parameters
from webapp.api.problems import RETRY_S, respond_fault
from webapp.database import snapshot
from webapp.signedin import bearer

SIMPLE: Final = "SimpleEventQuery"
EVEN_S: Final = 0.1
"""Who does not see all of an event learns nothing by how long it takes to look for one."""


@epcis.route("/events", tags=["Events"])
@bearer
class Events(Resource):
    """All events that the reader may see; single ones are captured here."""

    @describe(
        {
            200: Answer("The very event was recorded before.", "CapturedEvent", ("Location",)),
            201: Answer("Recorded and published.", "CapturedEvent", ("Location",)),
            202: Answer(
                "Recorded; not yet in the log.",
                "CaptureJob",
                ("Location", "Retry-After", "Preference-Applied"),
            ),
        },
        refuses=(409, 413, 415),
        headers=("Prefer",),
        body="SingleEvent",
    )
    def post(self) -> Response:
        """Capture one event, which brings its own @context; answered when it is in the published log.

        With `Prefer: respond-async`, or when the publisher does not publish within ten seconds, the
        answer is a capture job (202). Send the event again to get the proof: it is recorded once.
        """
        access = sender(Scope.CAPTURE)
        event, document = _single(read_body(MAX_BODY))
        created_ms = store().clock()
        given = [given_of(event, document)]
        (captured,) = capture(store(), node(), access.party, given, actor=actor_of(access))
        if captured.refused is not None:
            return respond_fault(fault_of("", captured.refused))
        places = None if _respond_async() else _wait(captured)
        if places is None:
            return _later(access, captured, created_ms)
        return _published(captured, places)

    @describe(
        {200: Answer("Events.", "EPCISQueryDocument", ("Link", "GS1-Next-Page-Token-Expires"))},
        refuses=(413,),
        asks=query_parameters(),
        headers=("GS1-Extensions",),
        public=True,
    )
    def get(self) -> Response:
        """SimpleEventQuery by the parameters of the address, over what the reader may see.

        Families of parameters with names that go on (a unit, a type, an extension) are those of
        EPCIS 2.0 8.2.7.1. A page may hold fewer events than asked for, or none, and go on.
        """
        parameters = url_parameters(request.args.to_dict(flat=False))
        query = parse_query(parameters, extensions(), node().name)
        now_ms = store().clock()
        page = run(snapshot(), node(), query, reader(snapshot()), now_ms=now_ms)
        body = query_document(page.events, now_ms, SIMPLE)
        return written(body, headers=paging(page.next_token, page.expires_ms))


@epcis.route("/events/<path:event_id>", tags=["Events"])
@bearer
class Event(Resource):
    """The events under one name: an event, and what declares it an error."""

    @describe(
        {200: Answer("The event, and declarations about it.", "EPCISQueryDocument")},
        refuses=(404,),
        public=True,
    )
    def get(self, event_id: str) -> Response:
        """The event with this eventID (percent-encoded, / and ? too), if the reader may see its eventID.

        In public most events are known by their batch: their eventID is for those who see them whole.
        """
        if request.args:
            raise BadRequest("percent-encode the eventID: ? is %3F")
        with taking(bounds().single, "questions for single events"):  # each takes its time: see below
            who, started = reader(snapshot()), time.monotonic()
            found = find(snapshot(), node(), event_id, who)
            _even_out(who, started)
        if not found:
            raise NotFound("no event with this eventID is visible to you")
        return written(query_document(found, store().clock(), SIMPLE))


def _single(data: bytes) -> tuple[CapturedEvent, Document]:
    """The one event of a body.

    Raises:
        EventError: it is a document, or not valid.
    """
    document = read_document(data)
    if document.context:
        raise EventError([Problem("/type", f"one event; documents go to {PREFIX}/capture", "EPCISDocument")])
    (event,) = document.events
    if problems := problems_of(event, ""):
        raise EventError(problems)
    return event, document


def _respond_async() -> bool:
    """Whether the client does not want to wait (RFC 7240 4.1)."""
    preferences = request.headers.get("Prefer", "").lower().split(",")
    return any(preference.partition(";")[0].strip() == "respond-async" for preference in preferences)


def _wait(captured: Captured) -> Sequence[Place] | None:
    """Where an event stands in the published log; None if that takes too long, or too many are waiting."""
    try:
        with taking(bounds().waiting, "waiting requests"):
            return wait_until_published(store(), captured.sha256, bounds().patience_s)
    except ServiceUnavailable:
        return None


def _published(captured: Captured, places: Sequence[Place]) -> Response:
    with store().reading() as connection:
        proof = prove(connection, places[0])
    records = [
        {"stream": p.stream, "seq": p.seq, "hash": encode_base64(p.hash), "index": p.index} for p in places
    ]
    body = {"eventID": captured.event_id, "records": records, "proof": proof.encode().decode("utf-8")}
    location = f"{PREFIX}/events/{quote(captured.event_id, safe='')}"
    return answer(body, 200 if captured.known else 201, {"Location": location})


def _later(access: Access, captured: Captured, created_ms: int) -> Response:
    """The answer where nobody waited for the publisher, or in vain."""
    job = add_job(store(), access.party, Behaviour.ROLLBACK, 1, (), created_ms)
    body: dict[str, Any] = job_json(job) | {
        "eventID": captured.event_id,
        "detail": "Recorded, and not yet in the published log. Send the event again for its proof.",
    }
    applied = {"Preference-Applied": "respond-async"} if _respond_async() else {}
    return answer(body, 202, {"Location": job_path(job), "Retry-After": str(RETRY_S[503]), **applied})


def _even_out(who: Reader, started: float) -> None:
    """Answer after one and the same time those from whom names may be hidden."""
    if not who.regulator:
        time.sleep(max(0.0, EVEN_S - (time.monotonic() - started)))
