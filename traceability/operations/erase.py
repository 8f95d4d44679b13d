"""Erasing a part of an event for good, for instance a person's data. It cannot be undone.

The signed statement, its records and all proofs stay as they are: they hold salted digests, and
without the disclosure nobody can tell or confirm what stood behind one. With a part goes all
inside it, and every hash over the whole event (``eventID``), by which a guess could be confirmed.
An error declaration repeats the event that it is about, so the part is erased in both. An event
is never signed anew. Of a document notice the name of the file can be erased, and nothing else.

Rows that follow from the event are made again from what is left. In SQLite the erased bytes are
zeroed in the database's file; the publisher then empties the WAL. Copies are another matter:
backups, exports, replicas, and what others were given before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update

from traceability import media
from traceability.errors import ConflictError, StatementError, UnknownSubjectError
from traceability.operations.accounts.trail import COMMAND_LINE, Actor, note
from traceability.operations.disclosures import disclosures_of, forget_disclosures, lock_disclosures
from traceability.operations.node import Node
from traceability.operations.project import OPAQUE, link_rows, opaque_name, projection_of, term_rows
from traceability.signing import sdjwt
from traceability.signing.disclosure import EVENT_CLAIM, inside
from traceability.signing.parts import Part, format_part, parse_part, part_of, require_erasable
from traceability.store import models, projections
from traceability.store.access import Erasure
from traceability.store.engine import Store, Transaction
from traceability.store.rows import insert_new
from traceability.supply.notice import CLAIM, NAME

MAX_REASON: Final = 200
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_LINK_KEY: Final = ("src", "kind", "at_ms", "dst", "event")
_NAME: Final[Part] = ("eventID",)
_CORRECTIONS: Final[Part] = ("errorDeclaration", "correctiveEventIDs")


@dataclass(frozen=True, slots=True)
class Erased:
    """What goes from one statement: its SHA-256, and the parts by the digests of their disclosures."""

    statement: bytes
    parts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A statement with what is left of it."""

    sha256: bytes
    revealed: sdjwt.Revealed

    @property
    def event(self) -> Mapping[str, Any]:
        """What is left of the event."""
        event = self.revealed.claims.get(EVENT_CLAIM)
        return event if isinstance(event, dict) else {}

    @property
    def name(self) -> str | None:
        """Its ``eventID``; None once that was erased."""
        name = self.event.get("eventID")
        return name if isinstance(name, str) else None

    def parts(self, *wanted: Part) -> dict[str, str]:
        """The disclosures of parts and of all inside them."""
        places = {digest: part_of(inside(path)) for digest, path in self.revealed.paths.items()}
        return {
            digest: format_part(part)
            for digest, part in places.items()
            if any(part[: len(each)] == each for each in wanted)
        }


def preview_erasure(connection: Connection, party: str, event: str, part: str) -> tuple[Erased, ...]:
    """What ``erase`` would do, statement by statement.

    Raises:
        UnknownSubjectError: the party has no such event here, or the event no such part (any more).
        ConflictError: a part that is never erased.
        StatementError: not a part of its own.
    """
    if notice := _notice_of(connection, party, event):
        return (_preview_name(connection, notice, part),)
    wanted = parse_part(part)
    require_erasable(wanted)
    own = [_load(connection, sha256) for sha256 in _same_event(connection, party, event)]
    if not any(each.parts(wanted) for each in own):
        raise UnknownSubjectError(
            f"the event has no {format_part(wanted)}, or it was erased before",
            remedy="Look at the event as a regulator sees it: it shows every part that is left.",
        )
    found = [(each.sha256, each.parts(wanted, _NAME)) for each in own]
    found += _corrections(connection, party, {name for each in own if (name := each.name)})
    return tuple(Erased(sha256, parts) for sha256, parts in found if parts)


def erase(
    store: Store,
    node: Node,
    party: str,
    event: str,
    part: str,
    reason: str,
    actor: Actor = COMMAND_LINE,
) -> tuple[Erased, ...]:
    """Erase a part of an event of a party, and all by which a guess at it could be confirmed.

    Args:
        party: URI of who signed the event.
        event: its ``eventID``, or SHA-256 of its statement in hexadecimal, which may be a notice.
        part: as ``parse_part`` reads it.
        reason: why, 1 to ``MAX_REASON`` characters; it is kept, so it must not say what was erased.

    Returns:
        What went, statement by statement.

    Raises:
        UnknownSubjectError, ConflictError, StatementError: as ``preview_erasure``.
    """
    if not 1 <= len(reason) <= MAX_REASON or not reason.isprintable():
        raise StatementError(f"a reason of 1 to {MAX_REASON} printable characters is needed")
    with store.transaction() as tx:
        notice = _notice_of(tx.connection, party, event)
        lock_disclosures(tx, [notice[0]] if notice else _same_event(tx.connection, party, event))
        erased = preview_erasure(tx.connection, party, event, part)
        told = {"part": part, "reason": reason}
        note(tx, actor.in_name_of(party), "part-erased", erased[0].statement.hex(), **told)
        if notice:
            _forget(tx, erased[0], party, reason)
            return erased
        opaque = opaque_name(erased[0].statement)
        for each in erased:
            _forget(tx, each, party, reason)
            _derive(tx, node, each.statement, opaque)
    return erased


def _notice_of(connection: Connection, party: str, statement: str) -> tuple[bytes, bytes] | None:
    """A document notice of the party by the SHA-256 of its statement: that, and its body; or None."""
    if not _SHA256.fullmatch(statement):
        return None
    table, record = models.Statement, models.Record
    query = select(table.sha256, table.body).join(record, record.statement == table.sha256)
    query = query.where(table.sha256 == bytes.fromhex(statement), record.media_type == media.NOTICE).limit(1)
    found = connection.execute(query).one_or_none()
    return (found.sha256, found.body) if found and sdjwt.parse(found.body).iss == party else None


def _preview_name(connection: Connection, notice: tuple[bytes, bytes], part: str) -> Erased:
    """Of a notice only the name is ever erased."""
    sha256, body = notice
    if part != NAME:
        raise ConflictError(
            f"{part[:MAX_REASON]} of a notice is never erased",
            remedy="Only its name is: --part name. Delete the file itself from the documents folder.",
        )
    revealed = sdjwt.reveal(sdjwt.parse(body).payload, disclosures_of(connection, sha256))
    parts = {digest: NAME for digest, path in revealed.paths.items() if path == (CLAIM, NAME)}
    if not parts:
        raise UnknownSubjectError("the name of this notice was erased before")
    return Erased(sha256, parts)


def newest_erasure(connection: Connection) -> int | None:
    """When something was last erased, in milliseconds since 1970 UTC."""
    return connection.execute(select(func.max(Erasure.at_ms))).scalar_one()


def _same_event(connection: Connection, party: str, event: str) -> list[bytes]:
    """The statements of an event: as it was first said, then the declaration that it was an error."""
    table = projections.Event
    named = select(table.event_id).where(table.party == party)
    if _SHA256.fullmatch(event):
        named = named.where(or_(table.statement == bytes.fromhex(event), table.event_id == event))
    else:
        named = named.where(table.event_id == event)
    query = select(table.statement).where(table.party == party, table.event_id.in_(named))
    found = list(connection.execute(query.order_by(table.corrects)).scalars())
    if not found:
        raise UnknownSubjectError(
            f"{party} has no event {event[:512]!r} on this node",
            remedy="Name it by its eventID, or by the SHA-256 of its statement (64 hexadecimal digits).",
        )
    return found


def _corrections(connection: Connection, party: str, names: set[str]) -> list[tuple[bytes, dict[str, str]]]:
    """Error declarations of the party that name these events as what stands in another's place."""
    table = projections.Event
    query = select(table.statement).where(table.party == party, table.corrects)
    found = []
    for sha256 in connection.execute(query).scalars():
        each = _load(connection, sha256)
        declared = each.event.get("errorDeclaration")
        listed = declared.get("correctiveEventIDs") if isinstance(declared, dict) else None
        if isinstance(listed, list) and not names.isdisjoint(map(str, listed)):
            found.append((sha256, each.parts(_CORRECTIONS)))
    return found


def _load(connection: Connection, sha256: bytes) -> _Loaded:
    query = select(models.Statement.body).where(models.Statement.sha256 == sha256)
    statement = sdjwt.parse(connection.execute(query).scalar_one())
    return _Loaded(sha256, sdjwt.reveal(statement.payload, disclosures_of(connection, sha256)))


def _forget(tx: Transaction, erased: Erased, party: str, reason: str) -> None:
    forget_disclosures(tx, erased.statement, erased.parts.keys())
    row = {"statement": erased.statement, "party": party, "reason": reason, "at_ms": tx.now_ms}
    rows = [row | {"digest": digest, "part": part} for digest, part in erased.parts.items()]
    tx.connection.execute(insert(Erasure), rows)


def _derive(tx: Transaction, node: Node, sha256: bytes, opaque: str) -> None:
    """Make the rows that follow from an event again, from what is left of it.

    Args:
        opaque: what stands for its name from now on, and for that of its error declaration.
    """
    table, term, link = projections.Event, projections.Term, projections.Link
    before = tx.connection.execute(select(table).where(table.statement == sha256)).one()
    made = projection_of(tx.connection, node.name, sha256, before.recorded_ms)
    row = dict(made.row)
    if row["event_id"].startswith(OPAQUE):
        row["event_id"] = before.event_id if before.event_id.startswith(OPAQUE) else opaque
    tx.connection.execute(update(table).where(table.id == made.id).values(row))
    tx.connection.execute(delete(term).where(term.event == made.id))
    insert_new(tx, projections.Term, term_rows(made))
    if rows := link_rows(made):
        tx.connection.execute(
            update(link)
            .where(*(getattr(link, name) == bindparam(f"of_{name}") for name in _LINK_KEY))
            .values(quantity=bindparam("of_quantity"), uom=bindparam("of_uom")),
            [{f"of_{name}": value for name, value in row.items()} for row in rows],
        )
