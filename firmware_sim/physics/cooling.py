"""A refrigeration unit: what it takes from the air, when it rests, and how it defrosts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from firmware_sim.physics.thermal import STEP_S

COIL_LAG_S: Final = 300.0
"""Time constant with which a coil warms up in a defrost (assumed)."""
COIL_END_C: Final = 15.0
"""Where a defrost's heater would bring the coil (assumed; terminations are at 7 to 18 degrees)."""
GAIN_PER_K: Final = 0.5
RESET_S: Final = 900.0
"""Of the modulating control: share of the capacity for a degree, and time in which a lasting difference
counts as much again (assumed; slow against the compressor, fast against the goods)."""


class Kind(Enum):
    """How the capacity follows the need."""

    ON_OFF = "on-off"
    MODULATING = "modulating"


class Sensed(Enum):
    """Which air the control holds: what comes back from the goods, or what is blown onto them."""

    RETURN = "return"
    SUPPLY = "supply"


@dataclass(frozen=True, slots=True)
class Defrost:
    """Every so often the coil is warmed; ``leak`` is the share of the heater's heat that the air gets."""

    every_s: float
    lasts_s: float
    heater_w: float
    leak: float


@dataclass(frozen=True, slots=True)
class Machine:
    """A refrigeration unit.

    ``band_c``: how far above the set point it starts and below it stops, if it is on or off only.
    ``air_w_k``: heat that the blown air carries for each degree. ``rest_s``: the compressor stays off
    for so long. ``always_blows``: the fans run on without the compressor.
    """

    kind: Kind
    sensed: Sensed
    setpoint_c: float
    band_c: float
    capacity_w: float
    fan_w: float
    air_w_k: float
    rest_s: float
    always_blows: bool
    defrost: Defrost | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """What a unit does for ten seconds: heat into the air in W, without and of the fans; what it blows."""

    unit_w: float
    fan_w: float
    supply_c: float
    defrosting: bool = False


class Unit:
    """A running unit; ``step`` once every ten seconds."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._age_s, self._rested_s = 0.0, machine.rest_s
        self._cooling, self._lasting = False, 0.0
        self._coil_c = machine.setpoint_c

    def step(self, air_c: float, *, powered: bool = True, is_open: bool = False) -> Work:
        """The next ten seconds. A door switch stops the unit while the door is open."""
        if not powered:
            self._cooling = False
            return Work(0.0, 0.0, air_c)
        self._age_s += STEP_S
        if self._is_defrosting():
            return self._defrost()
        if is_open:
            self._rest()
            return Work(0.0, 0.0, air_c)
        share = self._modulate(air_c) if self.machine.kind is Kind.MODULATING else self._switch(air_c)
        blows = share > 0 or self.machine.always_blows
        unit_w = -share * self.machine.capacity_w
        supply_c = air_c + unit_w / self.machine.air_w_k
        self._coil_c = supply_c
        return Work(unit_w, self.machine.fan_w if blows else 0.0, supply_c)

    def _is_defrosting(self) -> bool:
        defrost = self.machine.defrost
        return defrost is not None and self._age_s % defrost.every_s > defrost.every_s - defrost.lasts_s

    def _defrost(self) -> Work:
        defrost = self.machine.defrost
        assert defrost is not None
        self._rest()
        self._coil_c += (COIL_END_C - self._coil_c) * STEP_S / COIL_LAG_S
        return Work(defrost.leak * defrost.heater_w, 0.0, self._coil_c, defrosting=True)

    def _rest(self) -> None:
        self._cooling = False
        self._rested_s += STEP_S

    def _switch(self, air_c: float) -> float:
        above_k = air_c - self.machine.setpoint_c
        if self._cooling and above_k < -self.machine.band_c:
            self._cooling, self._rested_s = False, 0.0
        elif not self._cooling and above_k > self.machine.band_c and self._rested_s >= self.machine.rest_s:
            self._cooling = True
        if not self._cooling:
            self._rested_s += STEP_S
        return 1.0 if self._cooling else 0.0

    def _modulate(self, air_c: float) -> float:
        """The share of the capacity that is used, 0 to 1."""
        error_k = air_c - self.machine.setpoint_c
        if self.machine.sensed is Sensed.SUPPLY:
            return min(max(error_k * self.machine.air_w_k / self.machine.capacity_w, 0.0), 1.0)
        wanted = GAIN_PER_K * error_k + self._lasting
        if 0.0 <= wanted <= 1.0:  # otherwise a long disturbance would wind it up
            self._lasting += GAIN_PER_K * error_k * STEP_S / RESET_S
        return min(max(wanted, 0.0), 1.0)
