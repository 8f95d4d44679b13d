"""Alarms of a firm: listed as they come, acknowledged, and what was done about each, with verification."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask import Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from traceability.errors import MalformedError, RefusedError, TraceabilityError
from traceability.ledger.record import format_time
from traceability.operations.accounts.roles import Right
from traceability.operations.alarms import Shown
from traceability.operations.corrective import (
    FIELDS,
    Hand,
    record_of,
    see_alarm,
    verify_report,
    write_report,
)
from traceability.operations.correctivetext import batches_of, deposit_record
from traceability.operations.ownalarms import PAGE, Wanted, alarms_mark, find_own, list_own
from webapp.api.access import node, store
from webapp.database import snapshot
from webapp.i18n import language, noted, show_degrees, show_duration, translate
from webapp.live import TOPICS, Asked, Topic
from webapp.producer.blueprint import console, own_party
from webapp.producer.csvfile import csv_file
from webapp.regulator.batches import ALARMS
from webapp.signedin import requires, say, visitor

ALL: Final = 10_000
OWN: Final = "own"
"""The key under which everybody watches the alarms of the party that they belong to."""
STATES: Final = {"open": noted("open"), "over": noted("over")}
LABELS: Final = {
    "limit": noted("Critical limit"),
    "measured": noted("What was measured, and for how long"),
    "product": noted("What was done with the product"),
    "cause": noted("Cause"),
    "prevention": noted("So that it does not happen again"),
    "found": noted("What the verification found"),
}


def _mark(asked: Asked) -> str:
    return alarms_mark(asked.connection, asked.who.party) if asked.who.party and asked.key == OWN else ""


TOPICS["alarms"] = Topic(_mark, frozenset({Right.ALARMS}))


@console.get("/console/alarms")
@requires(Right.ALARMS)
def alarms() -> str:
    """A page of the list: those that are open first."""
    wanted = _wanted()
    found = list_own(snapshot(), own_party(), wanted, PAGE + 1)
    return render_template(
        "producer/alarms.html",
        alarms=found[:PAGE],
        more=found[PAGE - 1].id if len(found) > PAGE else None,
        asked=wanted,
        kinds=ALARMS,
        states=STATES,
        place_of=place_of,
    )


@console.get("/console/alarms.csv")
@requires(Right.ALARMS)
def alarms_file() -> Response:
    """The same list whole, with what was done about each."""
    head = ("alarm", "kind", "place", "device", "began", "over", "acknowledged", "by", "note")
    found = list_own(snapshot(), own_party(), _wanted(), ALL)
    return csv_file("alarms.csv", (*head, *FIELDS, "reported_by", "verified_by"), map(_row, found))


@console.get("/console/alarms/<number>")
@requires(Right.ALARMS)
def alarm(number: str) -> str:
    """One alarm, with its record; made for paper too."""
    return _page(number)


@console.post("/console/alarms/<number>")
@requires(Right.ALARMS)
def act(number: str) -> str | tuple[str, int] | BaseResponse:
    """Acknowledge it, write a report, verify one, or deposit the record."""
    do = _ACTS.get(request.form.get("do", ""))
    person = visitor().user
    if do is None or person is None:
        return _page(number), 400
    try:
        said = do(Hand(person.id, person.name, own_party(), visitor().actor), number)
    except (MalformedError, RefusedError) as error:
        return _page(number, error), 409
    say(translate(said))
    return redirect(url_for("console.alarm", number=number, lang=language()), 303)


def _see(hand: Hand, number: str) -> str:
    see_alarm(store(), hand, number, request.form.get("note", ""))
    return noted("It is noted that you have seen it.")


def _report(hand: Hand, number: str) -> str:
    write_report(store(), hand, number, {name: request.form.get(name, "") for name in FIELDS})
    return noted("What was done is written down. A second person verifies it.")


def _verify(hand: Hand, number: str) -> str:
    of = request.form.get("of", "")
    verify_report(store(), hand, number, int(of) if of.isdecimal() else 0, request.form.get("found", ""))
    return noted("The record is verified.")


def _deposit(hand: Hand, number: str) -> str:
    deposit_record(store(), node(), hand, number, request.form.getlist("batch"))
    return noted("The record is signed, and stands among the documents of the batches.")


_ACTS: Final[dict[str, Callable[[Hand, str], str]]] = {
    "see": _see,
    "report": _report,
    "verify": _verify,
    "deposit": _deposit,
}


def place_of(shown: Shown) -> str:
    """Where it is: the last part of the stream's URI, for people."""
    return shown.stream.rpartition("/")[2]


def _wanted() -> Wanted:
    asked = {name: request.args.get(name, "")[:64] for name in ("state", "kind", "after")}
    return Wanted(**asked)


def _row(shown: Shown) -> tuple[object, ...]:
    record = record_of(snapshot(), shown.id)
    says = record.report.says if record.report else {}
    over = None if shown.ended_ms is None else format_time(shown.ended_ms)
    seen = None if shown.acknowledged_ms is None else format_time(shown.acknowledged_ms)
    head = (shown.id, shown.kind, shown.stream, shown.device, format_time(shown.began_ms), over, seen)
    by = (
        record.report.name if record.report else "",
        record.verification.name if record.verification else "",
    )
    return (*head, shown.acknowledged_by, shown.note, *(says.get(name, "") for name in FIELDS), *by)


def _page(number: str, error: TraceabilityError | None = None) -> str:
    shown = find_own(snapshot(), own_party(), number)
    record = record_of(snapshot(), number)
    given: dict[str, Any] = dict(record.report.says) if record.report else _measured(shown)
    return render_template(
        "producer/alarm.html",
        alarm=shown,
        record=record,
        given=given | {name: text for name, text in request.form.items() if name != "csrf"},
        error=error,
        labels=LABELS,
        fields=FIELDS,
        kinds=ALARMS,
        place_of=place_of,
        batches=batches_of(snapshot(), shown),
        may_deposit=Right.RECORD in visitor().rights,
    )


def _measured(shown: Shown) -> dict[str, str]:
    """What the alarm itself tells, for the report to begin with."""
    until = shown.ended_ms if shown.ended_ms is not None else store().clock()
    lasted = show_duration(until - shown.began_ms)
    low, high = shown.detail.get("low_milli_c"), shown.detail.get("high_milli_c")
    if low is None or high is None:
        return {"measured": lasted}
    extreme = shown.detail.get("extreme_milli_c")
    return {
        "limit": f"{show_degrees(low)} – {show_degrees(high)}",
        "measured": f"{show_degrees(extreme)}, {lasted}" if extreme is not None else lasted,
    }
