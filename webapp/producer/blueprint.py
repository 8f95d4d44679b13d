"""The console's blueprint, and what all of its views ask for."""

from __future__ import annotations

from typing import Final

from flask import Blueprint

from traceability.errors import UnknownSubjectError
from traceability.operations.accounts.roles import Right
from webapp.i18n import noted
from webapp.signedin import NAVIGATION, Place, visitor

console: Final = Blueprint("console", __name__)
NAVIGATION[:0] = [
    Place("console.home", noted("Overview"), (Right.RECORD, Right.PRODUCTS)),
    Place("console.choose", noted("Record a step"), (Right.RECORD,)),
    Place("console.lots", noted("Batches"), (Right.RECORD, Right.PRODUCTS)),
    Place("console.alarms", noted("Alarms"), (Right.ALARMS,)),
    Place("console.products", noted("Products"), (Right.RECORD, Right.PRODUCTS)),
    Place("console.places", noted("Places"), (Right.RECORD, Right.PRODUCTS)),
    Place("console.assets", noted("Rooms and vehicles"), (Right.RECORD, Right.PRODUCTS)),
]


def own_party() -> str:
    """The URI of the party in whose name the visitor acts.

    Raises:
        UnknownSubjectError: an administrator of the node, who belongs to none.
    """
    party = visitor().party
    if party is None:
        raise UnknownSubjectError("this page is a firm's, and an administrator belongs to none")
    return party
