"""What devices and the gateway show the broker: a user name, a password, and which topics they open.

A device's user name is ``{site}/{device}``; its password has 256 random bits and is shown once. Kept
is, among the tokens, one SHA-256 of both: so the site is bound too, and finding it is one look-up.
The gateway's password follows from the node's secret, which it has anyway.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Select, bindparam, func, select, update
from sqlalchemy.orm import aliased

from traceability.errors import TokenError, UnknownSubjectError
from traceability.operations.accounts.trail import COMMAND_LINE, Actor, note
from traceability.operations.node import Node
from traceability.sensing.topics import frame_topic, gateway_client
from traceability.signing.keys import hkdf
from traceability.signing.strictjson import b64url
from traceability.store import access, models
from traceability.store.engine import Store, Transaction
from traceability.store.rows import insert_all

SCOPE: Final = "connect"
"""What stands in the scopes of such a token; none of the API's."""
GATEWAY: Final = "gateway"
PROBE: Final = "probe"
"""Who only looks whether the broker answers, and may do nothing else."""
DEVICE: Final = "device"
SECRET_BYTES: Final = 32
VALID_MS: Final = 3650 * 86_400_000

_USER_INFO: Final = b"food-traceability/broker/user/v1/"
_USERNAME: Final = re.compile(r"([a-z0-9-]{1,32})/([0-9a-f]{32})")
_LONGEST_PASSWORD: Final = 128
_token = access.Token
_own = aliased(models.Key)
"""Any of a device's keys: the one that it was enrolled with, or one that it rotated to."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A user name and its password, for one client alone."""

    username: str
    password: str


@dataclass(frozen=True, slots=True)
class Guest:
    """Who came: GATEWAY, PROBE, or a DEVICE with its site; ``name`` is that of the credential."""

    kind: str
    name: str
    site: str = ""
    device: str = ""


def add_credential(tx: Transaction, device: str, owner: str, site: str) -> Credential:
    """Make a device's credential; those that it had before stay as they are.

    Args:
        owner: URI of the party that the device belongs to.

    Raises:
        ForeignTopicError: no such site.
    """
    frame_topic(site, device)
    made = Credential(f"{site}/{device}", b64url(secrets.token_bytes(SECRET_BYTES)))
    row = {
        "sha256": _digest(made),
        "name": f"{device}.{_made(tx, device)}",
        "party": owner,
        "scopes": SCOPE,
        "regulator": False,
        "created_ms": tx.now_ms,
        "expires_ms": tx.now_ms + VALID_MS,
        "revoked_ms": None,
    }
    insert_all(tx, _token, [row])
    return made


def renew_credential(
    store: Store, device: str, owner: str, site: str, actor: Actor = COMMAND_LINE
) -> Credential:
    """Give a device a new credential; the ones before it end.

    Raises:
        ForeignTopicError: no such site.
    """
    with store.transaction() as tx:
        note(tx, actor.in_name_of(owner), "broker-password-renewed", device, site=site)
        return replace_credential(tx, device, owner, site)


def replace_credential(tx: Transaction, device: str, owner: str, site: str) -> Credential:
    """As ``renew_credential``, in a transaction that is open."""
    _end(tx, device)
    return add_credential(tx, device, owner, site)


def revoke_credential(store: Store, device: str, actor: Actor = COMMAND_LINE) -> None:
    """End a device's credential: its connection is ended, and it gets no other one.

    Raises:
        UnknownSubjectError: it has none in force.
    """
    with store.transaction() as tx:
        if not _end(tx, device):
            raise UnknownSubjectError(
                f"device {device} has no credential in force",
                remedy=f"To give it one: traceability broker renew {device}",
            )
        note(tx, actor, "broker-password-revoked", device)


def own_credential(node: Node, username: str) -> Credential:
    """What a program of the node shows the broker: GATEWAY or PROBE."""
    return Credential(username, b64url(hkdf(node.secret, _USER_INFO + username.encode())))


def admit(connection: Connection, node: Node, shown: Credential, client: str, now_ms: int) -> Guest:
    """Who connects, if it may.

    Args:
        client: the MQTT client identifier that it asks for: a device's own is its id, and those of
            the node's programs begin as only theirs do. Whoever has another's would end its
            connection and could take its session.

    Raises:
        TokenError: it may not; the message does not say what is wrong.
    """
    beginnings = {GATEWAY: gateway_client(node.name), PROBE: f"{PROBE}-"}
    if (begins := beginnings.get(shown.username)) is not None:
        right = own_credential(node, shown.username).password
        if hmac.compare_digest(shown.password.encode(), right.encode()) and client.startswith(begins):
            return Guest(shown.username, shown.username)
    form = _USERNAME.fullmatch(shown.username)
    if form and client == form[2] and (name := _known(connection, form[2], shown, now_ms)):
        return Guest(DEVICE, name, form[1], form[2])
    raise TokenError("this user name, password and client identifier do not belong together here")


def revoked_since(connection: Connection, since_ms: int) -> dict[str, int]:
    """Credentials that ended after a time, by name, and devices whose last key did; each with when."""
    ended = [
        select(_token.name, _token.revoked_ms).where(_token.scopes == SCOPE, _token.revoked_ms > since_ms),
        select(models.Device.id, func.max(_own.until_ms))
        .join(models.Key, models.Key.kid == models.Device.kid)
        .join(_own, _own.stream == models.Key.stream)
        .group_by(models.Device.id)
        .having(func.max(_own.until_ms) > since_ms, func.count(_own.until_ms) == func.count()),
    ]
    rows = [row for query in ended for row in connection.execute(query)]
    return {name: at_ms for name, at_ms in rows if at_ms is not None}


def device_of(name: str) -> str:
    """The device whose credential has this name."""
    return name.partition(".")[0]


def _known(connection: Connection, device: str, shown: Credential, now_ms: int) -> str | None:
    """The name of a credential that is in force, of a device that is enrolled and whose key is in force."""
    if len(shown.password) > _LONGEST_PASSWORD:
        return None
    row = connection.execute(_FIND, {"sha256": _digest(shown), "device": device}).one_or_none()
    return row.name if row is not None and now_ms < row.expires_ms else None


def _find() -> Select[str, int]:
    query = select(_token.name, _token.expires_ms).where(_token.sha256 == bindparam("sha256"))
    device = select(models.Device.id).join(models.Key, models.Key.kid == models.Device.kid)
    keys = device.join(_own, _own.stream == models.Key.stream)
    in_force = keys.where(models.Device.id == bindparam("device"), _own.until_ms.is_(None))
    return query.where(_token.scopes == SCOPE, _token.revoked_ms.is_(None), in_force.exists())


_FIND: Final = _find()


def _made(tx: Transaction, device: str) -> int:
    """How many credentials a device was ever given."""
    number = 0
    while tx.connection.execute(select(_token.name).where(_token.name == f"{device}.{number}")).first():
        number += 1
    return number


def _end(tx: Transaction, device: str) -> int:
    """End what is in force; how many that were."""
    names = [f"{device}.{number}" for number in range(_made(tx, device))]
    ending = update(_token).where(_token.name.in_(names), _token.revoked_ms.is_(None))
    return tx.connection.execute(ending.values(revoked_ms=tx.now_ms)).rowcount


def _digest(credential: Credential) -> bytes:
    return hashlib.sha256(f"{credential.username}\n{credential.password}".encode()).digest()
