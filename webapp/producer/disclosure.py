"""Who sees which part of a firm's events: the policy, and what a change does to an event that is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from traceability.errors import MalformedError, RefusedError, StatementError, TraceabilityError
from traceability.operations.accounts.roles import Right
from traceability.operations.lots import newest_events
from traceability.operations.masterdata import Product, list_items
from traceability.operations.policies import (
    check_exception,
    list_exceptions,
    load_policies,
    products_of,
    reset_exceptions,
    set_exception,
)
from traceability.signing.disclosure import Audience
from traceability.signing.parts import changeable, format_part, parse_part
from webapp.api.access import store
from webapp.database import snapshot
from webapp.i18n import language, noted, translate
from webapp.producer.blueprint import console, own_party
from webapp.producer.entry import MOST
from webapp.producer.preview import changes_of, groups_of
from webapp.producer.words import AUDIENCE_TEXTS, PART_TEXTS, happened
from webapp.signedin import requires, say, visitor

OFFERED: Final = 10
"""Events that are offered to look at: the newest that name a product."""
LOOKED_AT: Final = 50
DEFAULT: Final = "default"
CHOICES: Final = {str(each): AUDIENCE_TEXTS[each] for each in Audience} | {DEFAULT: noted("as by default")}


@dataclass(frozen=True, slots=True)
class Asked:
    """A change as the form has it; ``product`` is a GTIN, or empty for all."""

    part: str
    audience: str
    product: str

    @property
    def wanted(self) -> Audience | None:
        """None for what holds by default."""
        return None if self.audience == DEFAULT else Audience(self.audience)


@console.get("/console/disclosure")
@requires(Right.DISCLOSE)
def disclosure() -> str:
    """The policy, and one event as each audience sees it."""
    return _page()


@console.post("/console/disclosure")
@requires(Right.DISCLOSE)
def disclose() -> str | tuple[str, int] | BaseResponse:
    """Show what a change does; make it, once that was seen."""
    try:
        asked = _asked()
        if "confirm" not in request.form:
            return _page(asked)
        _make(asked)
    except (MalformedError, RefusedError) as error:
        return _page(error=error), 409
    say(translate("The change holds from now on, for what is recorded already as well."))
    return redirect(url_for("console.disclosure", lang=language()), 303)


def _asked() -> Asked:
    asked = Asked(*(request.form.get(name, "")[:128] for name in ("part", "audience", "product")))
    if asked.audience not in CHOICES:
        raise StatementError("this is none of the audiences", remedy="Choose one of the list.")
    check_exception(own_party(), asked.part, asked.wanted or Audience.REGULATOR, asked.product or None)
    return asked


def _make(asked: Asked) -> None:
    party, actor, wanted = own_party(), visitor().actor, asked.wanted
    if wanted is None:
        reset_exceptions(store(), party, asked.product, asked.part, actor)
    else:
        set_exception(store(), party, asked.part, wanted, asked.product or None, actor)


def part_text(part: str) -> str:
    """A part in words, or by its name."""
    text = PART_TEXTS.get(part)
    return f"{translate(text)} ({part})" if text else part


def _page(asked: Asked | None = None, error: TraceabilityError | None = None) -> str:
    party = own_party()
    events = [each for each in newest_events(snapshot(), party, LOOKED_AT) if products_of(each)][:OFFERED]
    number = request.values.get("event", "0")
    chosen = min(int(number), len(events) - 1) if number.isdecimal() and len(number) < 4 else 0
    event = events[chosen] if events else None
    default = {format_part(part): audience for part, audience in changeable().items()}
    return render_template(
        "producer/disclosure.html",
        exceptions=list_exceptions(snapshot(), party),
        default=default,
        products=list_items(snapshot(), party, Product, limit=MOST),
        choices=CHOICES,
        audiences=AUDIENCE_TEXTS,
        asked=asked,
        changes=_changes(party, event, asked) if event and asked else [],
        events=[_title(each) for each in events],
        chosen=chosen,
        groups=groups_of(snapshot(), party, event) if event else [],
        error=error,
        given=request.form,
        part_text=part_text,
    )


def _changes(party: str, event: Mapping[str, Any], asked: Asked) -> list[Any]:
    now = load_policies(snapshot(), [party])
    then = now.changed(party, asked.product, parse_part(asked.part), asked.wanted)
    products = products_of(event)
    return changes_of(event, now.of(party, products), then.of(party, products))


def _title(event: Mapping[str, Any]) -> str:
    """An event in a list of them: what happened, to which lot, and the day."""
    step = str(event.get("bizStep", "")).rpartition("BizStep-")[2]
    lists = ("quantityList", "childQuantityList", "outputQuantityList")
    named: list[Any] = next((event[name] for name in lists if event.get(name)), [{}])
    lot = str(named[0].get("epcClass", "")).rpartition("/10/")[2]
    said = happened(step, event.get("action"))
    return " · ".join(part for part in (said, lot, str(event.get("eventTime", ""))[:10]) if part)
