"""Enrolment: key statements of parties and devices onto their key streams."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, insert, select

from traceability import identifiers, media
from traceability.errors import ConflictError, LostStatementError, UnknownSignerError, UnknownSubjectError
from traceability.ledger.record import Record
from traceability.ledger.state import stream_hash
from traceability.operations.chain import Entry, append, lock_heads
from traceability.operations.credentials import Credential, add_credential
from traceability.operations.log import lost_in
from traceability.operations.node import Node
from traceability.operations.prefixes import register
from traceability.signing import keys, keystatement
from traceability.signing.keys import PrivateKey, PublicKey
from traceability.store import models
from traceability.store.engine import Store, Transaction

MAIN_SITE: Final = "main"


@dataclass(frozen=True, slots=True)
class EnrolledParty:
    """A party that can sign from now on."""

    uri: str
    kid: bytes


@dataclass(frozen=True, slots=True)
class EnrolledDevice:
    """A device that is known from now on.

    ``receipt_key`` (32 bytes) authenticates what the node tells the device; it is handed
    over now, to the device alone; so is ``credential``, which opens its topics at the broker.
    """

    device: str
    uri: str
    owner: str
    receipt_key: bytes
    credential: Credential


def enrol_party(
    store: Store, node: Node, names: Mapping[str, str], gln: str | None = None, prefixes: Sequence[str] = ()
) -> EnrolledParty:
    """Make a key for a party, in the node's custody, and put its key statement on the log.

    Args:
        names: the firm's name in ``en`` and ``zh``.
        gln: its GLN; without one it gets a random pseudonym.
        prefixes: the GS1 company prefixes that it holds.

    Raises:
        ConflictError: the party is enrolled already, or a prefix is taken (see ``register``).
        IdentifierError: no GLN, or no company prefix.
    """
    party = identifiers.party_uri(node.name, gln or secrets.token_hex(8))
    key = PrivateKey.generate()
    with store.transaction(alone=bool(prefixes)) as tx:
        statement = keystatement.party_statement(
            key,
            node.registrar_key,
            node=node.name,
            party=party,
            names=names,
            custody="node",
            iat=tx.now_ms // 1000,
        )
        _require_new(tx, identifiers.party_keys(node.name, party), party)
        add_key(tx, node, statement, key)
        register(tx, party, prefixes)
    return EnrolledParty(party, key.public.kid)


def enrol_device(store: Store, node: Node, request: bytes, site: str = MAIN_SITE) -> EnrolledDevice:
    """``countersign`` in a transaction of its own."""
    with store.transaction() as tx:
        return countersign(tx, node, request, site)


def countersign(tx: Transaction, node: Node, request: bytes, site: str = MAIN_SITE) -> EnrolledDevice:
    """Countersign a device's request with its owner's key and put it on the log.

    Args:
        request: a key statement signed by the device's own key (``keystatement.device_request``).
        site: the one in the device's topics.

    Raises:
        MalformedError, KeyRefusedError: not such a request.
        SignatureMismatchError: not signed by the key that it names.
        UnknownSignerError: the owner is not a party of this node.
        ConflictError: the device is enrolled already, or the request is countersigned.
        ForeignTopicError: no such site.
    """
    asked = keystatement.parse_key_statement(request)
    if asked.owner is None or asked.voucher is not None:
        raise ConflictError("a device's own request is needed: one signature, and an owner")
    if asked.stream != identifiers.device_keys(node.name, asked.key.device_id):
        raise ConflictError(f"the request is for another node than {node.name}")
    asked.message.verify(0, asked.key)
    owner = signing_key(tx.connection, node, asked.owner)
    statement = keystatement.vouch(request, owner)
    _require_new(tx, asked.stream, asked.subject)
    add_key(tx, node, statement)
    device = asked.key.device_id
    row = {"id": device, "kid": asked.key.kid, "settled": -1}
    tx.connection.execute(insert(models.Device).values(row))
    credential = add_credential(tx, device, asked.owner, site)
    key = keys.receipt_key(node.secret, device)
    return EnrolledDevice(device, asked.subject, asked.owner, key, credential)


def signing_key(connection: Connection, node: Node, party: str) -> PrivateKey:
    """The private key of a party that is in force, and in the node's custody.

    Raises:
        UnknownSignerError: no such party, its key is revoked, or it keeps its key itself.
        LostStatementError: a statement about its keys was lost with a database.
    """
    query = select(models.Key.public, models.Key.stream, models.Custody.sealed).join(models.Custody)
    query = query.where(models.Key.subject == party, models.Key.until_ms.is_(None))
    found = connection.execute(query).one_or_none()
    if found is None:
        raise UnknownSignerError(
            f"{party} has no key in force in this node's custody",
            remedy="Enrol it (traceability enrol party --help), or, if it is, look whether its key was "
            f"revoked: traceability key list --party {party}",
        )
    if lost_in(connection, found.stream):
        raise LostStatementError(
            f"something about the keys of {party} was lost with a database: it may have ended this key"
        )
    return keys.unseal(node.secret, found.sealed, PublicKey(found.public))


def find_party(connection: Connection, node: Node, text: str) -> str:
    """The URI of a party by URI, GLN or pseudonym.

    Raises:
        UnknownSubjectError: no such party here.
    """
    uri = text if text.startswith("https://") else identifiers.party_uri(node.name, text)
    if connection.execute(select(models.Key.kid).where(models.Key.subject == uri)).first() is None:
        raise UnknownSubjectError(f"{uri} is not enrolled on this node: traceability enrol party --help")
    return uri


def add_key(tx: Transaction, node: Node, body: bytes, private: PrivateKey | None = None) -> Record:
    """Put a statement that brings a key in on its stream, and the key into the tables.

    Args:
        private: kept, sealed, if the node is to keep it.
    """
    statement = keystatement.parse_key_statement(body)
    (record,) = append(tx, node, [Entry(statement.stream, media.KEY, body)])
    row = {
        "kid": statement.key.kid,
        "subject": statement.subject,
        "public": statement.key.raw,
        "stream": stream_hash(statement.stream),
        "from_ms": record.time_ms,
    }
    tx.connection.execute(insert(models.Key).values(row))
    if private is not None:
        sealed = keys.seal(node.secret, private)
        tx.connection.execute(insert(models.Custody).values(kid=statement.key.kid, sealed=sealed))
    return record


def _require_new(tx: Transaction, stream: str, subject: str) -> None:
    if lock_heads(tx, [stream])[stream_hash(stream)].count:
        raise ConflictError(f"{subject} is enrolled already")


def device_owner(connection: Connection, node: Node, device: str) -> str:
    """The URI of the party that owns a device.

    Raises:
        UnknownSubjectError: the device is not enrolled.
    """
    key = stream_hash(identifiers.device_keys(node.name, device))
    query = select(models.Statement.body).join(
        models.Record, models.Record.statement == models.Statement.sha256
    )
    body = connection.execute(
        query.where(models.Record.stream == key, models.Record.seq == 0)
    ).scalar_one_or_none()
    if body is None:
        raise UnknownSubjectError(f"device {device} is not enrolled: traceability enrol device --help")
    return keystatement.parse_key_statement(body).owner or ""
