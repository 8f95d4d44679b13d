"""What parties are called on pages, in the language of the request."""

from __future__ import annotations

from flask import Flask

from traceability.operations.names import party_names
from webapp.database import snapshot
from webapp.i18n import named


def party_called(party: str) -> str:
    """The name that the registrar enrolled a party (URI) under; its number if there is none."""
    names = party_names(snapshot(), [party])
    return named(names.get(party), party.rpartition("/")[2])


def install(app: Flask) -> None:
    """Give templates the same."""
    app.jinja_env.globals["party_called"] = party_called
