"""Who lets whom in: managers the people of their own party, the node's administrators everybody.

``within`` is the party whose people may be managed, None for all: others' people are not there.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from traceability.errors import ConflictError, ForbiddenError, UnknownSubjectError
from traceability.operations.accounts import totp
from traceability.operations.accounts.kinds import kind_of, set_kind
from traceability.operations.accounts.links import Purpose, new_link
from traceability.operations.accounts.people import Person, add_person, change_person, load_person
from traceability.operations.accounts.roles import PartyKind, Role
from traceability.operations.accounts.sessions import end_sessions
from traceability.operations.accounts.trail import Actor, note
from traceability.operations.enrol import enrol_party, find_party
from traceability.operations.node import Node
from traceability.store.engine import Store, Transaction


def invite(
    store: Store,
    node: Node,
    actor: Actor,
    *,
    login: str,
    name: str,
    party: str | None,
    role: Role,
    within: str | None,
) -> tuple[Person, str]:
    """Write a person down and make the link by which they join; its text is returned now and never again.

    Args:
        party: URI, GLN or pseudonym of the party; None for an administrator of the node.

    Raises:
        ForbiddenError: into another party, or as an administrator, by who may not.
        UnknownSubjectError: no such party here. ConflictError: nobody said yet what the party is, or the name
            for signing in is taken.
        MalformedError: no such name.
    """
    with store.transaction() as tx:
        uri = None if party is None else find_party(tx.connection, node, party)
        if within is not None and uri != within:
            raise ForbiddenError("a manager invites people to the own party", remedy=_ASK)
        if uri is not None and kind_of(tx.connection, node, uri) is None:
            raise ConflictError("nobody said yet what this party is: producer, carrier, authority ...")
        person = add_person(tx, node, actor, login=login, name=name, party=uri, role=role)
        return person, new_link(tx, node, actor, person.id, Purpose.INVITE)


def make_party(
    store: Store,
    node: Node,
    actor: Actor,
    names: Mapping[str, str],
    kind: PartyKind,
    gln: str | None = None,
) -> str:
    """Enrol a party and say what it is; its URI.

    Raises:
        ConflictError, IdentifierError: as ``enrol_party``.
    """
    made = enrol_party(store, node, names, gln, actor=actor)
    with store.transaction() as tx:
        set_kind(tx, node, actor, made.uri, kind)
    return made.uri


def find_person(connection: Connection, node: Node, user: str, within: str | None) -> Person:
    """One of the people that may be managed.

    Raises:
        UnknownSubjectError: there is nobody like that, or elsewhere.
    """
    person = load_person(connection, node, user)
    if within is not None and person.party != within:
        raise UnknownSubjectError("there is no such person on this node")
    return person


def change_role(store: Store, node: Node, actor: Actor, user: str, role: Role, *, within: str | None) -> None:
    """Give somebody another role; the sessions that they have go on with it.

    Raises:
        ConflictError: it is oneself, or a role that does not go with the party.
    """
    with store.transaction() as tx:
        person = _another(tx, node, actor, user, within)
        if Role.ADMINISTRATOR in {role, person.role} and role is not person.role:
            raise ConflictError("an administrator of the node belongs to no party: invite a person anew")
        change_person(tx, node, user, role=role.value)
        note(tx, actor, "role-changed", user, was=person.role.value, role=role.value)


def disable(store: Store, node: Node, actor: Actor, user: str, *, within: str | None) -> None:
    """Let somebody in no more, from now on; raises ConflictError if it is oneself."""
    with store.transaction() as tx:
        _another(tx, node, actor, user, within)
        change_person(tx, node, user, disabled_ms=tx.now_ms)
        end_sessions(tx, actor, user)
        note(tx, actor, "person-disabled", user)


def enable(store: Store, node: Node, actor: Actor, user: str, *, within: str | None) -> None:
    """Let somebody in again; raises ConflictError if it is oneself."""
    with store.transaction() as tx:
        _another(tx, node, actor, user, within)
        change_person(tx, node, user, disabled_ms=None)
        note(tx, actor, "person-enabled", user)


def renew_link(
    store: Store, node: Node, actor: Actor, user: str, *, within: str | None
) -> tuple[Purpose, str]:
    """A new link for somebody: to join, or for who has joined to choose a new password.

    Raises:
        ConflictError: the person is disabled, or it is oneself.
    """
    with store.transaction() as tx:
        person = _another(tx, node, actor, user, within)
        if person.disabled_ms is not None:
            raise ConflictError("this person is disabled: let them in again first")
        purpose = Purpose.RESET if person.joined else Purpose.INVITE
        return purpose, new_link(tx, node, actor, user, purpose)


def remove_second_factor(store: Store, node: Node, actor: Actor, user: str, *, within: str | None) -> None:
    """Forget the app of who lost phone and recovery codes; raises ConflictError if it is oneself."""
    with store.transaction() as tx:
        _another(tx, node, actor, user, within)
        totp.remove(tx, node, actor, user)
        end_sessions(tx, actor, user)


_ASK = "Ask the administrator of the node."


def _another(tx: Transaction, node: Node, actor: Actor, user: str, within: str | None) -> Person:
    if user == actor.user:
        raise ConflictError("nobody does this to themselves: ask another manager or the administrator")
    return find_person(tx.connection, node, user, within)
