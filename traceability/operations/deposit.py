"""Depositing a document: a signed notice on the stream that it is about, the file beside the database.

The same file of the same party about the same thing is deposited once; whoever deposits it again is
told that it is there. The file is on the disk before the notice is committed, so a notice never names
what was not kept; a file whose notice was refused is one that nothing names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, select

from traceability import media
from traceability.errors import ConflictError, QuotaError, TamperError, UnknownSubjectError
from traceability.identifiers import Kind, parse_stream, party_deposits
from traceability.ledger.state import stream_hash
from traceability.operations.accounts.trail import COMMAND_LINE, Actor, note
from traceability.operations.chain import Entry, append
from traceability.operations.disclosures import all_disclosures, disclosures_of, keep_disclosures
from traceability.operations.documents import keep_document, require_size
from traceability.operations.enrol import signing_key
from traceability.operations.log import latest_checkpoint
from traceability.operations.node import Node
from traceability.signing import sdjwt
from traceability.store import models
from traceability.store.engine import Store, Transaction
from traceability.supply.notice import Notice, Purpose, issue_notice, read_notice

MAX_ON_STREAM: Final = 64
"""Documents of one party about one thing: a proof carries the notices of all."""
MAX_OWN: Final = 4096
"""Documents among a party's own deposits, which no proof of a batch carries."""

MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".txt": "text/plain",
    ".csv": "text/csv",
    ".json": "application/json",
    ".xml": "application/xml",
    ".html": "text/html",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""By the ending of a file's name; any other file is ``application/octet-stream``."""


@dataclass(frozen=True, slots=True)
class Deposited:
    """A notice as it is recorded.

    Attributes:
        party: URI of who deposited it.
        statement: SHA-256 of the signed notice.
        seq: number of its record in the stream of its subject.
        known: whether it was there before.
    """

    notice: Notice
    party: str
    statement: bytes
    seq: int
    known: bool = True


def describe(data: bytes, name: str, subject: str, purpose: Purpose = Purpose.OTHER) -> Notice:
    """What a notice of a file would say: all of it becomes public.

    Raises:
        OversizeError: more than is kept.
        StatementError, IdentifierError: a name or a subject that no notice can have.
    """
    require_size(len(data))
    kind = MEDIA_TYPES.get(Path(name).suffix.lower(), "application/octet-stream")
    return Notice(subject, purpose, hashlib.sha256(data).hexdigest(), len(data), kind, name)


def deposit(
    store: Store, node: Node, party: str, data: bytes, notice: Notice, actor: Actor = COMMAND_LINE
) -> Deposited:
    """Keep a file, and record its notice for a party.

    Args:
        party: URI of who deposits it.
        notice: as ``describe`` made it of these bytes.

    Raises:
        UnknownSubjectError: nothing is recorded of its subject here.
        ConflictError: it is to be among the deposits of somebody else, or is of other bytes.
        QuotaError: the party has deposited as many about this as are taken.
        UnknownSignerError: the party has no key in force in this node's custody.
        OversizeError, StatementError, FileError: as their names say.
    """
    with store.transaction() as tx:
        made = deposit_in(tx, node, party, data, notice)
        if not made.known:
            told = {"statement": made.statement.hex(), "purpose": notice.purpose.value}
            note(tx, actor.in_name_of(party), "document-deposited", notice.subject, **told)
        return made


def deposit_in(tx: Transaction, node: Node, party: str, data: bytes, notice: Notice) -> Deposited:
    """The same in a transaction in which something else happens with it; raises as ``deposit``."""
    if (notice.sha256, notice.size) != (hashlib.sha256(data).hexdigest(), len(data)):
        raise ConflictError("the notice is of another file")
    key = signing_key(tx.connection, node, party)
    _require_subject(tx.connection, node, party, notice.subject)
    own = [each for each in notices_on(tx.connection, notice.subject) if each.party == party]
    keep_document(node.folder, data)
    for each in own:
        if each.notice.sha256 == notice.sha256:
            return each
    if len(own) >= (MAX_OWN if parse_stream(notice.subject).kind is Kind.DEPOSITS else MAX_ON_STREAM):
        raise QuotaError(
            f"{party} has deposited {len(own)} documents about {notice.subject}, more are not taken",
            remedy="Put several into one file, or deposit them about another batch.",
        )
    issued = issue_notice(key, party, notice, tx.now_ms // 1000)
    return _record(tx, node, party, notice, issued)


def notices_on(connection: Connection, subject: str) -> Iterator[Deposited]:
    """The notices that stand on a stream, as the store holds them, in their order."""
    record, statement = models.Record, models.Statement
    query = select(record.seq, statement.sha256, statement.body).join(statement)
    query = query.where(record.stream == stream_hash(subject), record.media_type == media.NOTICE)
    rows = connection.execute(query.order_by(record.seq)).all()
    texts = all_disclosures(connection, [row.sha256 for row in rows])
    for row in rows:
        parsed = sdjwt.parse(row.body, typ=media.NOTICE)
        notice = read_notice(parsed, texts.get(row.sha256, []))
        yield Deposited(notice, parsed.iss, row.sha256, row.seq)


def find_notice(connection: Connection, statement: bytes) -> Notice:
    """A notice that is in the log, by the SHA-256 of its statement.

    Raises:
        UnknownSubjectError: there is none.
        MalformedError, TamperError: what is stored is not what was signed.
    """
    record, body = models.Record, models.Statement.body
    query = select(body).join(record, record.statement == models.Statement.sha256)
    query = query.where(record.statement == statement, record.media_type == media.NOTICE)
    latest = latest_checkpoint(connection)
    found = connection.execute(
        query.where(record.log_index < (latest.size if latest else 0)).limit(1)
    ).scalar_one_or_none()
    if found is None:
        raise UnknownSubjectError(f"there is no notice {statement.hex()} in the log")
    if (got := hashlib.sha256(found).digest()) != statement:
        raise TamperError("a notice was changed in the store", expected=statement, got=got)
    return read_notice(sdjwt.parse(found, typ=media.NOTICE), disclosures_of(connection, statement))


def _record(tx: Transaction, node: Node, party: str, notice: Notice, issued: sdjwt.Issued) -> Deposited:
    entry = Entry(notice.subject, media.NOTICE, issued.statement)
    (record,) = append(tx, node, [entry])
    keep_disclosures(tx, {entry.sha256: issued.disclosures})
    return Deposited(notice, party, entry.sha256, record.seq, known=False)


def _require_subject(connection: Connection, node: Node, party: str, subject: str) -> None:
    """What a document is about is known here; deposits of a party are its own."""
    if parse_stream(subject).kind is Kind.DEPOSITS:
        if subject != party_deposits(node.name, party):
            raise ConflictError(
                f"{subject} is not where {party} deposits",
                remedy="Deposit about a batch, or with --on and the party that you deposit for.",
            )
        return
    length = select(models.Stream.length).where(models.Stream.hash == stream_hash(subject))
    if not connection.execute(length).scalar_one_or_none():
        raise UnknownSubjectError(
            f"{subject} is not recorded here",
            remedy="Create the batch first: traceability batch new --help.",
        )
