"""A device's clock: it drifts, is set by the network or satellites, and may not know the time at a start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from traceability.sensing.frame import Clock

PPM: Final = 1_000_000
SETTERS: Final = {"network": Clock.NETWORK, "gnss": Clock.GNSS, "nobody": Clock.RTC}


@dataclass(frozen=True, slots=True)
class ClockKind:
    """A kind of clock.

    ``set_by`` is one of ``SETTERS``; it is set every ``every_ms`` at most, and runs fast by ``drift_ppm``
    (slow, if negative). One that ``keeps`` the time has a cell of its own and runs on through a start; one
    that does not is unsynchronised until it is set. ``begins_set``: somebody set it before it began.
    """

    set_by: str
    every_ms: int
    drift_ppm: float
    keeps: bool
    begins_set: bool


class DeviceClock:
    """The clock of one device; ``at_ms`` is always the true time, and goes forward.

    Args:
        kind: None for a clock that the network keeps exactly right.
    """

    def __init__(self, kind: ClockKind | None, at_ms: int) -> None:
        self._kind, self._since_ms = kind, at_ms
        self._base_ms = 0.0
        self._set_ms: int | None = None
        self.state = Clock.NETWORK
        if kind is not None:
            self.state = Clock.RTC if kind.begins_set else Clock.UNSYNCHRONISED

    def ahead_ms(self, at_ms: int) -> int:
        """By how much it is ahead of the truth."""
        if self._kind is None:
            return 0
        return int(self._base_ms + (at_ms - self._since_ms) * self._kind.drift_ppm / PPM)

    def start(self, at_ms: int) -> None:
        """The device starts again."""
        if self._kind is None:
            return
        if self._kind.keeps and self.state is not Clock.UNSYNCHRONISED:
            self.state = Clock.RTC
        else:
            self.state = Clock.UNSYNCHRONISED
        self._set_ms = None

    def meet(self, at_ms: int, *, network: bool, sky: bool) -> None:
        """Be set, if it is time and whoever sets it is there: a network, or a sky with satellites."""
        if self._kind is None or not {"network": network, "gnss": sky, "nobody": False}[self._kind.set_by]:
            return
        if self._set_ms is not None and at_ms - self._set_ms < self._kind.every_ms:
            return
        self._base_ms, self._since_ms, self._set_ms = 0.0, at_ms, at_ms
        self.state = SETTERS[self._kind.set_by]
