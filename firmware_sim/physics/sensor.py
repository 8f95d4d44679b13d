"""What a sensor makes of the truth: lag, gain, offset, drift, noise, resolution, a calibration; a battery."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from firmware_sim.physics.noise import noise, quantised

DAY_MS: Final = 86_400_000
HOUR_S: Final = 3600
SENT_STEP: Final = 0.001
"""What a device that applies its own calibration rounds to (assumed)."""
COLD_V_K: Final = 0.003
"""Voltage that a lithium cell loses for each degree below 20 (assumed, at some mA)."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a certificate says: the sensor shows ``gain`` times the truth, and ``offset`` more."""

    gain: float = 1.0
    offset: float = 0.0

    def shown(self, truth: float) -> float:
        """What is shown."""
        return self.gain * truth + self.offset

    def truth(self, shown: float) -> float:
        """The truth behind what is shown."""
        return (shown - self.offset) / self.gain


@dataclass(frozen=True, slots=True)
class Probe:
    """A kind of sensor, in its own unit.

    ``error`` is how it deviates; ``applied`` what its device knows of that, and puts right. ``noise`` is
    a standard deviation, ``step`` the resolution (0: none), ``lag_s`` the time to 63 % of a change.
    Nothing outside ``low`` and ``high`` is shown.
    """

    error: Calibration = Calibration()
    applied: Calibration | None = None
    noise: float = 0.0
    step: float = 0.0
    lag_s: float = 0.0
    drift_per_day: float = 0.0
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True, slots=True)
class Stuck:
    """A sensor that shows the same from one time to another (Unix time in milliseconds)."""

    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Spike:
    """A disturbance: every reading in this time is so much off."""

    from_ms: int
    to_ms: int
    by: float


class Sensor:
    """One sensor, asked at times that go forward.

    Args:
        name: tells its noise from that of others.
        begun_ms: since when it drifts.
    """

    def __init__(
        self,
        probe: Probe,
        seed: int,
        name: str,
        begun_ms: int,
        faults: tuple[Stuck | Spike, ...] = (),
    ) -> None:
        self.probe, self._seed, self._name, self._begun_ms = probe, seed, name, begun_ms
        self._faults = faults
        self._felt: float | None = None
        self._felt_ms, self._shown = begun_ms, 0.0

    def feel(self, truth: float, at_ms: int) -> None:
        """Be somewhere: the sensor's own temperature follows, whether it is read or not."""
        if self._felt is None or not self.probe.lag_s:
            self._felt = truth
        else:
            passed_s = (at_ms - self._felt_ms) / 1000
            self._felt += (truth - self._felt) * passed_s / (self.probe.lag_s + passed_s)
        self._felt_ms = at_ms

    def read(self, truth: float, at_ms: int) -> float:
        """What it says, a multiple of its step; with a calibration applied, of a thousandth."""
        self.feel(truth, at_ms)
        if not any(isinstance(f, Stuck) and f.from_ms <= at_ms < f.to_ms for f in self._faults):
            self._shown = self._show(at_ms)
        if self.probe.applied is None:
            return self._shown
        return quantised(self.probe.applied.truth(self._shown), SENT_STEP)

    def _show(self, at_ms: int) -> float:
        probe = self.probe
        drifted = probe.drift_per_day * (at_ms - self._begun_ms) / DAY_MS
        shown = probe.error.shown((self._felt or 0.0) + drifted)
        for fault in self._faults:  # not sum(): Python 3.12 rounds it in another way
            if isinstance(fault, Spike) and fault.from_ms <= at_ms < fault.to_ms:
                shown += fault.by
        if probe.noise:
            shown += probe.noise * noise(self._seed, self._name, at_ms)
        return min(max(quantised(shown, probe.step), probe.low), probe.high)


@dataclass(frozen=True, slots=True)
class Drain:
    """What a device takes out of its battery: asleep, for the readings of one instant, for one sending."""

    capacity_mah: float
    sleep_ua: float
    reading_mas: float
    sending_mas: float

    def share(self, after_ms: int, readings: int, sendings: int) -> float:
        """The share of the battery that is used after so long."""
        asleep_mas = self.sleep_ua / 1000 * after_ms / 1000
        awake_mas = readings * self.reading_mas + sendings * self.sending_mas
        return (asleep_mas + awake_mas) / (self.capacity_mah * HOUR_S)


@dataclass(frozen=True, slots=True)
class Battery:
    """A battery: from ``full_v`` down to ``empty_v``, a share of ``begun`` used before.

    It lasts ``life_ms`` whatever the device does, or, with a ``drain``, as that says.
    """

    full_v: float
    empty_v: float
    life_ms: int
    begun: float = 0.0
    drain: Drain | None = None

    def used(self, after_ms: int, readings: int = 0, sendings: int = 0) -> float:
        """The share that is used after so long, so many instants of measuring and so many sendings."""
        if self.drain is not None:
            return self.begun + self.drain.share(after_ms, readings, sendings)
        return self.begun + after_ms / self.life_ms

    def voltage(self, used: float, temp_c: float) -> float:
        """What it gives when a share is used, at a temperature; below ``empty_v`` the device stops."""
        cold_v = COLD_V_K * max(20.0 - temp_c, 0.0)
        return self.full_v - (self.full_v - self.empty_v) * used - cold_v
