"""Air and product in an insulated box: two nodes, and every heat flow accounted for.

    C_air  dT_air/dt = UA (T_out - T_air) + sun + door + exchange (T_product - T_air) + unit + fans
    m      dh/dt     = exchange (T_air - T_product) + m respiration

Explicit steps of ten seconds; ``Room`` refuses a box for which that would not be stable.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from firmware_sim.physics.food import Food
from firmware_sim.physics.outdoors import STEP_MS

STEP_S: Final = STEP_MS / 1000
AIR_J_M3_K: Final = 1300.0
"""Heat of a cubic metre of air for each degree: 1.293 kg/m3 of 1.006 kJ/(kg K), at 0 degrees and sea level;
a fifth less in Dali, which is within what is assumed of linings."""
GRAVITY: Final = 9.81
ICE_POINT_K: Final = 273.15
SUN_K_M2_W: Final = 0.026
"""How much warmer than the air a light-coloured surface is taken to be, for each W/m2 of sun: absorptance
by surface coefficient (ASHRAE Handbook Fundamentals, sol-air temperature)."""
DOORWAY: Final = 0.221
"""Flow through a doorway by buoyancy (Gosney and Olama 1975; ASHRAE Handbook Refrigeration, chapter
Refrigerated-Facility Loads, infiltration by air exchange). Sensible heat only."""
STILL_AIR: Final = 0.3
"""Share of the exchange between air and product that is left while no fan runs (assumed)."""
WARMEST_DIFFERENCE_K: Final = 60.0
"""Between inside and outside; for the check of stability only (assumed: a freezer in the sun)."""


@dataclass(frozen=True, slots=True)
class Box:
    """An insulated box.

    ``ua_w_k``: K coefficient by mean surface. ``air_j_k``: heat of the air and of the lining that
    follows it. ``roof``: the sunlit share of its surface. ``door_m2`` and ``door_m``: the doorway and
    its height; ``doorway``: how much of the ideal flow passes it (a curtain: 0.2).
    """

    ua_w_k: float
    air_j_k: float
    roof: float = 0.0
    door_m2: float = 0.0
    door_m: float = 1.0
    doorway: float = 0.8

    def door_w_k(self, difference_k: float) -> float:
        """Heat that an open door lets through, by the difference of temperature."""
        buoyancy = math.sqrt(abs(difference_k) / ICE_POINT_K) * math.sqrt(GRAVITY * self.door_m)
        return DOORWAY * self.doorway * self.door_m2 * AIR_J_M3_K * buoyancy


@dataclass(slots=True)
class Load:
    """Goods in a box: ``mass_kg`` of a food with ``heat_j_kg`` each, ``exchange_w_k`` with moving air."""

    food: Food
    mass_kg: float
    heat_j_kg: float
    exchange_w_k: float

    @property
    def temp_c(self) -> float:
        """How warm it is, in degrees Celsius."""
        return self.food.temperature(self.heat_j_kg)


@dataclass(slots=True)
class Flows:
    """Heat that came in since the beginning, in J; what went out counts less than nothing."""

    wall: float = 0.0
    sun: float = 0.0
    door: float = 0.0
    unit: float = 0.0
    fans: float = 0.0
    respiration: float = 0.0

    def total(self) -> float:
        """All of it."""
        return self.wall + self.sun + self.door + self.unit + self.fans + self.respiration


@dataclass(slots=True)
class Room:
    """The inside of a box; ``step`` moves it on by ten seconds.

    Raises:
        ValueError: the air holds so little heat that steps of ten seconds would swing.
    """

    box: Box
    air_c: float
    load: Load | None = None
    flows: Flows = field(default_factory=Flows)

    def __post_init__(self) -> None:
        exchange = self.load.exchange_w_k if self.load else 0.0
        fastest_w_k = self.box.ua_w_k + self.box.door_w_k(WARMEST_DIFFERENCE_K) + exchange
        if STEP_S * fastest_w_k > self.box.air_j_k:
            raise ValueError(
                f"{fastest_w_k:.0f} W/K on {self.box.air_j_k / 1000:.0f} kJ/K change within a step of 10 s"
            )

    def step(self, around_c: float, sun_w_m2: float, *, is_open: bool, unit_w: float, fan_w: float) -> None:
        """Ten seconds: what is outside, whether the door is open, and the heat of unit and fans in W."""
        box, flows, difference_k = self.box, self.flows, around_c - self.air_c
        wall = box.ua_w_k * difference_k
        sun = box.ua_w_k * box.roof * SUN_K_M2_W * sun_w_m2
        door = box.door_w_k(difference_k) * difference_k if is_open else 0.0
        flows.wall += wall * STEP_S
        flows.sun += sun * STEP_S
        flows.door += door * STEP_S
        flows.unit += unit_w * STEP_S
        flows.fans += fan_w * STEP_S
        given_off = self._exchange(moving=fan_w > 0)
        self.air_c += (wall + sun + door + unit_w + fan_w + given_off) * STEP_S / box.air_j_k

    def _exchange(self, *, moving: bool) -> float:
        """What the load gives to the air, in W; the load is moved on."""
        load = self.load
        if load is None:
            return 0.0
        temp_c = load.temp_c
        given_off = load.exchange_w_k * (1.0 if moving else STILL_AIR) * (temp_c - self.air_c)
        respired = load.food.respiration(temp_c) * load.mass_kg
        self.flows.respiration += respired * STEP_S
        load.heat_j_kg += (respired - given_off) * STEP_S / load.mass_kg
        return given_off
