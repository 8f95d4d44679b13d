"""Bearer tokens of the API: whose they are, what they allow, until when.

A token is 256 random bits behind ``ft_``. It is shown once; what is kept is its SHA-256, by
which it is found again: whoever reads the table can use none of them, and an unknown token costs
the same one look-up as a known one. Beside it stands a MAC of the whole row under the node's secret:
whoever writes to the table can make none, nor widen, lengthen or hand on one that there is.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, select, update

from traceability.errors import ConflictError, ForbiddenError, MalformedError, TokenError, UnknownSubjectError
from traceability.operations.accounts.trail import COMMAND_LINE, Actor, note
from traceability.operations.credentials import SCOPE
from traceability.operations.enrol import find_party
from traceability.operations.events import Reader
from traceability.operations.node import Node
from traceability.operations.sealing import is_sealed, row_mac
from traceability.signing.strictjson import b64url
from traceability.store import access
from traceability.store.engine import AnyRow, Store, Transaction
from traceability.store.rows import insert_new

SECRET_BYTES: Final = 32
MAX_DAYS: Final = 3650
_DAY_MS: Final = 86_400_000
_SEALED: Final = ("sha256", "name", "party", "scopes", "regulator", "created_ms", "expires_ms", "revoked_ms")
_TOKEN: Final = re.compile(r"ft_[A-Za-z0-9_-]{43}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OF_API: Final = access.Token.scopes != SCOPE
"""Beside them stand the credentials of devices (``operations.credentials``)."""


class Scope(StrEnum):
    """What a token can be for; a closed set."""

    CAPTURE = "capture"
    QUERY = "query"
    RECALL = "recall"


@dataclass(frozen=True, slots=True)
class Access:
    """Who came with a token, and what it allows."""

    name: str
    party: str
    scopes: frozenset[Scope]
    regulator: bool

    @property
    def reader(self) -> Reader:
        """The same as somebody who reads events."""
        return Reader(self.party, regulator=self.regulator)


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """A token as it is listed: never the token itself. Times are milliseconds since 1970 UTC."""

    access: Access
    created_ms: int
    expires_ms: int
    revoked_ms: int | None
    sealed: bool

    def state(self, now_ms: int) -> str:
        """``valid``, ``expired``, ``revoked``, or ``unsealed``: this node did not write what its row says."""
        if not self.sealed:
            return "unsealed"
        if self.revoked_ms is not None:
            return "revoked"
        return "valid" if now_ms < self.expires_ms else "expired"


def new_token(
    store: Store,
    node: Node,
    *,
    party: str,
    scopes: Iterable[Scope],
    days: int,
    name: str,
    regulator: bool = False,
    actor: Actor = COMMAND_LINE,
) -> tuple[str, TokenInfo]:
    """Make a token; its text is returned now and never again.

    Args:
        party: URI, GLN or pseudonym of an enrolled party.
        days: how long it is valid, 1 to 3650.
        name: 1 to 64 letters, digits, ``.``, ``_`` and ``-``; no other token has it.
        regulator: its bearer reads all events, whole, and with the scope recall may recall any lot; that
            of a firm only what the firm made.

    Raises:
        UnknownSubjectError: no such party here.
        MalformedError: no scope, or days or name of another form.
        ConflictError: the name is taken.
    """
    wanted = frozenset(scopes)
    _check(wanted, days, name)
    text = f"ft_{b64url(secrets.token_bytes(SECRET_BYTES))}"
    table = access.Token
    with store.transaction() as tx:
        uri = find_party(tx.connection, node, party)
        row: dict[str, Any] = {
            "sha256": _digest(text),
            "name": name,
            "party": uri,
            "scopes": ",".join(sorted(wanted)),
            "regulator": regulator,
            "created_ms": tx.now_ms,
            "expires_ms": tx.now_ms + days * _DAY_MS,
            "revoked_ms": None,
        }
        row["mac"] = row_mac(node, "tokens", _SEALED, row)
        insert_new(tx, table, [row])
        made = tx.connection.execute(select(table).where(table.name == name)).one()
        if made.sha256 != row["sha256"]:
            raise ConflictError(f"there is a token named {name} already: choose another name")
        note(tx, actor, "token-made", name, of=uri, scopes=row["scopes"], regulator=regulator, days=days)
    return text, _info(made, node)


def find_token(connection: Connection, node: Node, text: str, now_ms: int, needs: Scope) -> Access:
    """Who comes with a token, if it allows what is asked.

    Raises:
        TokenError: it is unknown, expired, revoked or not this node's; the message does not say which.
        ForbiddenError: it is valid, but for something else.
    """
    table = access.Token
    row = None
    if _TOKEN.fullmatch(text):
        row = connection.execute(select(table).where(table.sha256 == _digest(text))).one_or_none()
    if row is None or _info(row, node).state(now_ms) != "valid":
        raise TokenError("this token is not valid on this node: unknown, expired or revoked")
    found = _info(row, node).access
    if needs not in found.scopes:
        raise ForbiddenError(
            f"the token {found.name} is for {', '.join(sorted(found.scopes))}, not for {needs}"
        )
    return found


def is_regulator(connection: Connection, node: Node, party: str, now_ms: int) -> bool:
    """Whether a party has a regulator's token that is valid."""
    table = access.Token
    query = select(table).where(table.party == party, table.regulator, table.revoked_ms.is_(None))
    rows = connection.execute(query.where(table.expires_ms > now_ms))
    return any(_info(row, node).state(now_ms) == "valid" for row in rows)


def list_tokens(connection: Connection, node: Node, party: str | None = None) -> Sequence[TokenInfo]:
    """All tokens that were ever made, by name; of one party (URI), or of all."""
    query = select(access.Token).where(_OF_API).order_by(access.Token.name)
    rows = connection.execute(query if party is None else query.where(access.Token.party == party))
    return [_info(row, node) for row in rows]


def revoke_token(
    store: Store, node: Node, name: str, *, actor: Actor = COMMAND_LINE, within: str | None = None
) -> TokenInfo:
    """End a token now; one that was revoked before stays as it was.

    Args:
        within: the party (URI) whose tokens are meant; None for all.

    Raises:
        UnknownSubjectError: no token has this name.
    """
    table = access.Token
    named = select(table).where(table.name == name, _OF_API)
    named = named if within is None else named.where(table.party == within)
    with store.transaction() as tx:
        row = tx.connection.execute(named.with_for_update()).one_or_none()
        if row is not None and row.revoked_ms is None:
            _end(tx, node, actor, row)
            row = tx.connection.execute(named).one()
    if row is None:
        raise UnknownSubjectError(
            f"no token is named {name[:64]!r}", remedy="traceability token list shows the names."
        )
    return _info(row, node)


def end_regulator_tokens(tx: Transaction, node: Node, actor: Actor, party: str) -> None:
    """End all tokens of a party (URI) that read as a regulator's, because it is none any more."""
    table = access.Token
    query = select(table).where(table.party == party, table.regulator, table.revoked_ms.is_(None), _OF_API)
    for row in tx.connection.execute(query.with_for_update()).all():
        _end(tx, node, actor, row)


def _end(tx: Transaction, node: Node, actor: Actor, row: AnyRow) -> None:
    ended = {**row._asdict(), "revoked_ms": tx.now_ms}
    mac = row_mac(node, "tokens", _SEALED, ended) if _info(row, node).sealed else None
    ending = update(access.Token).where(access.Token.name == row.name)
    tx.connection.execute(ending.values(revoked_ms=tx.now_ms, mac=mac))
    note(tx, actor, "token-revoked", row.name, of=row.party)


def _check(scopes: frozenset[Scope], days: int, name: str) -> None:
    if not scopes:
        raise MalformedError(f"a token is for something: {', '.join(Scope)}")
    if not 1 <= days <= MAX_DAYS:
        raise MalformedError(f"a token is valid for 1 to {MAX_DAYS} days, not {days}")
    if not _NAME.fullmatch(name):
        raise MalformedError(f"{name[:80]!r} is not a token's name: 1 to 64 letters, digits, '.', '_' or '-'")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("ascii")).digest()


def _info(row: AnyRow, node: Node) -> TokenInfo:
    scopes = frozenset(map(Scope, row.scopes.split(",")))
    found = Access(row.name, row.party, scopes, row.regulator)
    sealed = is_sealed(node, "tokens", _SEALED, row._asdict())
    return TokenInfo(found, row.created_ms, row.expires_ms, row.revoked_ms, sealed)
