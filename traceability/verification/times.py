"""Between which times statements were signed, as values: one bracket a record, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from traceability.ledger.record import format_time


class Beacon(StrEnum):
    """What became of a beacon: whether the bundle proves the checkpoint that it names."""

    PROVEN = "proven"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Bracket:
    """When one record's statement was signed; milliseconds since 1970, by the log's clock.

    Attributes:
        after_ms: None where nothing says.
        beacon: None where the statement names none, or is no device's, or is withheld.
        agrees: whether the device's clock lies within; None where there is no such clock.
    """

    after_ms: int | None
    before_ms: int
    beacon: Beacon | None = None
    agrees: bool | None = None

    def to_json(self) -> dict[str, str | None]:
        """The bracket for programs."""
        clock = {None: None, True: "agrees", False: "disagrees"}[self.agrees]
        return {
            "after": None if self.after_ms is None else format_time(self.after_ms),
            "before": format_time(self.before_ms),
            "beacon": None if self.beacon is None else self.beacon.value,
            "clock": clock,
        }


@dataclass(frozen=True, slots=True)
class Times:
    """The brackets of all frames of a bundle, summed up.

    Attributes:
        frames, bracketed: how many there are, and of how many it is known after when they were signed.
        unknown: how many name a checkpoint that the bundle does not prove.
        disagreeing: of how many the device's clock lies outside.
        after_ms: the earliest time after which one was signed; None where none is bracketed.
        before_ms: the latest time before which one was.
        widest_ms: the widest bracket.
    """

    frames: int
    bracketed: int
    unknown: int
    disagreeing: int
    after_ms: int | None
    before_ms: int
    widest_ms: int | None

    @property
    def known(self) -> str:
        """In one word: of all frames, of some, or of none."""
        return "known" if self.bracketed == self.frames else "partly" if self.bracketed else "unknown"

    @property
    def text(self) -> str:
        """The same for people."""
        before = format_time(self.before_ms)
        if self.after_ms is None or self.widest_ms is None:
            said = f"{self.frames} frames were signed before {before}; after when is not known"
        else:
            between = f"after {format_time(self.after_ms)} and before {before}"
            whom = f"each of {self.frames} frames was"
            if self.bracketed < self.frames:
                whom = f"{self.bracketed} of {self.frames} frames were each"
            said = f"{whom} signed {between}, within at most {duration(self.widest_ms)}"
        if self.unknown:
            said += f"; beacons of a checkpoint that is not proven here: {self.unknown}"
        if self.disagreeing:
            said += f"; frames with which their device's clock disagrees: {self.disagreeing}"
        return f"{said}; by the log's clock"

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "frames": self.frames,
            "bracketed": self.bracketed,
            "unknown_beacons": self.unknown,
            "clock_disagrees": self.disagreeing,
            "after": None if self.after_ms is None else format_time(self.after_ms),
            "before": format_time(self.before_ms),
            "within_ms": self.widest_ms,
        }


def sum_up(brackets: Sequence[Bracket]) -> Times | None:
    """The brackets of all frames, in few numbers; None where there are no frames."""
    if not brackets:
        return None
    spans = [(b.after_ms, b.before_ms) for b in brackets if b.after_ms is not None]
    return Times(
        frames=len(brackets),
        bracketed=len(spans),
        unknown=sum(b.beacon is Beacon.UNKNOWN for b in brackets),
        disagreeing=sum(b.agrees is False for b in brackets),
        after_ms=min((after for after, _ in spans), default=None),
        before_ms=max(before for _, before in spans) if spans else max(b.before_ms for b in brackets),
        widest_ms=max((before - after for after, before in spans), default=None),
    )


def duration(ms: int) -> str:
    """A time span in its two largest units, such as ``2 min 10 s``; what is begun counts as whole."""
    seconds = -(-ms // 1000)
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    minutes = -(-seconds // 60)
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{-(-minutes // 60) // 24} d {-(-minutes // 60) % 24} h"
