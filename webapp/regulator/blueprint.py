"""The blueprint of these pages, and where they stand in the navigation."""

from __future__ import annotations

from typing import Final

from flask import Blueprint

from traceability.operations.accounts.roles import Right
from traceability.operations.events import Reader
from webapp.i18n import noted
from webapp.signedin import NAVIGATION, Place, visitor

regulator: Final = Blueprint("regulator", __name__, url_prefix="/regulator")

NAVIGATION.extend(
    (
        Place("regulator.start", noted("Search"), (Right.TRACE,)),
        Place("regulator.trace", noted("Trace"), (Right.TRACE,)),
        Place("regulator.records", noted("Records of the traceability rule"), (Right.TRACE,)),
        Place("regulator.inspections", noted("Inspections"), (Right.INSPECT,)),
        Place("regulator.links", noted("Links for reading"), (Right.TRACE,)),
        Place("regulator.status", noted("Log and witnesses"), (Right.TRACE,)),
    )
)


def own_reader() -> Reader:
    """Who is signed in, as somebody who reads: an authority's people see everything that was not erased."""
    who = visitor()
    return Reader(who.party, regulator=Right.TRACE in who.rights)
