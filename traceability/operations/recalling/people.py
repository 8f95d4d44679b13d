"""Who takes part in a recall, and what they may do there.

A recall is proposed by one person and approved by another one of the same party. Of an authority the
second must be one who may approve; of a firm both are among those who may recall its lots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from traceability.errors import ForbiddenError, MalformedError
from traceability.operations.accounts.trail import Actor, note
from traceability.operations.recall import Issuer
from traceability.store.engine import Transaction

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


def read_note(text: str) -> str | None:
    """A note that somebody typed in; None if it is empty.

    Raises:
        MalformedError: too long, or with characters that cannot be shown.
    """
    said = text.strip()
    if len(said) > MAX_NOTE or not said.isprintable():
        raise MalformedError(f"a note has at most {MAX_NOTE} characters, in one line")
    return said or None
