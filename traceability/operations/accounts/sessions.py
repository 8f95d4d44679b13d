"""Sessions: who is signed in. Each is a row here, so each can be ended at once.

What the browser holds is 256 random bits; what is kept is a MAC of them, and a MAC over the row: whoever
only reads the table cannot use a session, whoever only writes to it cannot make one. Times as NIST
SP 800-63B has them for two factors (4.2.3), which ASVS 7.3 asks to be decided: half an hour without a
request, or twelve hours in all, and one signs in again.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, or_, select, update

from traceability.errors import SignInError, TamperError, UnknownSubjectError
from traceability.operations.accounts.people import Person, load_person
from traceability.operations.accounts.roles import Right
from traceability.operations.accounts.trail import Actor, note
from traceability.operations.node import Node
from traceability.operations.sealing import is_sealed, row_mac, secret_mac
from traceability.signing.strictjson import b64url
from traceability.store import accounts
from traceability.store.engine import AnyRow, Store, Transaction
from traceability.store.rows import insert_all

IDLE_MS: Final = 30 * 60_000
WHOLE_MS: Final = 12 * 3_600_000
PROOF_MS: Final = 10 * 60_000
"""So long after the password was shown, it is not asked again before password or app are changed."""
SEEN_EVERY_MS: Final = 60_000
MAX_AGENT: Final = 200
_PURPOSE: Final = "sessions"
_SEALED: Final = ("id", "user", "second", "created_ms", "proved_ms")
_TABLE: Final = accounts.Session


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in; ``said`` is what the next page is to tell."""

    id: bytes
    person: Person
    second: bool
    created_ms: int
    proved_ms: int
    seen_ms: int
    network: str
    agent: str
    said: str | None

    @property
    def short(self) -> str:
        """What names it on pages; it opens nothing."""
        return self.id.hex()[:16]

    @property
    def rights(self) -> frozenset[Right]:
        """What may be done in it: nothing while a second factor is still to be shown."""
        return frozenset() if self.lacks_second_factor else self.person.rights

    @property
    def lacks_second_factor(self) -> bool:
        """Whether the person must have an app for codes and did not show one here."""
        return self.person.must_have_second_factor and not self.second


def open_session(
    tx: Transaction, node: Node, user: str, *, second: bool, network: str, agent: str = ""
) -> str:
    """Sign somebody in who has shown who they are.

    Args:
        second: whether that was with a second factor.

    Returns:
        What the browser is to hold, as text.
    """
    text = b64url(secrets.token_bytes(32))
    tx.connection.execute(delete(_TABLE).where(_over(tx.now_ms)))
    row: dict[str, Any] = {
        "id": secret_mac(node, _PURPOSE, text),
        "user": user,
        "second": second,
        "created_ms": tx.now_ms,
        "proved_ms": tx.now_ms,
        "seen_ms": tx.now_ms,
        "network": network,
        "agent": agent[:MAX_AGENT],
        "said": None,
    }
    insert_all(tx, _TABLE, [row | {"mac": row_mac(node, _PURPOSE, _SEALED, row)}])
    return text


def find_session(connection: Connection, node: Node, text: str, now_ms: int) -> Session | None:
    """The session that a browser holds; None if it ended, or never was, or its person is disabled."""
    query = select(_TABLE).where(_TABLE.id == secret_mac(node, _PURPOSE, text), ~_over(now_ms))
    row = connection.execute(query).one_or_none()
    return None if row is None else _session(connection, node, row)


def list_sessions(connection: Connection, node: Node, user: str, now_ms: int) -> Sequence[Session]:
    """A person's sessions, the newest first."""
    query = select(_TABLE).where(_TABLE.user == user, ~_over(now_ms)).order_by(_TABLE.created_ms.desc())
    found = (_session(connection, node, row) for row in connection.execute(query).all())
    return [session for session in found if session is not None]


def keep_open(store: Store, session: Session) -> None:
    """Note that a session was used; at most once a minute, so that reading pages does not write."""
    if store.clock() - session.seen_ms < SEEN_EVERY_MS:
        return
    with store.transaction() as tx:
        tx.connection.execute(update(_TABLE).where(_TABLE.id == session.id).values(seen_ms=tx.now_ms))


def renew_session(tx: Transaction, node: Node, session: Session, *, second: bool) -> str:
    """Give a session another text once its person has shown more; the former text is worth nothing.

    It ends no later than before.
    """
    text = b64url(secrets.token_bytes(32))
    changes = {"id": secret_mac(node, _PURPOSE, text), "second": second, "proved_ms": tx.now_ms}
    row = tx.connection.execute(select(_TABLE).where(_TABLE.id == session.id).with_for_update()).one_or_none()
    if row is None or not is_sealed(node, _PURPOSE, _SEALED, row._asdict()):
        raise SignInError("this session has ended")
    mac = row_mac(node, _PURPOSE, _SEALED, row._asdict() | changes)
    tx.connection.execute(update(_TABLE).where(_TABLE.id == session.id).values(changes | {"mac": mac}))
    return text


def say_next(store: Store, session: Session, text: str | None) -> None:
    """Leave a sentence for the next page that this session is shown; None: it was shown."""
    with store.transaction() as tx:
        tx.connection.execute(update(_TABLE).where(_TABLE.id == session.id).values(said=text))


def end_session(tx: Transaction, actor: Actor, session: Session) -> None:
    """End one session at once."""
    tx.connection.execute(delete(_TABLE).where(_TABLE.id == session.id))
    note(tx, actor, "session-ended", session.person.id, session=session.short)


def end_sessions(tx: Transaction, actor: Actor, user: str, *, besides: bytes = b"") -> int:
    """End all sessions of a person at once, but one; says how many there were."""
    ended = tx.connection.execute(delete(_TABLE).where(_TABLE.user == user, _TABLE.id != besides)).rowcount
    if ended:
        note(tx, actor, "sessions-ended", user, number=ended)
    return ended


def _over(now_ms: int) -> Any:
    return or_(_TABLE.seen_ms <= now_ms - IDLE_MS, _TABLE.created_ms <= now_ms - WHOLE_MS)


def _session(connection: Connection, node: Node, row: AnyRow) -> Session | None:
    if not is_sealed(node, _PURPOSE, _SEALED, row._asdict()):
        return None
    try:
        person = load_person(connection, node, row.user)
    except (UnknownSubjectError, TamperError):
        return None
    if person.disabled_ms is not None:
        return None
    return Session(
        row.id,
        person,
        row.second,
        row.created_ms,
        row.proved_ms,
        row.seen_ms,
        row.network,
        row.agent,
        row.said,
    )
