"""The hash of ``verify.html`` in the log: which file this node published for checking, and since when.

The operator of a node is a party like any other: enrolled by the registrar, its key in the node's
custody. Its pseudonym is the beginning of the registrar key's id, so that whoever has the node's policy
knows whose deposits to look at. What is looked up is recomputed: the operator's keys, its stream of
deposits from the first record to the one that the newest state names, the signature of each notice, and
its place in the log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, select

from traceability.errors import LogConflictError, TamperError, UnknownSubjectError
from traceability.identifiers import party_deposits, party_uri
from traceability.ledger.proof import verify_proof
from traceability.ledger.record import GENESIS, Record, commit
from traceability.ledger.state import Presence, stream_hash
from traceability.operations.deposit import Deposited, deposit, describe
from traceability.operations.disclosures import disclosures_of
from traceability.operations.enrol import enrol_party
from traceability.operations.keptstate import kept_state
from traceability.operations.keyring import party_keys
from traceability.operations.log import latest_checkpoint
from traceability.operations.logproof import prove_leaf
from traceability.operations.node import Node
from traceability.store import models
from traceability.store.engine import Store
from traceability.supply.notice import Purpose
from traceability.verification.journey import Document
from traceability.verification.signers import Signers
from traceability.verification.statements import open_statement

NAME: Final = "verify.html"
_PSEUDONYM: Final = 16


class Standing(StrEnum):
    """How a file stands to what the operator deposited."""

    LOGGED = "logged"
    WAITING = "waiting"
    NONE = "none"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Logged:
    """What the log says of a file.

    Attributes:
        sha256: of the file, in hexadecimal.
        standing: ``logged``; ``waiting`` for the next checkpoint; ``none`` if no file was ever
            deposited for checking; ``other`` if some were, and this is none of them.
        since_ms: record time of the first notice that names it; None if there is none.
        index: of that notice's leaf in the log; None while it is not in it.
    """

    sha256: str
    standing: Standing
    since_ms: int | None = None
    index: int | None = None


def operator_of(node: Node) -> str:
    """The URI of the party that operates a node."""
    return party_uri(node.name, node.policy.registrar.key.kid.hex()[:_PSEUDONYM])


def deposit_verifier(store: Store, node: Node, data: bytes) -> Deposited:
    """Deposit a ``verify.html`` for the operator, unless it is there; enrol the operator, unless it is.

    Raises:
        UnknownSignerError: the operator's key was revoked, and it has no other yet.
        OversizeError, FileError, QuotaError: as their names say.
    """
    operator = operator_of(node)
    with store.reading() as connection:
        known = connection.execute(select(models.Key.kid).where(models.Key.subject == operator)).first()
    if known is None:
        names = {"en": f"Operator of {node.name}", "zh": f"{node.name} 的运营者"}
        enrol_party(store, node, names, operator.rpartition("/")[2])
    notice = describe(data, NAME, party_deposits(node.name, operator), Purpose.VERIFIER)
    return deposit(store, node, operator, data, notice)


def look_up(connection: Connection, node: Node, data: bytes) -> Logged:
    """What the log says of a file that is to be the node's ``verify.html``.

    Args:
        connection: a snapshot (``Store.reading``).

    Raises:
        TamperError, MalformedError, RefusedError: what the store holds of it does not match.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    size = _published_size(connection)
    deposits = list(_documents(connection, node))
    published = [record for index, record, _ in deposits if index is not None and index < size]
    _require_whole(connection, party_deposits(node.name, operator_of(node)), published)
    standing = Standing.NONE
    for index, record, document in deposits:
        if document.notice.purpose is not Purpose.VERIFIER:
            continue
        if (document.notice.sha256, document.notice.size) != (sha256, len(data)):
            standing = Standing.OTHER
            continue
        if index is None or index >= size:
            return Logged(sha256, Standing.WAITING, record.time_ms)
        verify_proof(prove_leaf(connection, index), record.hash, [node.policy.log])
        return Logged(sha256, Standing.LOGGED, record.time_ms, index)
    return Logged(sha256, standing)


def _published_size(connection: Connection) -> int:
    latest = latest_checkpoint(connection)
    return 0 if latest is None else latest.size


def _require_whole(connection: Connection, stream: str, published: Sequence[Record]) -> None:
    """No deposit was taken away: the newest signed state says how many there are, and the last one's hash."""
    latest = latest_checkpoint(connection)
    place = None if latest is None else kept_state(connection, latest).prove(stream_hash(stream))
    said = (place.count, place.head) if isinstance(place, Presence) else (0, GENESIS)
    if said != (len(published), published[-1].hash if published else GENESIS):
        raise LogConflictError(f"records of {stream}", expected=said[0], got=len(published))


def _documents(connection: Connection, node: Node) -> Iterator[tuple[int | None, Record, Document]]:
    """What the operator deposited, recomputed record by record, each with its index in the log."""
    operator = operator_of(node)
    stream, prev = party_deposits(node.name, operator), GENESIS
    record, signers = models.Record, _signers(connection, node, operator)
    query = select(record, models.Statement.body).join(models.Statement)
    query = query.where(record.stream == stream_hash(stream)).order_by(record.seq)
    for number, row in enumerate(connection.execute(query).all()):
        commitment = commit(hashlib.sha256(row.body).digest(), row.salt)
        made = Record(stream, number, prev, row.time_ms, row.media_type, commitment)
        texts = {row.statement: tuple(disclosures_of(connection, row.statement))}
        document = open_statement(row.body, row.statement, made, texts, signers)
        if not isinstance(document, Document):
            raise TamperError(f"record {number} of {stream} is not a notice")
        yield row.log_index, made, document
        prev = made.hash


def _signers(connection: Connection, node: Node, operator: str) -> Signers:
    """The operator's keys, vouched for; none where it was never enrolled."""
    try:
        signers = party_keys(connection, node, operator)
    except UnknownSubjectError:
        return Signers()
    for act, at_ms in signers.acts:
        signers.check_voucher(act, at_ms, node.policy.registrar.key)
    return signers
