"""What a person does for themselves: join, choose a password, take an app into use."""

from __future__ import annotations

from typing import Final

from traceability.errors import ConflictError, SignInError
from traceability.operations.accounts import totp
from traceability.operations.accounts.attempts import Attempts
from traceability.operations.accounts.links import (
    JOINING,
    Purpose,
    end_links,
    find_link,
    has_new_link,
    new_link,
    use_link,
)
from traceability.operations.accounts.passwords import hash_password, is_password
from traceability.operations.accounts.people import (
    Person,
    change_person,
    find_login,
    genuine_row,
    load_person,
    parse_login,
    parse_name,
)
from traceability.operations.accounts.sessions import Session, end_sessions, open_session, renew_session
from traceability.operations.accounts.strength import require_strong
from traceability.operations.accounts.trail import Actor, note
from traceability.operations.node import Node
from traceability.store.engine import Store


def join(
    store: Store, node: Node, text: str, *, login: str, name: str, password: str, network: str, agent: str
) -> str:
    """Come in by a link: with a name and a password of one's own.

    Args:
        login: what the first administrator wants to sign in as; others were told theirs.

    Returns:
        What the browser is to hold: the person is signed in.

    Raises:
        SignInError: the link is not valid any more.
        MalformedError: a name or password that is not taken; the link stays good.
        ConflictError: somebody signs in by that name already.
    """
    person = _invited(store, node, text)
    first = person.party is None and person.login == FIRST
    chosen = parse_login(login) if first else person.login
    called = parse_name(name)
    require_strong(password, (chosen, called, node.name))
    hashed = hash_password(password)
    with store.transaction() as tx:
        link = use_link(tx, node, text, JOINING)
        if chosen != person.login and find_login(tx.connection, chosen) is not None:
            raise ConflictError(f"somebody signs in as {chosen} already: choose another name")
        change_person(tx, node, link.person.id, login=chosen, name=called, password=hashed)
        actor = Actor(link.person.id, person.party, "web", network)
        note(tx, actor, "person-joined", link.person.id, login=chosen)
        return open_session(tx, node, link.person.id, second=False, network=network, agent=agent)


AGAIN_MS: Final = 15 * 60_000
"""So long after a link to choose a password was made, nobody is sent another."""
FIRST = "administrator"
"""What the first administrator is called until they have joined and chosen a name."""


def choose_new_password(store: Store, node: Node, text: str, password: str, network: str) -> None:
    """Choose a password by a link; all sessions end, and the app stays.

    Raises:
        SignInError: the link is not valid any more. MalformedError: the password is not taken.
    """
    with store.reading() as connection:
        person = find_link(connection, node, text, {Purpose.RESET}, store.clock()).person
    require_strong(password, (person.login, person.name, node.name))
    hashed = hash_password(password)
    with store.transaction() as tx:
        user = use_link(tx, node, text, {Purpose.RESET}).person.id
        change_person(tx, node, user, password=hashed)
        actor = Actor(user, person.party, "web", network)
        end_sessions(tx, actor, user)
        note(tx, actor, "password-chosen", user, by="link")


def ask_for_link(store: Store, node: Node, login: str, network: str) -> tuple[str, str] | None:
    """Address and link for who forgot a password; None if there is nobody to send one to.

    Nor does anybody get another soon after the last: strangers who ask could end it before it is opened,
    and fill a mailbox.
    """
    with store.transaction() as tx:
        user = find_login(tx.connection, login)
        person = None if user is None else load_person(tx.connection, node, user)
        if person is None or not person.joined or person.disabled_ms is not None or "@" not in person.login:
            return None
        if has_new_link(tx, person.id, Purpose.RESET, AGAIN_MS):
            return None
        actor = Actor(None, None, "web", network)
        return person.login, new_link(tx, node, actor, person.id, Purpose.RESET)


def prove(store: Store, node: Node, attempts: Attempts, session: Session, password: str) -> None:
    """See that the person who is signed in is still the one: by the password.

    Raises:
        SignInError: it is another. TooOftenError: too many tries failed.
    """
    with store.reading() as connection:
        kept = genuine_row(connection, node, session.person.id).password
    with attempts.attempt(session.person.id, session.network, known=True):
        if not is_password(kept, password):
            raise SignInError("this is not your password")


def change_password(store: Store, node: Node, actor: Actor, session: Session, password: str) -> str:
    """Choose another password; other sessions and all links end, and this session gets a new text.

    Raises:
        MalformedError: the password is not taken.
    """
    person = session.person
    require_strong(password, (person.login, person.name, node.name))
    hashed = hash_password(password)
    with store.transaction() as tx:
        change_person(tx, node, person.id, password=hashed)
        end_links(tx, person.id)
        end_sessions(tx, actor, person.id, besides=session.id)
        note(tx, actor, "password-chosen", person.id, by="password")
        return renew_session(tx, node, session, second=session.second)


def set_up_app(store: Store, node: Node, actor: Actor, session: Session, code: str) -> tuple[str, list[str]]:
    """Take an app into use that shows this code; a new text for the browser, and recovery codes.

    Raises:
        SignInError: the code does not match.
    """
    with store.transaction() as tx:
        secret = app_secret(node, session)
        codes = totp.set_up(tx, node, actor, session.person.id, secret, code)
        return renew_session(tx, node, session, second=True), codes


def app_secret(node: Node, session: Session) -> bytes:
    """The secret that the app is to take; another one after each time that one was taken."""
    return totp.new_secret(node, session.id)


def remove_app(store: Store, node: Node, actor: Actor, session: Session) -> str:
    """Do without an app, where none is asked for.

    Raises:
        ConflictError: the role asks for one.
    """
    if session.person.must_have_second_factor:
        raise ConflictError("your role asks for an app; you can take another one into use in its place")
    with store.transaction() as tx:
        totp.remove(tx, node, actor, session.person.id)
        return renew_session(tx, node, session, second=False)


def new_codes(store: Store, node: Node, actor: Actor, session: Session) -> list[str]:
    """Recovery codes in the place of those of before."""
    with store.transaction() as tx:
        note(tx, actor, "recovery-codes-made", session.person.id)
        return totp.new_recovery_codes(tx, node, session.person.id)


def _invited(store: Store, node: Node, text: str) -> Person:
    with store.reading() as connection:
        return find_link(connection, node, text, JOINING, store.clock()).person
