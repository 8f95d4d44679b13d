"""What stands in one frame: what was measured since the last, until its time is up or something alarms."""

from __future__ import annotations

from collections.abc import Sequence

from firmware_sim.device import Pack
from traceability.sensing.config import Config
from traceability.sensing.senml import Reading


class Guard:
    """Knows which channels are outside their limits."""

    def __init__(self) -> None:
        self._outside: set[str] = set()

    def crosses(self, readings: Sequence[Reading], config: Config | None) -> bool:
        """Whether a channel has left its limits, or come back, with these readings."""
        before = set(self._outside)
        for reading in readings:
            if config is not None and config.is_alarming(reading):
                self._outside.add(reading.name)
            else:
                self._outside.discard(reading.name)
        return self._outside != before


class Batch:
    """The readings of a frame that is not complete; they are in no flash yet, and lost with the power."""

    def __init__(self) -> None:
        self._guard = Guard()
        self._held: tuple[Reading, ...] = ()
        self._from_ms: int | None = None

    def add(self, from_ms: int, pack: Pack, frame_ms: int, config: Config | None) -> Pack | None:
        """Take what was measured from a time on; the frame, if it is complete by that.

        Args:
            frame_ms: how long a frame is, if nothing alarms.
        """
        if self._from_ms is None:
            self._from_ms = from_ms
        self._held += pack.readings
        if not self._guard.crosses(pack.readings, config) and pack.to_ms - self._from_ms < frame_ms:
            return None
        done = Pack(pack.to_ms, self._held)
        self._held, self._from_ms = (), None
        return done

    def rest(self, to_ms: int) -> Pack | None:
        """The frame as far as it has come, where nothing more will follow."""
        held, self._held, self._from_ms = self._held, (), None
        return Pack(to_ms, held) if held else None
