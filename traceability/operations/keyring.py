"""Keys after their enrolment: shown, rotated, revoked and renewed; each is an act on its key stream.

An act that ends a key is recorded with no other writer at work, at a time later than any record
before it: so everything that the key signed stands before its end, and nobody who verifies has
to guess. The private key is deleted in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Connection, delete, func, select, update

from traceability import identifiers, media
from traceability.errors import ConflictError, UnknownSubjectError
from traceability.identifiers import parse_stream
from traceability.ledger.record import format_time
from traceability.operations.accounts.trail import COMMAND_LINE, Actor, note
from traceability.operations.chain import Entry, append
from traceability.operations.enrol import EnrolledParty, add_key, signing_key
from traceability.operations.node import Node
from traceability.signing.keys import PrivateKey
from traceability.signing.keystatement import party_rotation, party_statement
from traceability.signing.revocation import Told, device_revocation, party_revocation
from traceability.store import models
from traceability.store.engine import Store, Transaction
from traceability.verification.signer import Signer
from traceability.verification.signers import Signers, display_names


def party_keys(connection: Connection, node: Node, party: str) -> Signers:
    """Every key that a party ever had, as its key stream says.

    Raises:
        UnknownSubjectError: no such party here.
    """
    signers = read_stream(connection, identifiers.party_keys(node.name, party))
    if party not in signers.holders.values():
        raise UnknownSubjectError(f"{party} is not enrolled on this node: traceability enrol party --help")
    return signers


def find_key(connection: Connection, kid: bytes) -> Signer:
    """A party's or a device's key by its id.

    Raises:
        UnknownSubjectError: there never was such a key here.
    """
    query = select(models.Stream.uri).join(models.Key).where(models.Key.kid == kid)
    uri = connection.execute(query).scalar_one_or_none()
    if uri is None:
        raise UnknownSubjectError(f"there is no key {kid.hex()} here: traceability key list --help")
    return read_stream(connection, uri).by_kid[kid]


def rotate_party_key(store: Store, node: Node, party: str, actor: Actor = COMMAND_LINE) -> EnrolledParty:
    """Go on with a new key, in the node's custody; the one that was in force signs for it.

    Raises:
        UnknownSignerError: the party has no key in force in this node's custody.
    """
    key = PrivateKey.generate()
    with alone(store) as tx:
        old = signing_key(tx.connection, node, party)
        statement = party_rotation(
            key, old, node=node.name, party=party, custody="node", iat=tx.now_ms // 1000
        )
        record = add_key(tx, node, statement, key)
        end_key(tx, old.public.kid, record.time_ms)
        note(tx, actor, "key-rotated", party, key=key.public.kid.hex())
    return EnrolledParty(party, key.public.kid)


def revoke_key(
    store: Store,
    node: Node,
    kid: bytes,
    suspected_s: int | None,
    reason: str,
    actor: Actor = COMMAND_LINE,
) -> Signer:
    """End a key for ever: a party's as the registrar, a device's with its owner's key.

    A key that was rotated away can be revoked too.

    Args:
        suspected_s: Unix seconds since when misuse is suspected: what the key signed from then
            on stays valid and is flagged. None without suspicion.
        reason: for people, 1 to 200 characters; it is public.

    Returns:
        The key as it stands now.

    Raises:
        UnknownSubjectError: there is no such key here.
        ConflictError: it is revoked already.
        UnknownSignerError: the device's owner has no key in force in this node's custody.
        StatementError: a reason that is too long, a suspicion in the future.
    """
    with alone(store) as tx:
        held = find_key(tx.connection, kid)
        if held.revocation is not None:
            revoked = format_time(held.revocation.issued_at * 1000)
            raise ConflictError(f"key {kid.hex()} was revoked at {revoked}: {held.revocation.reason}")
        told = Told(kid=kid, reason=reason, suspected_s=suspected_s, iat=tx.now_ms // 1000)
        if held.owner is None:
            statement = party_revocation(node.registrar_key, node=node.name, party=held.subject, **told)
        else:
            owner, device = signing_key(tx.connection, node, held.owner), parse_stream(held.stream).values[0]
            statement = device_revocation(owner, node=node.name, device=device, **told)
        (record,) = append(tx, node, [Entry(held.stream, media.KEY, statement)])
        end_key(tx, kid, held.until_ms or record.time_ms)
        note(tx, actor, "key-revoked", held.subject, key=kid.hex(), reason=reason, suspected_s=suspected_s)
        return find_key(tx.connection, kid)


def renew_party_key(store: Store, node: Node, party: str, actor: Actor = COMMAND_LINE) -> EnrolledParty:
    """Give a party whose key was revoked a new one, in the node's custody; the registrar vouches again.

    Raises:
        UnknownSubjectError: no such party here.
        ConflictError: it has a key in force.
    """
    key = PrivateKey.generate()
    with alone(store) as tx:
        signers = party_keys(tx.connection, node, party)
        if any(kid is not None for kid in signers.in_force.values()):
            raise ConflictError(
                f"{party} has a key in force", remedy=f"traceability key rotate --party {party}"
            )
        statement = party_statement(
            key,
            node.registrar_key,
            node=node.name,
            party=party,
            names=display_names(signers)[party],
            custody="node",
            iat=tx.now_ms // 1000,
        )
        add_key(tx, node, statement, key)
        note(tx, actor, "key-renewed", party, key=key.public.kid.hex())
    return EnrolledParty(party, key.public.kid)


@contextmanager
def alone(store: Store) -> Iterator[Transaction]:
    """A transaction at a time later than every record, whatever this machine's clock says."""
    record, checkpoint = models.Record, models.Checkpoint
    published = select(func.max(checkpoint.time_ms)).scalar_subquery()
    unpublished = select(func.max(record.time_ms)).where(record.log_index.is_(None)).scalar_subquery()
    with store.transaction(alone=True) as tx:
        newest = [time_ms or 0 for time_ms in tx.connection.execute(select(published, unpublished)).one()]
        yield replace(tx, now_ms=max(tx.now_ms, *(time_ms + 1 for time_ms in newest)))


def read_stream(connection: Connection, uri: str) -> Signers:
    """Every key of a key stream, as its acts say; those who vouch for it are not asked."""
    record, signers = models.Record, Signers()
    query = (
        select(record.time_ms, record.media_type, models.Statement.body)
        .join(models.Stream, models.Stream.hash == record.stream)
        .join(models.Statement, models.Statement.sha256 == record.statement)
        .where(models.Stream.uri == uri)
        .order_by(record.seq)
    )
    for row in connection.execute(query):
        signers.take(uri, row.body, row.time_ms, row.media_type)
    return signers


def end_key(tx: Transaction, kid: bytes, at_ms: int, last: int | None = None) -> None:
    ended = update(models.Key).where(models.Key.kid == kid).values(until_ms=at_ms, last_counter=last)
    tx.connection.execute(ended)
    tx.connection.execute(delete(models.Custody).where(models.Custody.kid == kid))
