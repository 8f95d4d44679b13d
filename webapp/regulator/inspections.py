"""``/regulator/inspections``: planning, writing and signing papers; a laboratory's samples and results.

An authority sees the inspections of all authorities and writes in its own; a laboratory sees the samples
about which it was asked. Whatever is somebody else's answers 404.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from traceability.errors import UnknownSubjectError
from traceability.operations.accounts.roles import PartyKind, Right
from traceability.operations.inspecting import (
    add_result,
    ask_laboratory,
    plan,
    sign,
    take_sample,
    withdraw,
    write,
)
from traceability.operations.inspections import (
    SIGNED,
    Shown,
    asked_samples,
    find_paper,
    list_inspections,
    show_case,
)
from traceability.operations.tracerequest import read_thing
from traceability.supply.inspection import MEMBERS, Conformity, Kind, Outcome
from webapp.api.access import node, store
from webapp.database import snapshot
from webapp.i18n import language, noted, translate
from webapp.regulator.asking import asked
from webapp.regulator.blueprint import regulator
from webapp.signedin import requires, say, visitor

TITLES: Final[Mapping[Kind, str]] = {
    Kind.REPORT: noted("Report of the inspection"),
    Kind.SAMPLE: noted("Sample"),
    Kind.RESULT: noted("Result"),
}
LABELS: Final[Mapping[str, str]] = {
    "inspector": noted("Inspector"),
    "day": noted("Day"),
    "reason": noted("Reason"),
    "findings": noted("Findings"),
    "verdict": noted("Verdict"),
    "mark": noted("Number on the sample"),
    "what": noted("What was taken"),
    "quantity": noted("How much"),
    "unit": noted("Unit"),
    "takenAt": noted("Taken at (UTC), such as 2026-05-04T08:30:00Z"),
    "seal": noted("Seal, if there is one"),
    "analyte": noted("What was looked for"),
    "method": noted("Method"),
    "value": noted("Value"),
    "limit": noted("Limit, if there is one"),
    "accreditation": noted("Accreditation of the laboratory"),
}
VERDICTS: Final[Mapping[str, str]] = {
    Outcome.SATISFACTORY: noted("satisfactory"),
    Outcome.UNSATISFACTORY: noted("unsatisfactory"),
    Outcome.FOLLOW_UP: noted("to be followed up"),
    Conformity.CONFORMS: noted("conforms"),
    Conformity.DOES_NOT_CONFORM: noted("does not conform"),
    Conformity.INCONCLUSIVE: noted("inconclusive"),
}
LONG: Final = frozenset({"reason", "findings"})
_GIVEN: Final = frozenset({"inspection", "sample", "sampleDocument"})
"""Members that are not typed."""
FIELDS: Final = {kind: tuple(name for name in MEMBERS[kind] if name not in _GIVEN) for kind in Kind}


@regulator.get("/inspections")
@requires(Right.INSPECT)
def inspections() -> str:
    """Inspections for an authority; for a laboratory the samples about which it was asked."""
    if _is_laboratory():
        samples = asked_samples(snapshot(), node(), str(visitor().party))
        return render_template("regulator/samples.html", samples=samples, **_words())
    return render_template(
        "regulator/inspections.html", found=list_inspections(snapshot()), about=request.args.get("about", "")
    )


@regulator.post("/inspections")
@requires(Right.INSPECT)
def plan_inspection() -> Response:
    """Plan one of a batch, asset or place."""
    _require_authority()
    with asked():
        about = read_thing(node(), request.form.get("about", "").strip())
        made = plan(store(), node(), visitor().actor, about, {})
    return _to(made.id)


@regulator.get("/inspections/<number>")
@requires(Right.INSPECT)
def inspection(number: str) -> str:
    """An inspection with its samples and results."""
    _require_authority()
    case = show_case(snapshot(), node(), number)
    return render_template("regulator/inspection.html", case=case, mine=_is_own(case.report), **_words())


@regulator.post("/inspections/<number>/samples")
@requires(Right.INSPECT)
def new_sample(number: str) -> Response:
    """Note a sample."""
    with asked():
        made = take_sample(store(), node(), visitor().actor, number, {})
    return _to_paper(made.id)


@regulator.post("/samples/<number>/laboratory")
@requires(Right.INSPECT)
def ask(number: str) -> Response:
    """Ask a laboratory about a sample."""
    with asked():
        found = ask_laboratory(
            store(), node(), visitor().actor, number, request.form.get("laboratory", "").strip()
        )
    say(translate("The laboratory was asked."))
    return _to(str(found.inspection))


@regulator.post("/samples/<number>/results")
@requires(Right.INSPECT)
def new_result(number: str) -> Response:
    """Begin a result, as the laboratory that was asked."""
    with asked():
        made = add_result(store(), node(), visitor().actor, number, {})
    return _to_paper(made.id)


@regulator.get("/papers/<number>")
@requires(Right.INSPECT)
def paper(number: str) -> str:
    """One paper of one's own, to be written and signed."""
    found = find_paper(snapshot(), number)
    if not _is_own(found):
        raise UnknownSubjectError(f"there is no paper {number[:32]!r} of yours")
    return render_template(
        "regulator/paper.html", paper=found, fields=FIELDS[found.kind], long=LONG, **_words()
    )


@regulator.post("/papers/<number>")
@requires(Right.INSPECT)
def write_paper(number: str) -> Response:
    """Save what was typed; then sign it, or withdraw the paper, if that was asked."""
    actor = visitor().actor
    with asked():
        found = find_paper(snapshot(), number)
        if request.form.get("do") == "withdraw":
            withdraw(store(), actor, number)
            say(translate("It was withdrawn."))
            return _home(found)
        typed = {name: request.form[name] for name in FIELDS[found.kind] if name in request.form}
        kept = write(store(), actor, number, typed)
        if request.form.get("do") != "sign" or kept.lacks:
            say(translate("Saved. It is not signed."))
            return _to_paper(number)
        signed = sign(store(), node(), actor, number)
    say(translate("Signed: it is in the log in a few seconds."))
    return _home(signed)


def _words() -> dict[str, object]:
    return {"titles": TITLES, "labels": LABELS, "verdicts": VERDICTS, "outcomes": list(Outcome)} | {
        "conformities": list(Conformity),
        "signed_state": SIGNED,
    }


def _is_laboratory() -> bool:
    return visitor().kind is PartyKind.LABORATORY


def _require_authority() -> None:
    if _is_laboratory():
        raise UnknownSubjectError("inspections are an authority's; a laboratory sees its samples")


def _is_own(found: Shown) -> bool:
    return found.party == visitor().party


def _home(found: Shown) -> Response:
    """Where a paper belongs: its inspection, or the laboratory's samples."""
    if found.kind is Kind.RESULT or (found.inspection is None and found.document is None):
        return redirect(url_for("regulator.inspections", lang=language()), 303)
    return _to(found.inspection or found.id)


def _to(number: str) -> Response:
    return redirect(url_for("regulator.inspection", number=number, lang=language()), 303)


def _to_paper(number: str) -> Response:
    return redirect(url_for("regulator.paper", number=number, lang=language()), 303)
