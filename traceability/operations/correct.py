"""Correcting what was recorded: an error declaration about an event, and what should have stood there.

Nothing is edited. The declaration repeats the event, says why it is wrong, and may come with an event
in its place; both are recorded, or neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select

from traceability.errors import ConflictError, UnknownSubjectError
from traceability.operations.accounts.trail import Actor, note
from traceability.operations.capture import Captured
from traceability.operations.draft import Given
from traceability.operations.events import view_event
from traceability.operations.node import Node
from traceability.operations.record import check_made, record_all, rehearse_all
from traceability.signing.disclosure import Audience
from traceability.store.engine import Store, Transaction
from traceability.store.projections import Event
from traceability.supply.epcis.context import read_context
from traceability.supply.epcis.events import begins, entered_asset, format_event_time, makes, streams_of


class Reason(StrEnum):
    """Why an event is wrong. Source: CBV 2.0 7.5, error reasons."""

    DID_NOT_OCCUR = "did_not_occur"
    INCORRECT_DATA = "incorrect_data"


@dataclass(frozen=True, slots=True)
class Correction:
    """A wrong event of a party's own, and what is said about it.

    Attributes:
        event: as it was recorded, whole.
        context: of the document that it came in.
        declared_ms, offset: when it was found out; the same declaration sent twice is recorded once.
        instead: the event that takes its place; without one it did not occur.
    """

    event: Mapping[str, Any]
    context: Any
    declared_ms: int
    offset: str = "+00:00"
    instead: Mapping[str, Any] | None = None

    @property
    def declaration(self) -> dict[str, Any]:
        """The event that declares the error."""
        reason = Reason.DID_NOT_OCCUR if self.instead is None else Reason.INCORRECT_DATA
        said: dict[str, Any] = {
            "declarationTime": format_event_time(self.declared_ms, self.offset),
            "reason": reason.value,
        }
        if self.instead is not None and "eventID" in self.instead:
            said["correctiveEventIDs"] = [self.instead["eventID"]]
        return {**self.event, "errorDeclaration": said}

    def given(self, node: str) -> list[Given]:
        """The declaration, and the event in its place, for recording.

        Raises:
            ConflictError: what takes its place is about something else, or it cannot be corrected so.
        """
        if entered_asset(self.event, node) is not None or self.event.get("type") == "AssociationEvent":
            raise ConflictError(
                "a step into or out of an asset is not declared an error: what was measured there stays",
                remedy="Record the opposite step, with the time at which it is true.",
            )
        document = self.context if isinstance(self.context, list) else None
        contexts = [self.event.get("@context"), *([document] if document else [])]
        declared = Given(self.declaration, read_context(*contexts), document)
        if self.instead is None:
            return [declared]
        self._check_instead(self.instead, node)
        return [declared, check_made(self.instead)]

    def _check_instead(self, instead: Mapping[str, Any], node: str) -> None:
        if set(makes(instead, node)) != set(makes(self.event, node)) or not (
            set(streams_of(instead, node)) & set(streams_of(self.event, node))
        ):
            raise ConflictError(
                "what takes the place of an event is about the same batch",
                remedy="Take the event back, and record the other batch by itself.",
            )
        made = [uri for uri in makes(self.event, node) if begins(self.event, uri, node)]
        if made and _said_of(instead) != _said_of(self.event):
            raise ConflictError(
                "a batch is what the event says by which it began: product and limits stay as they are",
                remedy="Take the event back, and record the batch under another lot.",
            )


def find_own(connection: Connection, party: str, event_id: str) -> tuple[Mapping[str, Any], Any]:
    """An event of a party that stands, whole, and the context of its document.

    Raises:
        UnknownSubjectError: it has recorded none of this name.
        ConflictError: it was declared an error already.
    """
    query = select(Event.statement, Event.corrects).where(Event.party == party, Event.event_id == event_id)
    rows = connection.execute(query).all()
    if not any(not row.corrects for row in rows):
        raise UnknownSubjectError(f"{party} has recorded no event {event_id[:128]!r}")
    if any(row.corrects for row in rows):
        raise ConflictError("this event was declared an error already", remedy="Look at the batch again.")
    view = view_event(connection, rows[0].statement, Audience.REGULATOR)
    return view.event, view.context


def correct(
    store: Store, node: Node, actor: Actor, party: str, correction: Correction
) -> tuple[Captured, ...]:
    """Record a correction: one answer for the declaration, and one for what takes its place.

    Raises:
        ConflictError: it cannot be corrected so; the message says what can be done.
        and as ``record.record_event``.
    """

    def beside(tx: Transaction, answers: Sequence[Captured]) -> None:
        if not answers[0].known:
            said = {"instead": answers[1].sha256.hex()} if len(answers) > 1 else {}
            note(tx, actor, "step-taken-back", answers[0].sha256.hex(), **said)

    given = correction.given(node.name)
    return record_all(store, node, party, given, typed=False, beside=beside)


def rehearse(store: Store, node: Node, party: str, correction: Correction) -> None:
    """Raise what ``correct`` would raise now, and record nothing."""
    rehearse_all(store, node, party, correction.given(node.name), typed=False)


def _said_of(event: Mapping[str, Any]) -> tuple[Any, Any]:
    """What an event says of the batch that it makes, that every page rests on."""
    ilmd = event.get("ilmd")
    said = ilmd if isinstance(ilmd, Mapping) else {}
    return said.get("ft:product"), said.get("ft:temperature")
