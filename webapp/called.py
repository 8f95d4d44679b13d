"""What parties and roles are called on pages, in the language of the request."""

from __future__ import annotations

from typing import Final

from flask import Flask

from traceability.operations.accounts.roles import PartyKind, Role
from traceability.operations.names import party_names
from webapp.database import snapshot
from webapp.i18n import named, noted, translate


def party_called(party: str) -> str:
    """The name that the registrar enrolled a party (URI) under; its number if there is none."""
    names = party_names(snapshot(), [party])
    return named(names.get(party), party.rpartition("/")[2])


ROLES: Final = {
    Role.ADMINISTRATOR: noted("administrator of the node"),
    Role.MANAGER: noted("manager"),
    Role.WORKER: noted("worker"),
    Role.VIEWER: noted("viewer"),
}
KINDS: Final = {
    PartyKind.PRODUCER: noted("producer"),
    PartyKind.CARRIER: noted("carrier"),
    PartyKind.PROCESSOR: noted("processor"),
    PartyKind.RETAILER: noted("retailer"),
    PartyKind.AUTHORITY: noted("authority"),
    PartyKind.LABORATORY: noted("laboratory"),
    PartyKind.BANK: noted("bank"),
}


def role_called(role: str) -> str:
    """What a role is called."""
    return translate(ROLES[Role(role)])


def install(app: Flask) -> None:
    """Give templates the same."""
    app.jinja_env.globals.update(party_called=party_called, role_called=role_called)
