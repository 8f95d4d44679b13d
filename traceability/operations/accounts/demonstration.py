"""People of the demonstration: invented, without a password, let in by links for looking around.

They are known by the host in the names by which they sign in, which RFC 2606 keeps from everybody. A link
lets one in only as long as the node shows the demonstration and nobody has taken that name over by a
password; a node that does not show it disables all of them, which ends their sessions, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import delete

from traceability.errors import SignInError
from traceability.operations.accounts.links import Link, Purpose, find_link, new_link, use_link
from traceability.operations.accounts.people import (
    Person,
    add_person,
    change_person,
    find_login,
    list_people,
    load_person,
)
from traceability.operations.accounts.roles import Role
from traceability.operations.accounts.sessions import end_sessions, open_session
from traceability.operations.accounts.signin import SIGNED_IN
from traceability.operations.accounts.trail import COMMAND_LINE, Actor, note
from traceability.operations.node import Node
from traceability.store.accounts import OneTimeLink
from traceability.store.engine import Store, Transaction

HOST: Final = "@demo.example"
_LINK: Final = frozenset({Purpose.DEMO})


def is_invented(person: Person) -> bool:
    """Whether somebody is of the demonstration, and nobody else signs in by that name."""
    return person.login.endswith(HOST) and not person.joined


def invent(tx: Transaction, node: Node, key: str, name: str, party: str | None, role: Role) -> Person:
    """Somebody of the demonstration, made if not there; ``key`` is what stands before the host."""
    login = f"{key}{HOST}"
    user = find_login(tx.connection, login)
    if user is not None:
        return load_person(tx.connection, node, user)
    return add_person(tx, node, COMMAND_LINE, login=login, name=name, party=party, role=role)


def demo_link(tx: Transaction, node: Node, user: str) -> str | None:
    """A link for looking around as an invented person, who is let in again; None for anybody else."""
    person = load_person(tx.connection, node, user)
    if not is_invented(person):
        return None
    if person.disabled_ms is not None:
        change_person(tx, node, user, disabled_ms=None)
        note(tx, COMMAND_LINE, "person-enabled", user)
    return new_link(tx, node, COMMAND_LINE, user, Purpose.DEMO)


def find_demo_link(store: Store, node: Node, text: str, *, shown: bool) -> Link:
    """What a link for looking around does; it stays good.

    Args:
        shown: whether this node shows the demonstration.

    Raises:
        SignInError: it is not valid any more, or lets nobody in here.
    """
    with store.reading() as connection:
        return _require_invented(find_link(connection, node, text, _LINK, store.clock()), shown)


def enter(
    store: Store, node: Node, text: str, network: str, agent: str, *, shown: bool
) -> tuple[Person, str]:
    """Open a session by a link for looking around, which stands in for a second factor, too.

    Returns:
        Who is signed in, and what the browser is to hold.

    Raises:
        SignInError: as ``find_demo_link``.
    """
    with store.transaction() as tx:
        person = _require_invented(use_link(tx, node, text, _LINK), shown).person
        note(tx, Actor(person.id, person.party, "web", network), SIGNED_IN, person.id, by="link")
        return person, open_session(tx, node, person.id, second=True, network=network, agent=agent)


def end_demonstration(store: Store, node: Node) -> int:
    """Let the people of the demonstration in no more; says how many were disabled now."""
    with store.transaction() as tx:
        tx.connection.execute(delete(OneTimeLink).where(OneTimeLink.purpose == Purpose.DEMO.value))
        present = list(_present(tx, node))
        for person in present:
            change_person(tx, node, person.id, disabled_ms=tx.now_ms)
            end_sessions(tx, COMMAND_LINE, person.id)
            note(tx, COMMAND_LINE, "person-disabled", person.id)
    return len(present)


def _present(tx: Transaction, node: Node) -> Iterator[Person]:
    for person in list_people(tx.connection, node):
        if person.login.endswith(HOST) and person.disabled_ms is None:
            yield person


def _require_invented(link: Link, shown: bool) -> Link:
    if not shown or not is_invented(link.person):
        raise SignInError(
            "this link is not valid: it lets in people of a demonstration, and there is none here",
            remedy="Sign in with your own name and password.",
        )
    return link
