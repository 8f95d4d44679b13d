"""Links for reading: one view, lent to whoever has the link, until a day or until it is taken back.

An address holds 256 random bits. What is kept is a MAC of them, by which the row is found: who reads the
database opens nothing, and an unknown link costs one look-up like a known one. Over the row stands another
MAC: who writes to the database makes no link, and none longer, wider or another's. Unknown, expired,
revoked and unsealed links are answered alike.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from traceability.errors import ForbiddenError, StatementError, UnknownSubjectError
from traceability.operations.events import Reader
from traceability.operations.inspecting import Writer
from traceability.operations.node import Node
from traceability.operations.recall import Issuer, require_own
from traceability.operations.recallstatus import find_recall
from traceability.operations.trace import named_things
from traceability.operations.tracerequest import read_thing
from traceability.signing import cbor
from traceability.signing.keys import table_key
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
_PURPOSE: Final = "shared-links"
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
    writer: Writer,
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
        regulator: the writer's party is an authority. A firm lends the view of a batch of its own.

    Raises:
        StatementError: a number of days that is none of these.
        UnknownSubjectError: there is nothing to show.
        ForbiddenError: a firm's, of something else than a batch of its own.
    """
    if not 1 <= days <= MAX_DAYS:
        raise StatementError(f"a link opens for 1 to {MAX_DAYS} days, not {days}")
    text = b64url(secrets.token_bytes(SECRET_BYTES))
    with store.transaction() as tx:
        uri = _require_subject(tx.connection, node, Reader(writer.party, regulator=regulator), view, subject)
        row: dict[str, Any] = {"id": _mac(node, text.encode()), "party": writer.party, "by": writer.by}
        row |= {"regulator": regulator, "view": view.value, "subject": uri}
        row |= {"options": json.dumps(dict(options or {}), sort_keys=True), "created_ms": tx.now_ms}
        row |= {"expires_ms": tx.now_ms + days * _DAY_MS, "revoked_ms": None}
        tx.connection.execute(insert(Row).values(**row, mac=_seal(node, row)))
        made = tx.connection.execute(select(Row).where(Row.id == row["id"])).one()
    return text, _shown(made)


def open_link(store: Store, node: Node, text: str) -> Shared:
    """What a link shows, noting that it was used.

    Raises:
        UnknownSubjectError: it is none of this node's, or not any more.
    """
    with store.reading() as connection:
        row = None
        if _SECRET.fullmatch(text):
            row = connection.execute(select(Row).where(Row.id == _mac(node, text.encode()))).one_or_none()
    now_ms = store.clock()
    if row is None or not _is_sealed(node, row) or _shown(row).state(now_ms) != "valid":
        raise UnknownSubjectError(
            "this link opens nothing: it is unknown, has expired or was taken back",
            remedy="Ask whoever gave it to you for a new one.",
        )
    if row.used_ms is None or now_ms - row.used_ms >= USED_MS:
        with store.transaction() as tx:
            tx.connection.execute(update(Row).where(Row.id == row.id).values(used_ms=tx.now_ms))
    return _shown(row)


def list_links(connection: Connection, party: str) -> Sequence[Shared]:
    """The links that a party gave out, the newest first."""
    query = select(Row).where(Row.party == party).order_by(Row.created_ms.desc(), Row.id).limit(LISTED)
    return [_shown(row) for row in connection.execute(query)]


def revoke_link(store: Store, node: Node, party: str, number: str) -> Shared:
    """Take a link back; one that was taken back stays as it is.

    Args:
        number: its id in hexadecimal, as it is listed.

    Raises:
        UnknownSubjectError: the party gave out no such link.
    """
    with store.transaction() as tx:
        key = bytes.fromhex(number) if re.fullmatch(r"[0-9a-f]{64}", number) else b""
        mine = (Row.id == key, Row.party == party)
        row = tx.connection.execute(select(Row).where(*mine).with_for_update()).one_or_none()
        if row is None:
            raise UnknownSubjectError(f"{party} gave out no link {number[:64]!r}")
        if row.revoked_ms is None and _is_sealed(node, row):
            ended = row._asdict() | {"revoked_ms": tx.now_ms}
            values = {"revoked_ms": tx.now_ms, "mac": _seal(node, ended)}
            tx.connection.execute(update(Row).where(*mine).values(values))
            row = tx.connection.execute(select(Row).where(*mine)).one()
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


def _mac(node: Node, data: bytes) -> bytes:
    return hmac.digest(table_key(node.secret, _PURPOSE), data, hashlib.sha256)


def _seal(node: Node, row: Mapping[str, Any]) -> bytes:
    said = [[name, int(row[name]) if isinstance(row[name], bool) else row[name]] for name in _SEALED]
    return _mac(node, cbor.encode(said))


def _is_sealed(node: Node, row: AnyRow) -> bool:
    return hmac.compare_digest(row.mac, _seal(node, row._asdict()))


def _shown(row: AnyRow) -> Shared:
    told = row._asdict() | {"id": row.id.hex(), "view": View(row.view), "options": json.loads(row.options)}
    del told["mac"]
    return Shared(**told)
