"""Signing in and out. Whatever is wrong, the answer and the work for it are the same."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection, select

from traceability.errors import SignInError, TamperError
from traceability.operations.accounts.attempts import Attempts
from traceability.operations.accounts.passwords import is_password
from traceability.operations.accounts.people import find_login, fold_login, genuine_row, load_person
from traceability.operations.accounts.sessions import end_session, find_session, open_session
from traceability.operations.accounts.totp import take_code
from traceability.operations.accounts.trail import Actor, note
from traceability.operations.node import Node
from traceability.store.accounts import TrailEntry
from traceability.store.engine import Store

SIGNED_IN = "signed-in"
REFUSED = "sign-in-refused"


@dataclass(frozen=True, slots=True)
class Shown:
    """What somebody shows who wants in: name, password, a code of the app if there is one; and from where."""

    login: str
    password: str
    code: str
    network: str
    agent: str = ""


def sign_in(store: Store, node: Node, attempts: Attempts, shown: Shown, former: str | None = None) -> str:
    """Open a session for who shows name, password and, if the person has an app, its code.

    Args:
        former: what the browser held before; that session ends.

    Returns:
        What the browser is to hold from now on.

    Raises:
        SignInError: something does not match; it does not say what.
        TooOftenError: too many tries failed.
    """
    with store.reading() as connection:
        user = find_login(connection, shown.login)
        known = user is not None and _known(connection, user, shown.network)
    name = user or fold_login(shown.login)[:254]
    with attempts.attempt(name, shown.network, known=known):
        kept = None if user is None else _password_of(store, node, user)
        if not is_password(kept, shown.password):  # the work is the same where there is nobody
            kept = None
        return _enter(store, node, user, kept, shown, former)


def _password_of(store: Store, node: Node, user: str) -> str | None:
    """The hash of somebody's password; None of who has none, or is disabled."""
    with store.reading() as connection, suppress(TamperError):
        row = genuine_row(connection, node, user)
        return row.password if row.disabled_ms is None else None
    return None


def _enter(
    store: Store, node: Node, user: str | None, proved: str | None, shown: Shown, former: str | None
) -> str:
    """The session of who showed the right password, if the code is right too.

    Args:
        proved: the hash that the password fits; None if it fits none. It must still be the person's own:
            whoever tries without end must not slip in while another password is chosen.
    """
    if user is not None and proved is not None:
        with store.transaction() as tx:
            row = genuine_row(tx.connection, node, user, lock=True)
            person = load_person(tx.connection, node, user)
            still = row.password == proved and row.disabled_ms is None
            if still and (not person.second_factor or take_code(tx, node, user, shown.code)):
                actor = Actor(user, person.party, "web", shown.network)
                if former and (old := find_session(tx.connection, node, former, tx.now_ms)):
                    end_session(tx, actor, old)
                note(tx, actor, SIGNED_IN, user)
                second = person.second_factor
                return open_session(tx, node, user, second=second, network=shown.network, agent=shown.agent)
    if (named := _named(store, shown)) is not None:
        with store.transaction() as tx:
            note(tx, Actor(None, None, "web", shown.network), REFUSED, named)
    raise SignInError("name, password or code do not match")


def _named(store: Store, shown: Shown) -> str | None:
    with store.reading() as connection:
        return find_login(connection, shown.login)


def _known(connection: Connection, user: str, network: str) -> bool:
    """Whether the person signed in from this network before."""
    query = select(TrailEntry.id).where(TrailEntry.user == user, TrailEntry.action == SIGNED_IN)
    return connection.execute(query.where(TrailEntry.network == network).limit(1)).first() is not None
