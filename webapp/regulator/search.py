"""``/regulator``: one box that takes any identifier, and what is newest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flask import render_template, request, url_for

from traceability.operations.accounts.roles import Right
from traceability.operations.guesses import Meaning
from traceability.operations.lookup import Hit, What, look_up
from traceability.operations.recallstatus import list_recalls
from traceability.supply.tracing.labels import ThingKind, label_of
from webapp.api.access import node
from webapp.database import snapshot
from webapp.i18n import language, named, noted
from webapp.regulator.blueprint import regulator
from webapp.regulator.tracing import KINDS, LONGEST, page_of
from webapp.signedin import requires

MEANINGS: Final[Mapping[Meaning, str]] = {
    Meaning.RECALL: noted("the number of a recall"),
    Meaning.TRACE_CODE: noted("the trace code of a label"),
    Meaning.DEVICE: noted("a device"),
    Meaning.STATEMENT: noted("the SHA-256 of a statement"),
    Meaning.THING: noted("a batch, item, logistic unit or asset"),
    Meaning.PRODUCT: noted("a product (GTIN)"),
    Meaning.PLACE: noted("a place (GLN)"),
    Meaning.PARTY: noted("a firm or authority"),
    Meaning.EVENT: noted("the id of an event"),
    Meaning.LOT: noted("a lot number, of any product"),
    Meaning.NAME: noted("the beginning of a name"),
}
WORDS: Final[Mapping[str, str]] = {
    **{str(kind): text for kind, text in KINDS.items()},
    What.PLACE: noted("place"),
    What.PARTY: noted("firm or authority"),
    What.DEVICE: noted("a device"),
    What.EVENT: noted("event"),
    What.DOCUMENT: noted("a document"),
    What.RECALL: noted("recall"),
}
RECALLS: Final = 5


@regulator.get("")
@requires(Right.TRACE)
def start() -> str:
    """The box; and what a text that was typed into it was taken for, with all that it may be."""
    typed = request.args.get("q", "")[:512]
    found = look_up(snapshot(), node(), typed) if typed.strip() else None
    hits = (
        [] if found is None else [(hit, WORDS[str(hit.what)], _label(hit), _links(hit)) for hit in found.hits]
    )
    return render_template(
        "regulator/search.html",
        typed=typed,
        found=found,
        hits=hits,
        meanings=MEANINGS,
        recalls=list_recalls(snapshot(), RECALLS) if found is None else (),
    )


def _label(hit: Hit) -> str:
    """What people call it: its name, or the end of its number."""
    if hit.names:
        return named(hit.names, hit.key)
    if not hit.key.startswith("https://"):
        return hit.key
    product, which = label_of(hit.key, LONGEST)
    return (
        which
        if hit.what in {What.PARTY, What.PLACE, ThingKind.UNIT, ThingKind.ASSET}
        else f"{product} / {which}"
    )


def _links(hit: Hit) -> list[tuple[str, str]]:
    """Where it leads to, the first being its own page."""
    tongue = language()
    if hit.what == ThingKind.BATCH:
        trace = [
            (text, url_for("regulator.trace", thing=hit.key, direction=way, lang=tongue))
            for way, text in _WAYS.items()
        ]
        return [(noted("Everything about it"), page_of(hit.key) or ""), *trace]
    if hit.what in {ThingKind.ITEM, ThingKind.UNIT, ThingKind.OTHER}:
        return [
            (text, url_for("regulator.trace", thing=hit.key, direction=way, lang=tongue))
            for way, text in _WAYS.items()
        ]
    if hit.what == What.PLACE:
        return [(_KNOWN, url_for("regulator.place", thing=hit.key, lang=tongue))]
    if hit.what == What.PARTY:
        return [(_KNOWN, url_for("regulator.firm", party=hit.key, lang=tongue))]
    if hit.what == What.DEVICE:
        return [(_KNOWN, url_for("regulator.device", device=hit.key, lang=tongue))]
    if hit.what == What.RECALL:
        return [(noted("Its case"), url_for("office_recalls.case", case_id=hit.key, lang=tongue))]
    if hit.what == What.DOCUMENT:
        return [(noted("Its file"), url_for("documents.file", notice=hit.key))]
    return []


_KNOWN: Final = noted("What is known of it")
_WAYS: Final = {"forward": noted("What became of it"), "backward": noted("What it came from")}
