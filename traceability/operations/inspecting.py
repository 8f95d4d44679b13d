"""Inspections: planned, carried out, sampled, analysed; each finished paper is a signed document.

    plan ─▶ report (draft) ─▶ sign        the inspector's, on the batch or asset
              └─▶ sample (draft) ─▶ sign ─▶ ask a laboratory
                                              └─▶ result (draft) ─▶ sign      the laboratory's

What is signed is never changed: whoever works on a signed paper writes a new draft, and signing it
deposits a new document that names the one it corrects. A laboratory knows of the samples that it was
asked about and of nothing else.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import func, insert, select, update

from traceability.errors import (
    ConflictError,
    ForbiddenError,
    IdentifierError,
    QuotaError,
    StatementError,
    UnknownSubjectError,
)
from traceability.identifiers import Kind as Streams
from traceability.identifiers import canonical, parse_stream, party_deposits
from traceability.ledger.state import stream_hash
from traceability.operations.accounts.trail import Actor, note
from traceability.operations.deposit import deposit_in, describe
from traceability.operations.enrol import find_party
from traceability.operations.inspections import (
    DRAFT,
    SIGNED,
    WITHDRAWN,
    Shown,
    as_signed,
    asked_of,
    find_paper,
)
from traceability.operations.node import Node
from traceability.operations.recallstatus import DIGITS
from traceability.store import models
from traceability.store.engine import Store, Transaction
from traceability.store.inspecting import Paper as Row
from traceability.supply.inspection import MEDIA_TYPES, MEMBERS, Kind, Paper
from traceability.supply.notice import SUBJECTS, Purpose

_LETTER: Final[Mapping[Kind, str]] = {Kind.REPORT: "I", Kind.SAMPLE: "S", Kind.RESULT: "A"}
_PURPOSE: Final[Mapping[Kind, Purpose]] = {
    Kind.REPORT: Purpose.INSPECTION,
    Kind.SAMPLE: Purpose.INSPECTION,
    Kind.RESULT: Purpose.ANALYSIS,
}
MAX_SAID: Final = 16_384
"""Characters of a draft."""
MAX_OPEN: Final = 1_000
"""Samples of one inspection, and results of one sample."""


def party_of(actor: Actor) -> str:
    """The party in whose name somebody writes.

    Raises:
        ForbiddenError: the node's own people write for none.
    """
    if actor.party is None:
        raise ForbiddenError("only somebody of an authority or a laboratory writes papers of inspections")
    return actor.party


def person_of(actor: Actor) -> str:
    """The person, or else the way in."""
    return actor.user or actor.via


def plan(store: Store, node: Node, actor: Actor, about: str, says: Mapping[str, str]) -> Shown:
    """Open an inspection of a batch, an asset or a place.

    Args:
        about: its URI.
        says: what is known of the report already.

    Raises:
        UnknownSubjectError: a batch or asset that is not recorded here.
        IdentifierError, StatementError: no URI of these, or members that no report has.
    """
    uri = canonical(about, node.name)
    with store.transaction() as tx:
        _require_known(tx, uri)
        return _open(tx, actor, Kind.REPORT, uri, says)


def take_sample(store: Store, node: Node, actor: Actor, inspection: str, says: Mapping[str, str]) -> Shown:
    """Note a sample that was taken in an inspection.

    Raises:
        UnknownSubjectError: the writer has no such inspection.
        StatementError: members that no sample has.
    """
    with store.transaction() as tx:
        report = _own(tx, actor, inspection, Kind.REPORT)
        return _open(
            tx, actor, Kind.SAMPLE, report.about, {**says, "inspection": report.id}, inspection=report.id
        )


def ask_laboratory(store: Store, node: Node, actor: Actor, sample: str, laboratory: str) -> Shown:
    """Ask a laboratory to analyse a signed sample; from now on it sees it.

    Args:
        laboratory: URI, GLN or pseudonym of an enrolled party.

    Raises:
        UnknownSubjectError: no such sample of the writer's, or no such party.
        ConflictError: it is not signed yet, or another laboratory was asked.
    """
    with store.transaction() as tx:
        found = _own(tx, actor, sample, Kind.SAMPLE)
        party = find_party(tx.connection, node, laboratory)
        if found.document is None:
            raise ConflictError(f"{sample} is not signed yet", remedy="Sign the sample, then ask.")
        if found.laboratory not in {None, party}:
            raise ConflictError(f"{found.laboratory} was asked about {sample} already")
        values: dict[str, Any] = {"laboratory": party, "asked_ms": found.asked_ms or tx.now_ms}
        _change(tx, found, **values)
        note(tx, actor, "laboratory-asked", found.id, laboratory=party)
        return replace(found, **values)


def add_result(store: Store, node: Node, actor: Actor, sample: str, says: Mapping[str, str]) -> Shown:
    """Begin a result of a sample about which the writer's laboratory was asked.

    Raises:
        UnknownSubjectError: it was not asked about such a sample.
        StatementError: members that no result has.
    """
    with store.transaction() as tx:
        found = as_signed(node, asked_of(tx.connection, party_of(actor), sample))
        document = (found.document or b"").hex()
        own = {**says, "sample": found.id, "sampleDocument": document}
        ids = {"inspection": found.inspection, "sample": found.id}
        return _open(tx, actor, Kind.RESULT, found.about, own, **ids)


def write(store: Store, actor: Actor, number: str, says: Mapping[str, str]) -> Shown:
    """Change a draft, or begin the correction of what was signed: members that are empty go.

    Raises:
        UnknownSubjectError: the writer has no such paper.
        StatementError: members that a paper of its kind has not.
        ConflictError: it was withdrawn.
    """
    with store.transaction() as tx:
        found = _own(tx, actor, number)
        if found.state == WITHDRAWN:
            raise ConflictError(f"{number} was withdrawn")
        told = _clean(found.kind, {**found.says, **says})
        _change(tx, found, says=json.dumps(told), state=DRAFT, by=person_of(actor))
        note(tx, actor, "paper-written", found.id)
        return replace(found, says=told, state=DRAFT, by=person_of(actor))


def withdraw(store: Store, actor: Actor, number: str) -> Shown:
    """Give up a paper that was never signed.

    Raises:
        UnknownSubjectError: the writer has no such paper.
        ConflictError: it is signed: what is signed stays.
    """
    with store.transaction() as tx:
        found = _own(tx, actor, number)
        if found.document is not None:
            raise ConflictError(f"{number} is signed", remedy="What is signed stays: correct it instead.")
        _change(tx, found, state=WITHDRAWN)
        note(tx, actor, "paper-withdrawn", found.id)
        return replace(found, state=WITHDRAWN)


def sign(store: Store, node: Node, actor: Actor, number: str) -> Shown:
    """Sign a paper as it stands: a document of the writer's party, on what it is about.

    A paper about a place, which has no stream, is among the party's own deposits. To sign again what has
    not changed is answered and not recorded.

    Raises:
        UnknownSubjectError: the writer has no such paper.
        StatementError: it is not complete; the message names each member.
        ConflictError: it was withdrawn.
        UnknownSignerError, QuotaError, FileError: as ``operations.deposit``.
    """
    with store.transaction() as tx:
        found = _own(tx, actor, number)
        if found.state == WITHDRAWN:
            raise ConflictError(f"{number} was withdrawn")
        if found.state == SIGNED:
            return found
        corrects = found.document.hex() if found.document else None
        data = Paper(found.kind, found.id, found.about, found.says, corrects).encode()
        name = f"{found.kind}-{found.id}.json"
        notice = describe(data, name, _subject(node, found), _PURPOSE[found.kind])
        notice = replace(notice, media_type=MEDIA_TYPES[found.kind])
        kept = deposit_in(tx, node, party_of(actor), data, notice)
        values: dict[str, Any] = {"document": bytes.fromhex(notice.sha256), "statement": kept.statement}
        values |= {"state": SIGNED, "signed_ms": tx.now_ms, "by": person_of(actor)}
        _change(tx, found, **values)
        note(tx, actor, "paper-signed", found.id, document=notice.sha256, corrects=corrects)
        return replace(found, **values)


def _subject(node: Node, found: Shown) -> str:
    """The stream that the document stands on."""
    try:
        own = parse_stream(found.about).kind in SUBJECTS - {Streams.DEPOSITS}
    except IdentifierError:
        own = False
    return found.about if own else party_deposits(node.name, found.party)


def _own(tx: Transaction, actor: Actor, number: str, kind: Kind | None = None) -> Shown:
    tx.connection.execute(select(Row.id).where(Row.id == number[:32]).with_for_update())
    found = find_paper(tx.connection, number)
    if found.party != party_of(actor) or kind not in {None, found.kind}:
        raise UnknownSubjectError(f"{party_of(actor)} has no {kind or 'paper'} {number[:32]!r}")
    return found


def _open(
    tx: Transaction, actor: Actor, kind: Kind, about: str, says: Mapping[str, str], **belongs: str | None
) -> Shown:
    day = datetime.fromtimestamp(tx.now_ms / 1000, UTC)
    number = f"{_LETTER[kind]}-{day:%Y%m%d}-{''.join(secrets.choice(DIGITS) for _ in range(6))}"
    told = _clean(kind, says)
    _require_room(tx, kind, belongs)
    row: dict[str, Any] = {
        "id": number,
        "kind": kind.value,
        "party": party_of(actor),
        "by": person_of(actor),
        "about": about,
    }
    row |= {"says": json.dumps(told), "state": DRAFT, **belongs}
    tx.connection.execute(insert(Row).values(**row, created_ms=tx.now_ms))
    note(tx, actor, f"{kind}-begun", number, about=about)
    return find_paper(tx.connection, number)


def _require_room(tx: Transaction, kind: Kind, belongs: Mapping[str, str | None]) -> None:
    same = [getattr(Row, name) == value for name, value in belongs.items()]
    count = select(func.count()).select_from(Row).where(Row.kind == kind.value, *same)
    if belongs and tx.connection.execute(count).scalar_one() >= MAX_OPEN:
        raise QuotaError(f"there are {MAX_OPEN:,} papers of this kind already")


def _clean(kind: Kind, says: Mapping[str, str]) -> dict[str, str]:
    """The members that are there, with the ends of lines as documents have them."""
    if unknown := sorted(says.keys() - set(MEMBERS[kind])):
        raise StatementError(f"a {kind} has no {unknown[0][:64]!r}")
    told = {
        name: "\n".join(line.rstrip() for line in text.strip().splitlines()) for name, text in says.items()
    }
    if sum(map(len, told.values())) > MAX_SAID:
        raise StatementError(f"a {kind} of more than {MAX_SAID:,} characters")
    return {name: text for name, text in told.items() if text}


def _change(tx: Transaction, found: Shown, **values: Any) -> None:
    tx.connection.execute(update(Row).where(Row.id == found.id).values(values))


def _require_known(tx: Transaction, uri: str) -> None:
    """A batch or asset is recorded here; a place is one by its number."""
    if "/414/" in uri:
        return
    if parse_stream(uri).kind not in SUBJECTS - {Streams.DEPOSITS}:
        raise StatementError(f"an inspection is of a batch, an asset or a place, not of {uri[:128]}")
    stream = models.Stream
    query = stream.__table__.select().where(stream.hash == stream_hash(uri), stream.length > 0)
    if tx.connection.execute(query).first() is None:
        raise UnknownSubjectError(f"{uri} is not recorded here")
