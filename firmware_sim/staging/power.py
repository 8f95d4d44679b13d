"""What a device runs on, in the course of a scenario: how much is left, and when that is too little."""

from __future__ import annotations

from typing import Final

from firmware_sim.physics.sensor import Battery

RECOVERS_V: Final = 0.05
"""By so much above empty a device starts again after a brown-out (its reset's hysteresis, assumed)."""


class Power:
    """The battery of one device, if it runs on one.

    Attributes:
        readings: at how many instants it has measured.
        sendings: how often its radio was on.
        is_on: whether there is enough for the device to run.
    """

    def __init__(self, battery: Battery | None, from_ms: int) -> None:
        self._battery, self._from_ms = battery, from_ms
        self.readings = self.sendings = 0
        self.is_on = True

    def charge(self, at_ms: int) -> float:
        """What is left, in percent."""
        return max(100.0 * (1.0 - self._used(at_ms)), 0.0)

    def voltage(self, at_ms: int, temp_c: float) -> float:
        """What the battery gives; 0 without one."""
        return self._battery.voltage(self._used(at_ms), temp_c) if self._battery else 0.0

    def look(self, at_ms: int, temp_c: float) -> bool:
        """Go off or on as the voltage says; whether it has just gone on again."""
        if self._battery is None:
            return False
        volts, was_on = self.voltage(at_ms, temp_c), self.is_on
        self.is_on = volts >= self._battery.empty_v + (0.0 if was_on else RECOVERS_V)
        return self.is_on and not was_on

    def _used(self, at_ms: int) -> float:
        if self._battery is None:
            return 0.0
        return self._battery.used(at_ms - self._from_ms, self.readings, self.sendings)
