"""The air of the demonstration's journey: heat flows along differences, a thermostat switches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from firmware_sim.physics.noise import noise, quantised
from firmware_sim.physics.outdoors import MINUTE_MS, STEP_MS, Climate, outside

RESOLUTION_C: Final = 1 / 16
"""One step of the sensor (Maxim DS18B20 data sheet, 12-bit conversion)."""
NOISE_C: Final = 0.05
"""Standard deviation of one conversion (assumed: under one step)."""
RESOLUTION_RH: Final = 0.5
"""Humidity is given in half percents (assumed; Sensirion SHT4x: repeatability 0.25 %RH)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of monitored asset.

    ``setpoint_c`` is None where nothing cools; the unit starts half a degree above it and stops
    half a degree below. ``leak_min`` and ``door_min``: minutes in which the air would lose 63 %
    of its difference to the outside, through the walls and through an open door.
    """

    around: Climate
    setpoint_c: float | None = None
    leak_min: float = 1.0
    door_min: float = 1.0
    humidity: float = 90.0


DALI: Final = Climate(15.4, 5.5)
"""Dali, 1,980 m: mean daily low 10.0, high 20.9 degrees over the year (Weather China, 1971 to 2000)."""
ROAD: Final = Climate(17.5, 4.5)
"""Between Dali and Chongqing, lower and cloudier (assumed)."""
HALL: Final = Climate(18.0, 1.5)
"""Inside a building that is not cooled (assumed)."""

PICKED_C: Final = 16.0
"""Fruit picked in the morning (assumed: the air's temperature of that morning and some sun)."""
COOLING_MIN: Final = 45.0
"""Time constant of fruit in the pre-cooling room: 7/8 cooled after 94 minutes, between forced air
(about 30 minutes) and a plain cold room (4 to 8 h): Neuwald et al., Acta Horticulturae 1309."""
LOAD_RATIO: Final = 2.5
"""Heat that a load of fruit gives off, by that which its room's air and walls take up (assumed)."""
UNIT_C_PER_MIN: Final = 0.6
"""How fast a running unit cools the air (assumed). It stops while the door is open (door switch)."""
SPREAD_C: Final = 0.5
"""Half the thermostat's difference between on and off (assumed; usual for chilled goods)."""

KINDS: Final[Mapping[str, Kind]] = {
    "field": Kind(DALI, humidity=65.0),
    "precooling": Kind(HALL, 2.0, leak_min=150.0, door_min=30.0, humidity=93.0),
    "truck": Kind(ROAD, 2.0, leak_min=120.0, door_min=25.0, humidity=90.0),
    "warehouse": Kind(HALL, 1.5, leak_min=240.0, door_min=40.0, humidity=92.0),
    "cabinet": Kind(HALL, 3.0, leak_min=60.0, door_min=10.0, humidity=85.0),
}
"""Set points: 0 to 2 degrees and 90 to 95 %RH keep strawberries best (Mitcham, UC Davis); a shop's
cabinet stands a little higher. Time constants are assumed."""


class Chamber:
    """The air around one sensor, moved on in steps of ten seconds.

    Args:
        seed: of the weather.
        start_ms: Unix time, a multiple of ``STEP_MS``.
        doors: when the door is open, from and to.
        loads: when warm fruit comes in.
    """

    def __init__(
        self, kind: Kind, seed: int, start_ms: int, doors: Sequence[tuple[int, int]], loads: Sequence[int]
    ) -> None:
        self._kind, self._seed, self._at_ms = kind, seed, start_ms
        self._doors, self._loads = doors, loads
        self._cooling = False
        self._air_c = outside(kind.around, seed, start_ms) if kind.setpoint_c is None else kind.setpoint_c
        self._fruit_c = self._air_c

    def air_at(self, at_ms: int) -> float:
        """The air in degrees Celsius; ``at_ms`` never goes back."""
        while self._at_ms < at_ms:
            self._step()
            self._at_ms += STEP_MS
        return self._air_c

    def _step(self) -> None:
        kind, minutes = self._kind, STEP_MS / MINUTE_MS
        around_c = outside(kind.around, self._seed, self._at_ms)
        if kind.setpoint_c is None:
            self._air_c = around_c
            return
        if any(self._at_ms <= at_ms < self._at_ms + STEP_MS for at_ms in self._loads):
            self._fruit_c = PICKED_C
        is_open = any(from_ms <= self._at_ms < to_ms for from_ms, to_ms in self._doors)
        if self._air_c > kind.setpoint_c + SPREAD_C:
            self._cooling = True
        elif self._air_c < kind.setpoint_c - SPREAD_C:
            self._cooling = False
        given_off = (self._fruit_c - self._air_c) / COOLING_MIN
        change = (around_c - self._air_c) / kind.leak_min + given_off * LOAD_RATIO
        if is_open:
            change += (around_c - self._air_c) / kind.door_min
        elif self._cooling:
            change -= UNIT_C_PER_MIN
        self._air_c += change * minutes
        self._fruit_c -= given_off * minutes


def temperature_reading(air_c: float, seed: int, sensor: str, at_ms: int) -> float:
    """What the sensor says: a multiple of a sixteenth, exact in half precision below 128 degrees."""
    return quantised(air_c + NOISE_C * noise(seed, sensor, at_ms), RESOLUTION_C)


def humidity_reading(kind: Kind, air_c: float, seed: int, sensor: str, at_ms: int) -> float:
    """Relative humidity in percent.

    In the open it falls 3 % for each degree above the day's mean; in a cooled room the coil
    keeps it near the kind's own, 1 % lower for each degree above the set point (assumed).
    """
    if kind.setpoint_c is None:
        level = kind.humidity - 3 * (air_c - kind.around.mean_c)
    else:
        level = kind.humidity - (air_c - kind.setpoint_c)
    return min(max(quantised(level + noise(seed, f"{sensor} humidity", at_ms), RESOLUTION_RH), 10.0), 100.0)
