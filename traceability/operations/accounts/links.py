"""Links that do one thing once: to join, to choose a new password, to be the first, to look around.

Behind a link are 256 random bits; what is kept is a MAC of them, and a MAC over the row. A new link of a
kind ends the person's former one.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, delete, select

from traceability.errors import SignInError
from traceability.operations.accounts.people import Person, load_person
from traceability.operations.accounts.trail import Actor, note
from traceability.operations.node import Node
from traceability.operations.sealing import is_sealed, row_mac, secret_mac
from traceability.signing.strictjson import b64url
from traceability.store.accounts import OneTimeLink
from traceability.store.engine import Transaction
from traceability.store.rows import insert_all

_HOUR_MS: Final = 3_600_000
_PURPOSE: Final = "one-time-links"
_SEALED: Final = ("id", "purpose", "user", "created_ms", "expires_ms")


class Purpose(StrEnum):
    """What a link is for; a closed set."""

    INVITE = "invite"
    RESET = "reset"
    FIRST = "first-administrator"
    DEMO = "demo"


LASTS_MS: Final = {
    Purpose.INVITE: 7 * 24 * _HOUR_MS,
    Purpose.RESET: 24 * _HOUR_MS,
    Purpose.FIRST: 24 * _HOUR_MS,
    Purpose.DEMO: 24 * _HOUR_MS,
}
JOINING: Final = frozenset((Purpose.INVITE, Purpose.FIRST))
"""By which a person chooses name and password for the first time."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a link that is still good does, and for whom; until when, in ms since 1970 UTC."""

    purpose: Purpose
    person: Person
    expires_ms: int


def new_link(tx: Transaction, node: Node, actor: Actor, user: str, purpose: Purpose) -> str:
    """Make a link for a person; its text is returned now and never again."""
    text = b64url(secrets.token_bytes(32))
    table = OneTimeLink
    tx.connection.execute(delete(table).where(table.user == user, table.purpose == purpose.value))
    tx.connection.execute(delete(table).where(table.expires_ms <= tx.now_ms))
    row: dict[str, Any] = {
        "id": secret_mac(node, _PURPOSE, text),
        "purpose": purpose.value,
        "user": user,
        "created_ms": tx.now_ms,
        "expires_ms": tx.now_ms + LASTS_MS[purpose],
    }
    insert_all(tx, table, [row | {"mac": row_mac(node, _PURPOSE, _SEALED, row)}])
    note(tx, actor, "link-made", user, purpose=purpose.value)
    return text


def has_new_link(tx: Transaction, user: str, purpose: Purpose, within_ms: int) -> bool:
    """Whether a person has a link of a kind that was made lately and is not used."""
    table = OneTimeLink
    query = select(table.id).where(table.user == user, table.purpose == purpose.value)
    return tx.connection.execute(query.where(table.created_ms > tx.now_ms - within_ms)).first() is not None


def end_links(tx: Transaction, user: str) -> None:
    """End all links of a person: who read one in the mailbox gets in by it no more."""
    tx.connection.execute(delete(OneTimeLink).where(OneTimeLink.user == user))


def find_link(
    connection: Connection, node: Node, text: str, purposes: Collection[Purpose], now_ms: int
) -> Link:
    """What a link does; it stays good.

    Raises:
        SignInError: it is unknown, used, over, or for something else; it does not say which.
    """
    table = OneTimeLink
    query = select(table).where(table.id == secret_mac(node, _PURPOSE, text[:64]), table.expires_ms > now_ms)
    row = connection.execute(query).one_or_none()
    if row is None or not is_sealed(node, _PURPOSE, _SEALED, row._asdict()):
        raise _over()
    person = load_person(connection, node, row.user)
    if row.purpose not in purposes or person.disabled_ms is not None:
        raise _over()
    return Link(Purpose(row.purpose), person, row.expires_ms)


def use_link(tx: Transaction, node: Node, text: str, purposes: Collection[Purpose]) -> Link:
    """The same, and the link is used up with this transaction; of two at once one gets it.

    Raises:
        SignInError: as ``find_link``.
    """
    found = find_link(tx.connection, node, text, purposes, tx.now_ms)
    gone = delete(OneTimeLink).where(OneTimeLink.id == secret_mac(node, _PURPOSE, text[:64]))
    if tx.connection.execute(gone).rowcount != 1:
        raise _over()
    return found


def _over() -> SignInError:
    return SignInError(
        "this link is not valid: it was used, it is over, or it is not whole",
        remedy="Ask whoever sent it for a new one.",
    )
