"""The console's blueprint, and what all of its views ask for."""

from __future__ import annotations

from typing import Final

from flask import Blueprint

from traceability.errors import UnknownSubjectError
from webapp.signedin import visitor

console: Final = Blueprint("console", __name__)


def own_party() -> str:
    """The URI of the party in whose name the visitor acts.

    Raises:
        UnknownSubjectError: an administrator of the node, who belongs to none.
    """
    party = visitor().party
    if party is None:
        raise UnknownSubjectError("this page is a firm's, and an administrator belongs to none")
    return party
