"""Somebody who is signed in, in one line: for requests without a socket, and for a browser.

    client = sign_in(app.test_client(), world.store, world.node, farm)
    client.post("/console/...", data=form(client, name="..."))
    sign_in_browser(context, address, world.store, world.node, authority, PartyKind.AUTHORITY)

No password is computed: the session is written as signing in would.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from flask.testing import FlaskClient

from traceability.operations.accounts.attempts import Attempts
from traceability.operations.accounts.kinds import kind_of, set_kind
from traceability.operations.accounts.links import Purpose, new_link
from traceability.operations.accounts.people import Person, add_person
from traceability.operations.accounts.roles import PartyKind, Role
from traceability.operations.accounts.sessions import open_session
from traceability.operations.accounts.totp import new_recovery_codes
from traceability.operations.accounts.trail import COMMAND_LINE
from traceability.operations.node import Node
from traceability.store.engine import Store
from webapp import cookie, crosssite

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

HOST = "localhost"


def make_person(
    store: Store,
    node: Node,
    party: str | None,
    kind: PartyKind | None = PartyKind.PRODUCER,
    role: Role = Role.MANAGER,
    login: str | None = None,
) -> Person:
    """A person of a party, which becomes of that kind; without a party an administrator."""
    role = Role.ADMINISTRATOR if party is None else role
    with store.transaction() as tx:
        if party is not None and kind is not None and kind_of(tx.connection, node, party) != kind:
            set_kind(tx, node, COMMAND_LINE, party, kind)
        name = login or f"{role}-{secrets.token_hex(4)}"
        return add_person(tx, node, COMMAND_LINE, login=name, name=name.title(), party=party, role=role)


def make_session(store: Store, node: Node, person: Person, *, second: bool = True) -> str:
    """What the browser of somebody holds who just signed in; ``second``: with a second factor."""
    with store.transaction() as tx:
        return open_session(tx, node, person.id, second=second, network="127.0.0.1", agent="a test")


def let_in(store: Store, node: Node, party: str) -> Person:
    """Somebody of whom there is a row in every table of people."""
    person = make_person(store, node, party)
    make_session(store, node, person)
    with store.transaction() as tx:
        new_link(tx, node, COMMAND_LINE, person.id, Purpose.RESET)
        new_recovery_codes(tx, node, person.id)
    Attempts(store, node).spend(person.login, "192.0.2.1")
    return person


def sign_in(
    client: FlaskClient,
    store: Store,
    node: Node,
    party: str | None,
    kind: PartyKind | None = PartyKind.PRODUCER,
    role: Role = Role.MANAGER,
    *,
    second: bool = True,
    login: str | None = None,
) -> FlaskClient:
    """The client, as somebody of a party; of a party None, as an administrator of the node."""
    return hold(
        client, make_session(store, node, make_person(store, node, party, kind, role, login), second=second)
    )


def hold(client: FlaskClient, session: str) -> FlaskClient:
    """The client, holding a session."""
    client.set_cookie(_name(client.application.config["BASE_URL"]), session, domain=HOST)
    return client


def held(client: FlaskClient) -> str | None:
    """What the client holds."""
    found = client.get_cookie(_name(client.application.config["BASE_URL"]), domain=HOST)
    return found.value if found else None


def form(client: FlaskClient, **fields: Any) -> dict[str, Any]:
    """What a form sends that was shown to this client."""
    session = held(client)
    return fields | ({crosssite.FIELD: crosssite.form_text(session)} if session else {})


def sign_in_browser(
    context: BrowserContext,
    address: str,
    store: Store,
    node: Node,
    party: str | None,
    kind: PartyKind | None = PartyKind.PRODUCER,
    role: Role = Role.MANAGER,
) -> Person:
    """Have a browser hold a session at a served site; says whose it is."""
    person = make_person(store, node, party, kind, role)
    session = make_session(store, node, person)
    context.add_cookies([{"name": _name(address), "value": session, "url": address, "httpOnly": True}])
    return person


def _name(address: str) -> str:
    return cookie.SECURE_NAME if address.startswith("https:") else cookie.PLAIN_NAME
