"""What stages, steps and fates of recalls are called, and why something was not taken."""

from __future__ import annotations

from typing import Final

from traceability.errors import (
    ConflictError,
    EventError,
    ForbiddenError,
    IdentifierError,
    QueryTooLargeError,
    ScopeChangedError,
    TraceabilityError,
    UnknownSignerError,
    UnknownSubjectError,
)
from traceability.operations.recalling.answers import Fate
from traceability.operations.recalling.cases import DROPPED, Stage
from traceability.operations.recalling.closing import DONE
from traceability.operations.recalling.timeline import Step
from traceability.operations.recallscope import Lost
from traceability.supply.recall import Outcome
from webapp.i18n import in_english, noted, translate

STAGES: Final = {
    Stage.OPEN: noted("open"),
    Stage.HELD: noted("on hold"),
    Stage.PROPOSED: noted("waits for approval"),
    Stage.ISSUED: noted("recalled"),
    Stage.CLOSED: noted("closed"),
}
STEPS: Final = {
    Step.OPENED: noted("Case opened"),
    Step.FOUND: noted("Scope found"),
    Step.HELD: noted("Put on hold"),
    Step.PROPOSED: noted("Recall proposed"),
    Step.WITHDRAWN: noted("Proposal withdrawn"),
    Step.APPROVED: noted("Recall approved"),
    Step.ISSUED: noted("Recall issued"),
    Step.NOTIFIED: noted("Holder notified"),
    Step.ACKNOWLEDGED: noted("Notice acknowledged"),
    Step.ANSWERED: noted("Quantities reported"),
    Step.CLOSED: noted("Case closed"),
}
FATES: Final = {
    Fate.QUARANTINED: noted("Put aside"),
    Fate.RETURNED: noted("Sent back"),
    Fate.DESTROYED: noted("Destroyed"),
    Fate.SOLD: noted("Sold already"),
}
OUTCOMES: Final = {
    Outcome.SAFE.value: noted("nothing was wrong with it"),
    Outcome.REMOVED.value: noted("removed from sale"),
    DROPPED: noted("dropped, nothing was signed"),
    DONE: noted("drill completed"),
}
LOST: Final = {
    Lost.CUT: noted("The trace was cut by a limit"),
    Lost.NO_LOT: noted("Product without a lot: it cannot be named"),
    Lost.NOT_RECEIVED: noted("Shipped, and never received"),
    Lost.NO_ORIGIN: noted("Nothing says where it came from"),
    Lost.NO_QUANTITY: noted("How much was made is not known"),
    Lost.STATEMENT: noted("Recorded, and lost with a database"),
}
MORE: Final = noted("That is more than should be there. Correct it, or tick that there is more.")
_REASONS: Final[tuple[tuple[type[TraceabilityError], str], ...]] = (
    (ScopeChangedError, noted("The scope changed since you looked. Look at it now, and say it again.")),
    (EventError, noted("Say what is wrong and what to do, each in one line of at most 200 characters.")),
    (ForbiddenError, noted("You may not: another person of your party, who has the right, has to do this.")),
    (ConflictError, noted("That is not possible any more. Look at how the case stands now.")),
    (UnknownSubjectError, noted("No event on this node names this.")),
    (QueryTooLargeError, noted("That is too much for one recall: begin with fewer lots.")),
    (UnknownSignerError, noted("The node keeps no key of your party: it cannot sign in its name.")),
    (IdentifierError, noted("That is not a valid identifier.")),
)
STATUS: Final[tuple[tuple[type[TraceabilityError], int], ...]] = (
    (ForbiddenError, 403),
    (ConflictError, 409),
)


def reason_of(error: TraceabilityError) -> str:
    """A sentence for the page; what has none of its own stays in English."""
    return next((translate(text) for kind, text in _REASONS if isinstance(error, kind)), in_english(error))


def status_of(error: TraceabilityError) -> int:
    """The HTTP status of a page that says why something was not taken."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 400)
