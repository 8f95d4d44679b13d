"""The audit trail: who did what, written in the same transaction as the change itself."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, insert, or_, select
from sqlalchemy.orm import aliased

from traceability.store.accounts import TrailEntry, User
from traceability.store.engine import AnyRow, Transaction

MAX_SUBJECT: Final = 512
"""Characters of a subject that are kept."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something.

    Attributes:
        user: id of a person; None if no person is signed in.
        party: URI of the party in whose name; None for the node's own people.
        via: ``web``, ``command line``, or ``token NAME``.
        network: from where, as ``network_of`` has it.
    """

    user: str | None
    party: str | None
    via: str
    network: str | None = None

    def in_name_of(self, party: str) -> Actor:
        """The same, as who acts for a party."""
        return replace(self, party=party)


COMMAND_LINE: Final = Actor(None, None, "command line")


def note(tx: Transaction, actor: Actor, action: str, subject: str, **detail: object) -> None:
    """Write one row.

    Args:
        action: what was done, in the past tense with hyphens: ``person-invited``.
        subject: to what: a URI, an id or a name.
        detail: what else there is to say, as JSON; never a secret.
    """
    tx.connection.execute(
        insert(TrailEntry).values(
            at_ms=tx.now_ms,
            user=actor.user,
            party=actor.party,
            via=actor.via,
            network=actor.network,
            action=action,
            subject=subject[:MAX_SUBJECT],
            detail=json.dumps(detail, ensure_ascii=False, sort_keys=True, default=str),
        )
    )


def network_of(address: str | None) -> str:
    """What stands for a network address: an IPv4 address itself, of an IPv6 one its network of 64 bits."""
    try:
        found = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.IPv6Network((found, 64), strict=False))
    return str(found)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the trail as people read it; ``login`` is who, where it was a person.

    ``named`` is by what name the subject signs in, where it is a person.
    """

    id: int
    at_ms: int
    login: str | None
    party: str | None
    via: str
    network: str | None
    action: str
    subject: str
    named: str | None
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows: of one party (None: of all), by what was done, to what, by whom; those before a row."""

    party: str | None = None
    action: str = ""
    subject: str = ""
    login: str = ""
    before: int | None = None


def list_trail(connection: Connection, wanted: Wanted, most: int) -> Sequence[Entry]:
    """Rows, the newest first. A party's are those in its name, and those about it or its people."""
    table = TrailEntry
    about = aliased(User)
    query = select(table, User.login, about.login.label("named"))
    query = query.join(User, User.id == table.user, isouter=True)
    query = query.join(about, about.id == table.subject, isouter=True)
    if wanted.party is not None:
        query = query.where(
            or_(table.party == wanted.party, table.subject == wanted.party, about.party == wanted.party)
        )
    if wanted.action:
        query = query.where(table.action == wanted.action)
    if wanted.subject:
        query = query.where(or_(table.subject == wanted.subject, about.login == wanted.subject))
    if wanted.login:
        query = query.where(User.login == wanted.login)
    if wanted.before is not None:
        query = query.where(table.id < wanted.before)
    return [_entry(row) for row in connection.execute(query.order_by(table.id.desc()).limit(most))]


def has_done(
    connection: Connection, user: str, actions: Collection[str], subject: str, since_ms: int
) -> bool:
    """Whether a person (id) did one of these to something since a time."""
    table = TrailEntry
    query = select(table.id).where(table.user == user, table.subject == subject, table.at_ms > since_ms)
    return connection.execute(query.where(table.action.in_(actions)).limit(1)).first() is not None


def list_actions(connection: Connection) -> Sequence[str]:
    """What was ever done, by name."""
    return (
        connection.execute(select(TrailEntry.action).distinct().order_by(TrailEntry.action)).scalars().all()
    )


def _entry(row: AnyRow) -> Entry:
    detail = json.loads(row.detail)
    return Entry(
        row.id,
        row.at_ms,
        row.login,
        row.party,
        row.via,
        row.network,
        row.action,
        row.subject,
        row.named,
        detail,
    )
