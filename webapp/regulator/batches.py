"""``/regulator/batches/...``: one batch, with what was proven of it and what stands beside the proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from flask import current_app, render_template, url_for

from traceability.identifiers import Batch
from traceability.ledger.state import stream_hash
from traceability.operations.accounts.roles import Right
from traceability.operations.calibrations import Standing
from traceability.operations.dossier import Dossier, open_dossier
from traceability.operations.events import Reader
from traceability.sensing.calibration import Lack
from traceability.supply.recall import State
from traceability.verification.journey import Happening, Journey
from webapp.api.access import node, store
from webapp.consumer import story
from webapp.consumer.corrected import in_order
from webapp.consumer.documents import papers
from webapp.consumer.shown import drawings
from webapp.consumer.timeline import Step, declares, steps
from webapp.database import snapshot
from webapp.i18n import language, named, noted, translate
from webapp.regulator.blueprint import own_reader, regulator
from webapp.signedin import requires
from webapp.temperature import numbers_of
from webapp.units import unit_text

CALIBRATED: Final = {
    Standing.VALID: noted("calibrated"),
    Standing.DUE: noted("calibrated, soon to be renewed"),
    Standing.EXPIRED: noted("calibration expired"),
    Standing.NONE: noted("never calibrated"),
}
LACKS: Final = {
    Lack.EXPIRED: noted("the certificate had expired"),
    Lack.EARLY: noted("the certificate was not valid yet"),
    Lack.NONE: noted("there is no certificate"),
}
ALARMS: Final = {
    "excursion": noted("outside its limits"),
    "silence": noted("silent"),
    "clock": noted("its clock is wrong"),
    "battery": noted("its battery is low"),
    "gap": noted("messages lost"),
    "flood": noted("too many messages"),
    "calibration-due": noted("its calibration ends soon"),
    "calibration-over": noted("its calibration has ended"),
}
"""By kind (``operations.watching``); any other kind is shown by its own word."""


@dataclass(frozen=True, slots=True)
class Line:
    """An event as the table shows it; ``place`` and ``amount`` are empty where they are not told."""

    at_ms: int
    word: str
    party: str
    by_node: bool
    recorded_ms: int
    place: str
    amount: str
    event: str
    hidden: int
    suspected: bool


@regulator.get("/batches/01/<gtin>/10/<lot:lot>")
@requires(Right.TRACE)
def batch(gtin: str, lot: str) -> str:
    """A batch, for an authority."""
    found = Batch(gtin, lot)
    dossier = load(found.uri(node().name), own_reader())
    told = shown(found, dossier)
    return render_template("regulator/batch.html", **told, lent=False, numbers=numbers_of(found))


def load(uri: str, reader: Reader) -> Dossier:
    """The dossier of a batch as a reader may see it; what does not match is told to the log."""
    dossier = open_dossier(snapshot(), node(), uri, reader, store().clock())
    if dossier.verdict.journey is None:
        current_app.logger.error("%s does not match: %s", uri, dossier.verdict.failure)
    return dossier


def shown(found: Batch, dossier: Dossier) -> dict[str, Any]:
    """Everything that the template draws."""
    journey = dossier.verdict.journey
    told: dict[str, Any] = {
        "batch": found,
        "dossier": dossier,
        "stream": stream_hash(dossier.batch).hex(),
        "journey": journey,
        "verdict": dossier.verdict,
    }
    told |= {"calibrated": CALIBRATED, "lacks": LACKS, "alarm_words": ALARMS}
    if journey is None:
        return told
    told |= drawings(journey)
    return told | {
        "product": story.product_name(journey),
        "producer": story.producer(journey),
        "ilmd": story.created_of(journey),
        "rivals": story.rivals(journey),
        "summary": story.summary(journey),
        "lines": lines(journey),
        "excursions": [(row.name, each) for row in told["stays"] for each in row.cold.excursions],
        "papers": papers(journey, node()),
        "device_names": {uri[-32:]: names for uri, names in journey.names.items() if "/device/" in uri},
        "recalls": [(recall, happening, _open(recall.state)) for recall, happening in journey.recalls],
        "public": url_for("consumer.batch", gtin=found.gtin, lot=found.lot, lang=language()),
    }


def lines(journey: Journey) -> list[Line]:
    """The events, in order of what happened."""
    ordered = in_order(journey.happenings)
    return [_line(happening, step, journey) for happening, step in zip(ordered, steps(journey), strict=True)]


def _line(happening: Happening, step: Step, journey: Journey) -> Line:
    event = happening.event
    return Line(
        happening.happened_ms,
        _word(happening, step),
        named(journey.names.get(happening.party), happening.party),
        step.by_node,
        happening.recorded_ms,
        _place(event),
        _amount(event, journey.batch),
        str(event.get("eventID") or ""),
        happening.hidden,
        happening.suspected,
    )


def _word(happening: Happening, step: Step) -> str:
    word = step.word + (f": {step.asset}" if step.asset else "")
    return f"{word} · {translate('taken back')}" if declares(happening) else word


def _place(event: Any) -> str:
    for name in ("bizLocation", "readPoint"):
        place = event.get(name)
        if isinstance(place, dict) and isinstance(place.get("id"), str):
            return str(place["id"])
    return named(event.get("ft:region"))


def _amount(event: Any, batch: str) -> str:
    """How much of the batch the event speaks about, where it says so of one list alone."""
    lists = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
    elements = [each for name in lists for each in event.get(name) or () if isinstance(each, dict)]
    own = [each for each in elements if str(each.get("epcClass", "")).endswith(batch.partition("/01/")[2])]
    if len(own) != 1 or "quantity" not in own[0]:
        return ""
    return f"{own[0]['quantity']} {unit_text(own[0].get('uom'))}"


def _open(state: State) -> bool:
    return state is not State.CLOSED
