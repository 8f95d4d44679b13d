"""People: one sealed row each. Whoever is not to use the node any more is disabled, never deleted."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select, update

from traceability.errors import ConflictError, MalformedError, TamperError, UnknownSubjectError
from traceability.operations.accounts.kinds import kind_of, list_kinds
from traceability.operations.accounts.roles import (
    PartyKind,
    Right,
    Role,
    needs_second_factor,
    rights_of,
)
from traceability.operations.accounts.trail import Actor, note
from traceability.operations.node import Node
from traceability.operations.sealing import is_sealed, row_mac
from traceability.store.accounts import User
from traceability.store.engine import AnyRow, Transaction
from traceability.store.rows import insert_all

MAX_NAME: Final = 80
_LOGIN: Final = re.compile(r"\w[\w.+-]{1,63}(@[\w-]+(\.[\w-]+)*)?")
_PURPOSE: Final = "users"
_SEALED: Final = tuple(column for column in User.__table__.columns.keys() if column != "mac")  # noqa: SIM118


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in, as the node itself wrote it down; ``party`` is None for administrators.

    ``joined``: has chosen a password. ``second_factor``: has an app for codes. Times are ms since 1970 UTC.
    """

    id: str
    login: str
    name: str
    party: str | None
    kind: PartyKind | None
    role: Role
    joined: bool
    second_factor: bool
    created_ms: int
    disabled_ms: int | None

    @property
    def rights(self) -> frozenset[Right]:
        """What the person may do, once signed in with all that ``must_have_second_factor`` asks for."""
        if self.role is not Role.ADMINISTRATOR and self.kind is None:
            return frozenset()
        return rights_of(self.kind, self.role)

    @property
    def must_have_second_factor(self) -> bool:
        """Whether the rights count only with an app for codes."""
        return needs_second_factor(self.kind, self.role)


def add_person(
    tx: Transaction, node: Node, actor: Actor, *, login: str, name: str, party: str | None, role: Role
) -> Person:
    """Write a person down, who cannot sign in before having joined by a link.

    Raises:
        MalformedError: not such a name for signing in, or a role that does not go with the party.
        ConflictError: somebody signs in by that name already.
    """
    if (role is Role.ADMINISTRATOR) != (party is None):
        raise MalformedError("an administrator belongs to no party, and everybody else to one")
    row: dict[str, Any] = {
        "id": secrets.token_hex(8),
        "login": parse_login(login),
        "name": parse_name(name),
        "party": party,
        "role": role.value,
        "password": None,
        "totp": None,
        "totp_step": -1,
        "created_ms": tx.now_ms,
        "disabled_ms": None,
    }
    if tx.connection.execute(select(User.id).where(User.login == row["login"])).first() is not None:
        raise ConflictError(f"somebody signs in as {row['login']} already: choose another name")
    insert_all(tx, User, [row | {"mac": row_mac(node, _PURPOSE, _SEALED, row)}])
    note(tx, actor, "person-added", row["id"], login=row["login"], of=party, role=role.value)
    return load_person(tx.connection, node, row["id"])


def change_person(tx: Transaction, node: Node, user: str, **changes: Any) -> None:
    """Change columns of a person's row and seal it anew.

    Raises:
        UnknownSubjectError: no such person.
        TamperError: the row is not as this node wrote it; it stays as it is.
    """
    row = genuine_row(tx.connection, node, user, lock=True)
    changed = row._asdict() | changes
    values = changes | {"mac": row_mac(node, _PURPOSE, _SEALED, changed)}
    tx.connection.execute(update(User).where(User.id == user).values(values))


def load_person(connection: Connection, node: Node, user: str) -> Person:
    """The person with an id.

    Raises:
        UnknownSubjectError, TamperError: as ``genuine_row``.
    """
    row = genuine_row(connection, node, user)
    return _person(row, kind_of(connection, node, row.party))


def genuine_row(connection: Connection, node: Node, user: str, *, lock: bool = False) -> AnyRow:
    """A person's row, for those who need its secrets.

    Raises:
        UnknownSubjectError: no such person.
        TamperError: it is not as this node wrote it.
    """
    query = select(User).where(User.id == user)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise UnknownSubjectError("there is no such person on this node")
    if not is_sealed(node, _PURPOSE, _SEALED, row._asdict()):
        raise TamperError(f"the row of {row.login} in the table of people was not written by this node")
    return row


def find_login(connection: Connection, login: str) -> str | None:
    """The id of who signs in by a name, as it was typed; None if nobody does."""
    try:
        name = parse_login(login)
    except MalformedError:
        return None
    return connection.execute(select(User.id).where(User.login == name)).scalar_one_or_none()


def list_people(connection: Connection, node: Node, party: str | None = None) -> Sequence[Person]:
    """People of a party, or of all, by name for signing in, but rows that are not this node's own."""
    query = select(User).order_by(User.login)
    rows = connection.execute(query if party is None else query.where(User.party == party))
    kinds = list_kinds(connection, node)
    return [
        _person(row, kinds.get(row.party or ""))
        for row in rows
        if is_sealed(node, _PURPOSE, _SEALED, row._asdict())
    ]


def parse_login(text: str) -> str:
    """A name for signing in, often an e-mail address: case and width of letters do not matter.

    Raises:
        MalformedError: 2 to 64 of letters, digits, ``.``, ``_``, ``+``, ``-`` are needed, maybe ``@host``.
    """
    login = fold_login(text)
    if len(login) > 254 or not _LOGIN.fullmatch(login):
        raise MalformedError(f"{text[:80]!r} is no e-mail address, and no name of letters and digits")
    return login


def fold_login(text: str) -> str:
    """The same for what may be no such name: all forms of one are one."""
    return unicodedata.normalize("NFKC", text.strip()).casefold()


def parse_name(text: str) -> str:
    """What a person is called: 1 to 80 printable characters."""
    name = " ".join(text.split())
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise MalformedError(f"a person's name has 1 to {MAX_NAME} characters")
    return name


def _person(row: AnyRow, kind: PartyKind | None) -> Person:
    return Person(
        row.id,
        row.login,
        row.name,
        row.party,
        kind,
        Role(row.role),
        row.password is not None,
        row.totp is not None,
        row.created_ms,
        row.disabled_ms,
    )
