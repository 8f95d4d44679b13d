"""What the console calls things: steps, what is odd, who sees what, and the parts of an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from traceability.operations.steps import Caution
from traceability.signing.disclosure import Audience
from traceability.supply.epcis.events import STEPS
from webapp.consumer.timeline import STEP_WORDS
from webapp.i18n import noted, translate

STEP_TEXTS: Final[Mapping[str, str]] = {
    "harvest": noted("Harvest"),
    "cool": noted("Cool"),
    "pack": noted("Pack"),
    "ship": noted("Ship"),
    "receive": noted("Receive"),
    "make": noted("Make from others"),
    "sell": noted("Put on sale"),
    "destroy": noted("Destroy"),
    "store": noted("Put into a cold room"),
    "retrieve": noted("Take out of the cold room"),
    "load": noted("Load"),
    "unload": noted("Unload"),
    "inspect": noted("Inspect"),
}
"""What is offered, in this order."""

CAUTION_TEXTS: Final[Mapping[Caution, str]] = {
    Caution.MORE_THAN_LEFT: noted("That is more than you have left by what you recorded."),
    Caution.NOTHING_LEFT: noted("By what you recorded nothing of this batch is left with you."),
    Caution.OTHER_UNIT: noted("The quantity is in another kind of unit than the batch was recorded in."),
    Caution.RECALLED: noted("This batch is recalled, or held for examination."),
    Caution.BEFORE_IT_BEGAN: noted("That is before the first thing that you recorded of this batch."),
    Caution.INSIDE: noted(
        "By what was recorded, the batch is in a cold room or vehicle. Record first that it left."
    ),
}

AUDIENCE_TEXTS: Final[Mapping[Audience, str]] = {
    Audience.PUBLIC: noted("everybody sees it"),
    Audience.PARTNER: noted("partners and authorities see it"),
    Audience.REGULATOR: noted("only authorities see it"),
}
AUDIENCE_TITLES: Final[Mapping[Audience, str]] = {
    Audience.PUBLIC: noted("Everybody"),
    Audience.PARTNER: noted("Also partners and authorities"),
    Audience.REGULATOR: noted("Only authorities"),
}

PART_TEXTS: Final[Mapping[str, str]] = {
    "eventTime": noted("Time"),
    "bizStep": noted("What happened"),
    "bizLocation": noted("Where it is then"),
    "readPoint": noted("Place"),
    "ft:region": noted("Region"),
    "ft:asset": noted("Room or vehicle"),
    "ft:cte": noted("Step as the traceability rule has it"),
    "parentID": noted("Number of the room or vehicle"),
    "sourceList": noted("From"),
    "destinationList": noted("To"),
    "ilmd/ft:product": noted("Product"),
    "ilmd/ft:temperature": noted("Limits"),
    "ilmd/cbvmda:harvestStartDate": noted("Day of harvest"),
    "ilmd/gs1:productionDate": noted("Day of production"),
    "ilmd/cbvmda:bestBeforeDate": noted("Best before"),
    "errorDeclaration/declarationTime": noted("Found out"),
    "errorDeclaration/reason": noted("What was wrong"),
    **{f"{name}List": noted("Batch") for name in ("quantity", "childQuantity", "outputQuantity")},
    "inputQuantityList": noted("Made of"),
    **{
        f"{name}/{part}": text
        for name in ("quantityList", "childQuantityList", "outputQuantityList", "inputQuantityList")
        for part, text in (("quantity", noted("Quantity")), ("uom", noted("Unit")))
    },
}
"""By the names of parts without the numbers of list elements; what is not here is shown by its name."""
TECHNICAL: Final = frozenset(
    {
        "@context",
        "action",
        "type",
        "disposition",
        "eventID",
        "eventTimeZoneOffset",
        "ilmd",
        "errorDeclaration",
    }
)

FIELD_PATHS: Final[Mapping[str, tuple[str | int, ...]]] = {
    "at": ("eventTime",),
    "quantity": ("quantityList", 0, "quantity"),
    "place": ("readPoint",),
    "region": ("ft:region",),
    "partner": ("destinationList",),
    "asset": ("ft:asset",),
    "lot": ("quantityList",),
    "inputs": ("inputQuantityList",),
    "best_before": ("ilmd", "cbvmda:bestBeforeDate"),
}
"""Where the fields of the form stand in the event: by this it is said beside each who will see it."""


def step_of(event: Mapping[str, Any]) -> str | None:
    """The step that an event records, by the word that is used here; None if it is no such step."""
    said = (event.get("type"), event.get("action"), event.get("bizStep"), event.get("ft:cte"))
    return next((n for n, s in STEPS.items() if (s.type, s.action, s.biz_step, s.cte) == said), None)


def happened(step: str, action: str | None) -> str:
    """What happened, by the business step of an event (a bare word)."""
    text = STEP_WORDS.get((step, action))
    return translate(text) if text else step
