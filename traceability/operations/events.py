"""Events as the store holds them, a signed statement with its disclosures beside it, and as they are seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from traceability.errors import LostStatementError, UnknownSubjectError
from traceability.operations.disclosures import all_disclosures, disclosures_of
from traceability.operations.policies import Policies, load_policies
from traceability.signing import sdjwt
from traceability.signing.disclosure import CONTEXT_CLAIM, EVENT_CLAIM, Audience
from traceability.signing.strictjson import Json
from traceability.store import models


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks to see events: a party, a regulator, or with neither anybody at all."""

    party: str | None = None
    regulator: bool = False

    @property
    def anonymous(self) -> bool:
        """Whether nothing is known of who asks."""
        return self.party is None and not self.regulator


@dataclass(frozen=True, slots=True)
class View:
    """An event as an audience sees it.

    ``context`` is the JSON-LD context of the document that it came in, if it had one; ``hidden``
    counts the digests without a disclosure, which is all that is to be known of what is withheld.
    ``size`` is that of the disclosures that are shown, in characters; ``party`` who signed it.
    """

    event: Mapping[str, Json]
    context: Json
    hidden: int
    size: int
    party: str


def view_event(connection: Connection, statement: bytes, audience: Audience) -> View:
    """One event, by the SHA-256 of its statement, as an audience sees it."""
    return view_events(connection, {statement: audience})[statement]


def view_events(connection: Connection, wanted: Mapping[bytes, Audience]) -> dict[bytes, View]:
    """Events as their audiences see them under the policies of their parties, a page of them at once.

    Args:
        wanted: the audience of each, by the SHA-256 of its statement.
    """
    statement, texts = models.Statement, all_disclosures(connection, wanted.keys())
    bodies = select(statement.sha256, statement.body).where(statement.sha256.in_(list(wanted)))
    statements = {key: sdjwt.parse(body) for key, body in connection.execute(bodies)}
    policies = load_policies(connection, {parsed.iss for parsed in statements.values()})
    return {
        key: _view(parsed, texts.get(key, []), wanted[key], policies) for key, parsed in statements.items()
    }


def _view(statement: sdjwt.SdJwt, texts: list[str], audience: Audience, policies: Policies) -> View:
    revealed = sdjwt.reveal(statement.payload, texts)
    shown = policies.shown(statement.iss, revealed, audience)
    if len(shown) < len(texts):
        texts = [text for text in texts if sdjwt.digest_of(text) in shown]
        revealed = sdjwt.reveal(statement.payload, texts)
    event = revealed.claims.get(EVENT_CLAIM)
    size = sum(map(len, texts))
    context = revealed.claims.get(CONTEXT_CLAIM)
    return View(event if isinstance(event, dict) else {}, context, revealed.hidden, size, statement.iss)


def load_event(connection: Connection, statement: bytes) -> dict[str, Any]:
    """An event with everything that was not erased, as the node itself sees it.

    Raises:
        LostStatementError: tables name a statement that the node does not have.
    """
    query = select(models.Statement.body).where(models.Statement.sha256 == statement)
    body = connection.execute(query).scalar_one_or_none()
    if body is None:
        raise LostStatementError(f"the event of statement {statement.hex()} is not in the database")
    revealed = sdjwt.reveal(sdjwt.parse(body).payload, disclosures_of(connection, statement))
    event = revealed.claims.get(EVENT_CLAIM)
    return event if isinstance(event, dict) else {}


def batch_event(connection: Connection, batch: bytes) -> dict[str, Any]:
    """The event that made a batch known.

    Raises:
        UnknownSubjectError: there is no such batch.
    """
    query = select(models.Batch.statement).where(models.Batch.stream == batch)
    statement = connection.execute(query).scalar_one_or_none()
    if statement is None:
        raise UnknownSubjectError("this batch was not recorded on this node")
    return load_event(connection, statement)
