"""Who takes part in a recall, and what they may do there.

A recall is proposed by one person and approved by another one of the same party. Of an authority the
second must be one who may approve; of a firm both are among those who may recall its lots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from traceability.errors import ForbiddenError, MalformedError
from traceability.operations.accounts.people import find_login
from traceability.operations.accounts.trail import Actor, has_done, note
from traceability.operations.recall import Issuer
from traceability.store.engine import Transaction

LATELY_MS: Final = 86_400_000
LETS_IN: Final = frozenset(
    ("person-added", "link-made", "person-enabled", "role-changed", "second-factor-removed")
)
"""What the trail says of who decided that somebody may do something, or took their account over."""
MAX_NAME: Final = 254
MAX_NOTE: Final = 500


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody of a party, under the name by which they sign in; ``actor`` is the same for the trail.

    ``recalls`` and ``approves`` say whether they may propose, and confirm what a colleague proposed.
    """

    user: str
    party: str
    actor: Actor
    regulator: bool = False
    recalls: bool = True
    approves: bool = True

    def __post_init__(self) -> None:
        if not 1 <= len(self.user) <= MAX_NAME or not self.user.isprintable() or not self.user.strip():
            raise MalformedError(f"a person's name has 1 to {MAX_NAME} characters in one line")

    @property
    def issuer(self) -> Issuer:
        """The party as who recalls."""
        return Issuer(self.party, regulator=self.regulator, actor=self.actor)

    def knows(self, party: str) -> bool:
        """Whether names of a party's people are told: of one's own, and to authorities."""
        return self.regulator or self.party == party

    def note(self, tx: Transaction, action: str, case: str, **detail: object) -> None:
        """Write into the trail what this person does about a case."""
        note(tx, self.actor, action, case, by=self.user, **detail)

    def require_recalls(self) -> None:
        """Refuse whoever may not recall.

        Raises:
            ForbiddenError: this person may not.
        """
        if not self.recalls:
            raise ForbiddenError(
                "recalls are not among your rights",
                remedy="Ask somebody of yours who may recall.",
            )

    def require_approves(self, proposed_by: str, party: str) -> None:
        """Refuse whoever may not approve what somebody proposed.

        Raises:
            ForbiddenError: it is their own, another party's, or approving is not among their rights.
        """
        if self.user == proposed_by:
            raise ForbiddenError(
                "you proposed this recall yourself",
                remedy="Another person of your party approves it.",
            )
        if self.party != party:
            raise ForbiddenError(
                f"this was proposed by somebody of {party}", remedy="A person of the same party approves it."
            )
        if not self.approves:
            raise ForbiddenError(
                "approving is not among your rights",
                remedy="Ask somebody of your firm or office who may approve recalls.",
            )

    def require_stranger_to(self, connection: Connection, proposed_by: str, now_ms: int) -> None:
        """Refuse two of whom one let the other in just now: they may be one.

        Raises:
            ForbiddenError: one invited, enabled or promoted the other, or made them a link, lately.
        """
        proposer, approver = find_login(connection, proposed_by), self.actor.user
        if proposer is None or approver is None:
            return
        since_ms = now_ms - LATELY_MS
        if any(
            has_done(connection, one, LETS_IN, other, since_ms)
            for one, other in ((proposer, approver), (approver, proposer))
        ):
            raise ForbiddenError(
                f"{proposed_by}, who proposed this recall, and you: one let the other in today",
                remedy="Another person of your party approves it, or you tomorrow; to hold lots takes one.",
            )


def read_note(text: str) -> str | None:
    """A note that somebody typed in; None if it is empty.

    Raises:
        MalformedError: too long, or with characters that cannot be shown.
    """
    said = text.strip()
    if len(said) > MAX_NOTE or not said.isprintable():
        raise MalformedError(f"a note has at most {MAX_NOTE} characters, in one line")
    return said or None
