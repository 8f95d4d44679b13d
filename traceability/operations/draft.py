"""Drafts: events under their names and signed, not yet recorded. Pure: nothing is looked up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from traceability import media
from traceability.operations.chain import Entry
from traceability.operations.moves import Move, move_of
from traceability.operations.project import Projection, content_of, project
from traceability.signing import sdjwt
from traceability.signing.disclosure import CONTEXT_CLAIM, EVENT_CLAIM, hide_claims
from traceability.signing.kept import KEPT_CLAIM, kept_members
from traceability.signing.keys import PrivateKey
from traceability.supply.epcis.context import Context
from traceability.supply.epcis.eventhash import event_hash
from traceability.supply.epcis.events import event_time_ms, streams_for

Name: TypeAlias = tuple[str, bool]
"""An event's name among those of its party: ``eventID``, and whether it is an error declaration."""


@dataclass(frozen=True, slots=True)
class Given:
    """An event as it came, checked by ``supply.epcis.model``; ``document`` is the context around it."""

    event: Mapping[str, Any]
    context: Context
    document: Sequence[Any] | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """An event under its name, signed by the key ``kid``.

    ``content`` tells it from others under that name; ``move`` is what it does beside being recorded.
    ``projection`` are its rows but for the time at which it will be recorded: made here, where nobody
    waits for the database.
    """

    event: Mapping[str, Any]
    content: bytes
    kid: bytes
    issued: sdjwt.Issued
    sha256: bytes
    at_ms: int
    streams: tuple[str, ...]
    move: Move | None
    projection: Projection

    @property
    def name(self) -> Name:
        """What tells this event from the others of its party."""
        return self.event["eventID"], "errorDeclaration" in self.event


def draft_event(node: str, party: str, key: PrivateKey, given: Given, now_ms: int) -> Draft:
    """Name and sign an event.

    Raises:
        StatementError, OversizeError: it cannot be signed as it is.
    """
    event = dict(given.event)
    content = content_of(event, given.document)
    if "eventID" not in event:
        event["eventID"] = event_hash(event, given.context)
    claims: dict[str, Any] = {"iss": party, "iat": now_ms // 1000, EVENT_CLAIM: event}
    claims[KEPT_CLAIM] = list(kept_members(event))
    if given.document:
        claims[CONTEXT_CLAIM] = list(given.document)
    issued = sdjwt.issue(key, claims, hide_claims, typ=media.EVENT)
    at_ms, streams = event_time_ms(event), streams_for(event, node, party)
    sha256 = Entry("", media.EVENT, issued.statement).sha256
    move = move_of(event, node, streams, at_ms)
    projection = project(
        event,
        given.context,
        node=node,
        party=party,
        statement=sha256,
        content=content,
        recorded_ms=0,
    )
    return Draft(event, content, key.public.kid, issued, sha256, at_ms, streams, move, projection)
