"""Whether a checked chain is still the one whose trace code was printed on a label.

A node that has the log's key can sign another history, and if nobody witnessed the first one, every
other check passes it. What is printed it cannot sign again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from traceability.errors import LabelMismatchError
from traceability.ledger.tracecode import TraceCode, trace_code
from traceability.verification.answers import UNASKED, Status
from traceability.verification.journey import Journey


class LabelCode(StrEnum):
    """What came of it; stable, for programs."""

    SAME = "same-chain"
    OTHER = LabelMismatchError.code
    NOT_REACHED = "not-reached"
    UNASKED = "not-answered"


_STATUS: Final[Mapping[LabelCode, Status]] = {
    LabelCode.SAME: Status.HOLDS,
    LabelCode.OTHER: Status.FAILS,
    LabelCode.NOT_REACHED: Status.UNKNOWN,
    LabelCode.UNASKED: Status.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Label:
    """The answer for the code of one label.

    Attributes:
        typed: the label's code.
        found: that of the chain at the same count; None where it does not reach it, or was not checked.
        count: how many records the chain has.
    """

    code: LabelCode
    typed: TraceCode
    found: TraceCode | None = None
    count: int | None = None

    @property
    def status(self) -> Status:
        """The answer in one word."""
        return _STATUS[self.code]

    @property
    def failure(self) -> LabelMismatchError | None:
        """The reason why it fails, if it does."""
        if self.code is not LabelCode.OTHER or self.found is None:
            return None
        return LabelMismatchError(
            f"head of the chain at {self.typed.count} records",
            expected=self.typed.text,
            got=self.found.text,
        )

    @property
    def text(self) -> str:
        """The answer for people; it begins with its code."""
        return f"{self.code.value}: {self._words()}"

    def to_json(self) -> dict[str, Any]:
        """The answer for programs."""
        return {
            "code": self.code.value,
            "status": self.status.value,
            "text": self.text,
            "typed": self.typed.text,
            "found": None if self.found is None else self.found.text,
            "count": self.count,
        }

    def _words(self) -> str:
        at = self.typed.count
        if self.code is LabelCode.SAME:
            return f"the chain still begins with the {at} records that the label was printed with"
        if self.code is LabelCode.OTHER:
            return f"the chain at {at} records is another: it was rewritten, or the label is another lot's"
        if self.code is LabelCode.NOT_REACHED:
            return (
                f"the label was printed at {at} records and this chain has {self.count}: take a newer "
                "bundle; if there is none, records are gone, or the label is another lot's"
            )
        return UNASKED


def compare(typed: TraceCode, journey: Journey) -> Label:
    """Compare a label's code with the chain of a checked journey."""
    heads = _heads(journey)
    if typed.count > len(heads):
        return Label(LabelCode.NOT_REACHED, typed, count=len(heads))
    found = trace_code(typed.count, heads[typed.count - 1])
    return Label(LabelCode.SAME if found == typed else LabelCode.OTHER, typed, found, len(heads))


def code_of(journey: Journey) -> TraceCode:
    """The code to print now: of the whole chain of a checked journey."""
    heads = _heads(journey)
    return trace_code(len(heads), heads[-1])


def _heads(journey: Journey) -> list[bytes]:
    """The batch's record hashes; its stream is in a bundle whole."""
    return [record.hash for record in journey.records if record.stream == journey.batch]
