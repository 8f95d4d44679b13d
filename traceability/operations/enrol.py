"""Enrolment: key statements of parties and devices onto their key streams."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, insert, select

from traceability import identifiers, media
from traceability.errors import ConflictError, LostStatementError, UnknownSignerError, UnknownSubjectError
from traceability.ledger.record import Record
from traceability.ledger.state import stream_hash
from traceability.operations.accounts.trail import COMMAND_LINE, Actor, note
from traceability.operations.chain import Entry, append, lock_heads
from traceability.operations.credentials import Credential, add_credential
from traceability.operations.log import lost_in
from traceability.operations.node import Node
from traceability.operations.prefixes import register
from traceability.signing import keys, keystatement
from traceability.signing.keys import PrivateKey, PublicKey
from traceability.store import models
from traceability.store.engine import Store, Transaction
from traceability.store.rows import insert_all

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


@dataclass(frozen=True, slots=True)
class Asked:
    """A device's own request, read: its bytes, the URI of the owner that it names, and what it says."""

    body: bytes
    owner: str
    said: keystatement.KeyStatement


def enrol_party(
    store: Store,
    node: Node,
    names: Mapping[str, str],
    gln: str | None = None,
    prefixes: Sequence[str] = (),
    *,
    actor: Actor = COMMAND_LINE,
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
        _require_new(tx, [(identifiers.party_keys(node.name, party), party)])
        add_key(tx, node, statement, key)
        register(tx, party, prefixes)
        note(tx, actor, "party-enrolled", party, names=dict(names), prefixes=list(prefixes))
    return EnrolledParty(party, key.public.kid)


def enrol_device(
    store: Store, node: Node, request: bytes, site: str = MAIN_SITE, actor: Actor = COMMAND_LINE
) -> EnrolledDevice:
    """``countersign`` in a transaction of its own."""
    (enrolled,) = enrol_devices(store, node, [request], site, actor)
    return enrolled


def enrol_devices(
    store: Store,
    node: Node,
    requests: Sequence[bytes],
    site: str = MAIN_SITE,
    actor: Actor = COMMAND_LINE,
) -> list[EnrolledDevice]:
    """``countersign`` many in one transaction: all of them, or none.

    Raises:
        as ``countersign``; ConflictError also if a device asks twice.
    """
    asked = [read_request(node, request) for request in requests]
    with store.transaction() as tx:
        enrolled = _countersign(tx, node, asked, site)
        for each in enrolled:
            note(tx, actor.in_name_of(each.owner), "device-enrolled", each.device)
        return enrolled


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
    (enrolled,) = _countersign(tx, node, [read_request(node, request)], site)
    return enrolled


def read_request(node: Node, request: bytes) -> Asked:
    """A device's own request to this node: the device has the key that it names.

    Raises:
        MalformedError, KeyRefusedError, SignatureMismatchError, ConflictError: as ``countersign``.
    """
    asked = keystatement.parse_key_statement(request)
    if asked.owner is None or asked.voucher is not None:
        raise ConflictError("a device's own request is needed: one signature, and an owner")
    if asked.stream != identifiers.device_keys(node.name, asked.key.device_id):
        raise ConflictError(f"the request is for another node than {node.name}")
    asked.message.verify(0, asked.key)
    return Asked(request, asked.owner, asked)


def _countersign(tx: Transaction, node: Node, asked: Sequence[Asked], site: str) -> list[EnrolledDevice]:
    if not asked:
        return []
    owners = {owner: signing_key(tx.connection, node, owner) for owner in {each.owner for each in asked}}
    _require_new(tx, [(each.said.stream, each.said.subject) for each in asked])
    add_keys(tx, node, [keystatement.vouch(each.body, owners[each.owner]) for each in asked])
    rows = ({"id": a.said.key.device_id, "kid": a.said.key.kid, "settled": -1} for a in asked)
    insert_all(tx, models.Device, rows)
    return [_enrolled(tx, node, each, site) for each in asked]


def _enrolled(tx: Transaction, node: Node, asked: Asked, site: str) -> EnrolledDevice:
    device = asked.said.key.device_id
    credential = add_credential(tx, device, asked.owner, site)
    key = keys.receipt_key(node.secret, device)
    return EnrolledDevice(device, asked.said.subject, asked.owner, key, credential)


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
    (record,) = add_keys(tx, node, [body])
    if private is not None:
        sealed = keys.seal(node.secret, private)
        tx.connection.execute(insert(models.Custody).values(kid=private.public.kid, sealed=sealed))
    return record


def add_keys(tx: Transaction, node: Node, bodies: Sequence[bytes]) -> list[Record]:
    """Put statements that bring keys in on their streams, and the keys into the tables."""
    statements = [keystatement.parse_key_statement(body) for body in bodies]
    entries = [Entry(s.stream, media.KEY, body) for s, body in zip(statements, bodies, strict=True)]
    records = append(tx, node, entries)
    rows = (
        {
            "kid": statement.key.kid,
            "subject": statement.subject,
            "public": statement.key.raw,
            "stream": stream_hash(statement.stream),
            "from_ms": record.time_ms,
        }
        for statement, record in zip(statements, records, strict=True)
    )
    insert_all(tx, models.Key, rows)
    return records


def _require_new(tx: Transaction, keyed: Sequence[tuple[str, str]]) -> None:
    """Refuse subjects whose key streams have begun, or that come twice; each stream with its subject."""
    heads = lock_heads(tx, (stream for stream, _ in keyed))
    known = [subject for stream, subject in keyed if heads[stream_hash(stream)].count]
    twice = [subject for (_, subject), count in Counter(keyed).items() if count > 1]
    for found, what in ((known, "is enrolled already"), (twice, "asks twice")):
        if found:
            more = f", and {len(found) - 1:,} more" if len(found) > 1 else ""
            raise ConflictError(f"{found[0]} {what}{more}")


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
