"""The five answers of a verdict, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from traceability.errors import TraceabilityError


class Status(StrEnum):
    """An answer."""

    HOLDS = "holds"
    UNKNOWN = "unknown"
    FAILS = "fails"


PARTS: Final = ("signed", "unchanged", "complete", "fresh", "not proven")
NOT_PROVEN: Final = "that a sensor told the truth, and that the goods in your hands belong to this label"
UNASKED: Final = "not answered: something does not match"


@dataclass(frozen=True, slots=True)
class Part:
    """One of the five answers."""

    name: str
    status: Status
    text: str


def failed(part: str, failure: TraceabilityError) -> tuple[Part, ...]:
    """Answers when one question failed: nothing is claimed of the others."""
    text = ": ".join([*getattr(failure, "__notes__", ()), str(failure)])
    parts = [
        Part(name, Status.FAILS, text) if name == part else Part(name, Status.UNKNOWN, UNASKED)
        for name in PARTS[:-1]
    ]
    return (*parts, Part(PARTS[-1], Status.HOLDS, NOT_PROVEN))
