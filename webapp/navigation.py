"""The pages that somebody who is signed in finds at the top: one table, in the order of daily work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask import Flask, request

from traceability.operations.accounts.roles import Right
from webapp.i18n import noted
from webapp.signedin import visitor


@dataclass(frozen=True, slots=True)
class Place:
    """An entry, for who has any one of ``rights``, if some are named, and none of ``without``.

    ``inside`` are beginnings of endpoints under which the visitor is still in this part.
    """

    endpoint: str
    text: str
    rights: tuple[Right, ...] = ()
    without: tuple[Right, ...] = ()
    inside: tuple[str, ...] = ()

    def is_for(self, rights: frozenset[Right]) -> bool:
        """Whether somebody with these rights is shown it."""
        return (not self.rights or bool(rights & set(self.rights))) and not rights & set(self.without)

    @property
    def is_here(self) -> bool:
        """Whether the page of this request belongs to it."""
        asked = request.endpoint or ""
        return asked == self.endpoint or asked.startswith(self.inside)


_OFFICE: Final = (Right.TRACE, Right.INSPECT)

NAVIGATION: Final = (
    Place("console.home", noted("Overview"), (Right.READ,), without=_OFFICE),
    Place(
        "console.choose",
        noted("Record a step"),
        (Right.RECORD,),
        inside=("console.step", "console.confirm", "console.record"),
    ),
    Place(
        "console.lots",
        noted("Batches"),
        (Right.READ,),
        without=_OFFICE,
        inside=("console.lot", "console.mistake", "console.take_back", "printing."),
    ),
    Place("console.alarms", noted("Alarms"), (Right.ALARMS,), inside=("console.alarm", "console.device")),
    Place(
        "console.products",
        noted("Products and places"),
        (Right.PRODUCTS,),
        inside=(
            "console.products",
            "console.places",
            "console.assets",
            "console.item",
            "console.new_item",
            "console.disclosure",
        ),
    ),
    Place("regulator.start", noted("Search"), (Right.TRACE,), inside=("regulator.batch",)),
    Place("regulator.trace", noted("Trace"), (Right.TRACE,)),
    Place("office_recalls.listed", noted("Recalls"), (Right.TRACE,), inside=("office_recalls.",)),
    Place(
        "firm_recalls.listed",
        noted("Recalls"),
        (Right.PRODUCTS,),
        inside=("firm_recalls.", "recall_notices."),
    ),
    Place(
        "recall_notices.listed",
        noted("Recall notices"),
        (Right.RECORD,),
        without=(Right.PRODUCTS,),
        inside=("recall_notices.",),
    ),
    Place("regulator.inspections", noted("Inspections"), (Right.INSPECT,), inside=("regulator.inspection",)),
    Place("regulator.records", noted("Traceability rule"), (Right.TRACE,), inside=("regulator.records",)),
    Place("reports.own", noted("Shoppers’ reports"), (Right.RECORD,)),
    Place("reports.every", noted("Shoppers’ reports"), (Right.TRACE,)),
    Place("accounts.parties", noted("Parties"), (Right.ADMINISTER,)),
    Place("accounts.people", noted("People"), (Right.PEOPLE,), inside=("accounts.tokens",)),
    Place("accounts.trail", noted("Audit trail"), (Right.ADMINISTER,)),
    Place("accounts.account", noted("Your account")),
)
"""A firm's manager, who has most of them, is shown nine; what stands behind one of these is linked there."""


def places() -> list[Place]:
    """What this visitor is shown, in its order."""
    who = visitor()
    return [place for place in NAVIGATION if who.session and place.is_for(who.rights)]


def first_place(rights: frozenset[Right]) -> Place:
    """Where somebody with these rights begins."""
    return next(place for place in NAVIGATION if place.is_for(rights))


def install(app: Flask) -> None:
    """Give it to the templates."""
    app.jinja_env.globals.update(places=places)
