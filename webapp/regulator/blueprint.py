"""The blueprint of these pages, and as whom they read."""

from __future__ import annotations

from typing import Final

from flask import Blueprint

from traceability.operations.accounts.roles import Right
from traceability.operations.events import Reader
from webapp.signedin import visitor

regulator: Final = Blueprint("regulator", __name__, url_prefix="/regulator")


def own_reader() -> Reader:
    """Who is signed in, as somebody who reads: an authority's people see everything that was not erased."""
    who = visitor()
    return Reader(who.party, regulator=Right.TRACE in who.rights)
