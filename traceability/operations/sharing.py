"""Links for reading: one view, lent to whoever has the link, until a day or until it is taken back.

An address holds 256 random bits. What is kept is a MAC of them, by which the row is found: who reads the
database opens nothing, and an unknown link costs one look-up like a known one. Over the row stands another
MAC: who writes to the database makes no link, and none longer, wider or another's. Unknown, expired,
revoked and unsealed links are answered alike.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from traceability.errors import ForbiddenError, StatementError, UnknownSubjectError
from traceability.operations.accounts.kinds import kind_of
from traceability.operations.accounts.roles import PartyKind
from traceability.operations.accounts.trail import Actor, note
from traceability.operations.events import Reader
from traceability.operations.inspecting import party_of, person_of
from traceability.operations.node import Node
from traceability.operations.recall import Issuer, require_own
from traceability.operations.recallstatus import find_recall
from traceability.operations.sealing import is_sealed, row_mac, secret_mac
from traceability.operations.trace import named_things
from traceability.operations.tracerequest import read_thing
from traceability.signing.strictjson import b64url
from traceability.store.engine import AnyRow, Store
from traceability.store.inspecting import SharedLink as Row

SECRET_BYTES: Final = 32
MAX_DAYS: Final = 90
LISTED: Final = 200
USED_MS: Final = 60_000
"""When a link was last used is written at most once a minute."""
_DAY_MS: Final = 86_400_000
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")
PURPOSE: Final = "shared-links"
_SEALED: Final = (
    *("id", "party", "by", "regulator", "view", "subject", "options"),
    *("created_ms", "expires_ms", "revoked_ms"),
)


class View(StrEnum):
    """What a link shows; a closed set."""

    BATCH = "batch"
    TRACE = "trace"
    RECALL = "recall"


@dataclass(frozen=True, slots=True)
class Shared:
    """A link as it is listed: never the link itself. ``id`` is in hexadecimal, times are milliseconds.

    ``subject`` is a URI, or the id of a recall. ``regulator``: it shows what an authority sees.
    """

    id: str
    party: str
    by: str
    regulator: bool
    view: View
    subject: str
    options: Mapping[str, str]
    created_ms: int
    expires_ms: int
    revoked_ms: int | None
    used_ms: int | None

    @property
    def reader(self) -> Reader:
        """Whose eyes it lends."""
        return Reader(self.party, regulator=self.regulator)

    def state(self, now_ms: int) -> str:
        """``valid``, ``expired`` or ``revoked``."""
        if self.revoked_ms is not None:
            return "revoked"
        return "valid" if now_ms < self.expires_ms else "expired"


def new_link(
    store: Store,
    node: Node,
    actor: Actor,
    view: View,
    subject: str,
    days: int,
    *,
    regulator: bool,
    options: Mapping[str, str] | None = None,
) -> tuple[str, Shared]:
    """Make a link; what stands behind ``/shared/`` in its address is returned now and never again.

    Args:
        subject: of a batch or trace ``GTIN/LOT``, a URI or the like; of a recall its id.
        days: how long it opens, 1 to 90.
        regulator: the actor's party is an authority. A firm lends the view of a batch of its own.

    Raises:
        StatementError: a number of days that is none of these.
        UnknownSubjectError: there is nothing to show.
        ForbiddenError: a firm's, of something else than a batch of its own.
    """
    if not 1 <= days <= MAX_DAYS:
        raise StatementError(f"a link opens for 1 to {MAX_DAYS} days, not {days}")
    text = b64url(secrets.token_bytes(SECRET_BYTES))
    with store.transaction() as tx:
        uri = _require_subject(
            tx.connection, node, Reader(party_of(actor), regulator=regulator), view, subject
        )
        row: dict[str, Any] = {
            "id": secret_mac(node, "shared-link-secrets", text),
            "party": party_of(actor),
            "by": person_of(actor),
        }
        row |= {"regulator": regulator, "view": view.value, "subject": uri}
        row |= {"options": json.dumps(dict(options or {}), sort_keys=True), "created_ms": tx.now_ms}
        row |= {"expires_ms": tx.now_ms + days * _DAY_MS, "revoked_ms": None}
        tx.connection.execute(insert(Row).values(**row, mac=row_mac(node, PURPOSE, _SEALED, row)))
        made = tx.connection.execute(select(Row).where(Row.id == row["id"])).one()
        note(tx, actor, "shared-link-made", row["id"].hex(), view=view, of=uri, days=days)
    return text, _shown(made)


def open_link(store: Store, node: Node, text: str, network: str | None = None) -> Shared:
    """What a link shows, noting that it was used, and from which network.

    Raises:
        UnknownSubjectError: it is none of this node's, or not any more; or it was an authority's that is
            said to be something else by now.
    """
    with store.reading() as connection:
        row = None
        if _SECRET.fullmatch(text):
            row = connection.execute(
                select(Row).where(Row.id == secret_mac(node, "shared-link-secrets", text))
            ).one_or_none()
        kind = None if row is None else kind_of(connection, node, row.party)
    now_ms = store.clock()
    if (
        row is None
        or not is_sealed(node, PURPOSE, _SEALED, row._asdict())
        or _shown(row).state(now_ms) != "valid"
        or (row.regulator and kind not in {None, PartyKind.AUTHORITY})
    ):
        raise UnknownSubjectError(
            "this link opens nothing: it is unknown, has expired or was taken back",
            remedy="Ask whoever gave it to you for a new one.",
        )
    if row.used_ms is None or now_ms - row.used_ms >= USED_MS:
        with store.transaction() as tx:
            tx.connection.execute(update(Row).where(Row.id == row.id).values(used_ms=tx.now_ms))
            note(tx, Actor(None, row.party, "link", network), "shared-link-opened", row.id.hex())
    return _shown(row)


def list_links(connection: Connection, party: str) -> Sequence[Shared]:
    """The links that a party gave out, the newest first."""
    query = select(Row).where(Row.party == party).order_by(Row.created_ms.desc(), Row.id).limit(LISTED)
    return [_shown(row) for row in connection.execute(query)]


def revoke_link(store: Store, node: Node, actor: Actor, number: str) -> Shared:
    """Take a link back; one that was taken back stays as it is.

    Args:
        number: its id in hexadecimal, as it is listed.

    Raises:
        UnknownSubjectError: the party gave out no such link.
    """
    party = party_of(actor)
    with store.transaction() as tx:
        key = bytes.fromhex(number) if re.fullmatch(r"[0-9a-f]{64}", number) else b""
        mine = (Row.id == key, Row.party == party)
        row = tx.connection.execute(select(Row).where(*mine).with_for_update()).one_or_none()
        if row is None:
            raise UnknownSubjectError(f"{party} gave out no link {number[:64]!r}")
        if row.revoked_ms is None and is_sealed(node, PURPOSE, _SEALED, row._asdict()):
            ended = row._asdict() | {"revoked_ms": tx.now_ms}
            values = {"revoked_ms": tx.now_ms, "mac": row_mac(node, PURPOSE, _SEALED, ended)}
            tx.connection.execute(update(Row).where(*mine).values(values))
            row = tx.connection.execute(select(Row).where(*mine)).one()
            note(tx, actor, "shared-link-revoked", number)
    return _shown(row)


def _require_subject(connection: Connection, node: Node, reader: Reader, view: View, subject: str) -> str:
    if view is not View.BATCH and not reader.regulator:
        raise ForbiddenError(
            "a firm lends the view of a batch of its own, and no other",
            remedy="Ask an authority to share a trace or a recall.",
        )
    if view is View.RECALL:
        return find_recall(connection, subject).id
    uri = read_thing(node, subject)
    named_things(connection, node, [uri])
    if not reader.regulator:
        require_own(connection, Issuer(str(reader.party), regulator=False), [uri])
    return uri


def _shown(row: AnyRow) -> Shared:
    told = row._asdict() | {"id": row.id.hex(), "view": View(row.view), "options": json.loads(row.options)}
    del told["mac"]
    return Shared(**told)
