"""The trace code that somebody typed in from a label, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from traceability.errors import TraceCodeError
from traceability.ledger.tracecode import MAX_TYPED, parse_trace_code
from traceability.verification.journey import Journey
from traceability.verification.label import LabelCode, compare
from webapp.consumer.recalls import UNCHECKED, Point

NO_CODE: Final = "no-code"
FITS_NOT: Final = frozenset({LabelCode.OTHER, LabelCode.NOT_REACHED})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the page says of a code.

    Attributes:
        typed: as it was typed, to stand in the form again.
        state: empty if nothing was asked; ``NO_CODE``; or a ``LabelCode``.
        printed, here: how many records the chain had for the label, and has.
    """

    typed: str = ""
    state: str = ""
    printed: int = 0
    here: int = 0

    @property
    def alarms(self) -> bool:
        """Whether the page's records are not those of the label."""
        return self.state in FITS_NOT

    def temper(self, point: Point) -> Point:
        """Point 1 of the page: records that are not the label's give no all-clear for what it is on."""
        if not self.alarms or point.state not in {"none", "cleared"}:
            return point
        return replace(UNCHECKED, as_of_ms=point.as_of_ms)


def answer_to(typed: str, journey: Journey) -> Answer:
    """Compare what somebody typed with the records of a checked journey."""
    if not typed.strip():
        return Answer()
    try:
        label = compare(parse_trace_code(typed), journey)
    except TraceCodeError:
        return Answer(typed[:MAX_TYPED], NO_CODE)
    return Answer(typed, label.code, label.typed.count, label.count or 0)
