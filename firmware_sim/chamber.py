"""The air of the demonstration's journey: the boxes, units and climates that scenarios have, too.

A kind of asset of the journey names a profile of each. Goods that are in it together are one load.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from firmware_sim.physics.cooling import Unit
from firmware_sim.physics.food import Food
from firmware_sim.physics.noise import noise, quantised
from firmware_sim.physics.outdoors import MINUTE_MS, STEP_MS, weather
from firmware_sim.physics.thermal import Load, Room
from firmware_sim.staging.library import shipped_profiles

RESOLUTION_C: Final = 1 / 16
"""One step of the sensor (Maxim DS18B20 data sheet, 12-bit conversion)."""
NOISE_C: Final = 0.05
"""Standard deviation of one conversion (assumed: under one step)."""
RESOLUTION_RH: Final = 0.5
"""Humidity is given in half percents (assumed; Sensirion SHT4x: repeatability 0.25 %RH)."""

PULP_LAG_MIN: Final = 35.0
"""A punnet behind the door loses 63 % of its difference to the air in so many minutes (assumed: a small box
in moving air; the whole load takes hours)."""

PICKED_C: Final = 16.0
"""Fruit picked in the morning (assumed: the air's temperature of that morning and some sun)."""
COOLED_C: Final = 4.0
"""Everything else that is brought (assumed): it was cooled before."""
FOOD: Final = "strawberries"
"""Goods are counted as if they were all of these: milk and yoghurt hold about as much heat."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of monitored asset: names of profiles, and what the unit holds; None where nothing cools.

    ``lag_min``: in so many minutes goods lose 63 % of their difference to moving air.
    """

    climate: str
    profile: str | None = None
    setpoint_c: float = 2.0
    lag_min: float = 360.0


KINDS: Final[Mapping[str, Kind]] = {
    "field": Kind("dali"),
    "precooling": Kind("hall", "cold-room", lag_min=90.0),
    "truck": Kind("guizhou-plateau", "reefer-truck"),
    "warehouse": Kind("hall", "cold-room", setpoint_c=1.8),
    "cabinet": Kind("hall", "display-cabinet", setpoint_c=2.8),
}
"""Set points: 0 to 2 degrees and 90 to 95 %RH keep strawberries best (Mitcham, UC Davis); a shop's
cabinet stands a little higher. Pre-cooled fruit lies between forced air (about 30 minutes) and a plain
cold room (4 to 8 h): Neuwald et al., Acta Horticulturae 1309."""


@dataclass(frozen=True, slots=True)
class Goods:
    """What is in an asset from one time to another, and how warm it comes in."""

    from_ms: int
    to_ms: int
    mass_kg: float
    comes_c: float


@dataclass(frozen=True, slots=True)
class Felt:
    """What is true at a moment: the air that comes back to the unit, what it blows, fruit behind the door."""

    air_c: float
    supply_c: float
    pulp_c: float


class Chamber:
    """What is around the sensors of one device, moved on in steps of ten seconds.

    Args:
        seed: of the weather.
        start_ms: Unix time, a multiple of ``STEP_MS``.
        doors: when the door is open, from and to.
        goods: what comes and goes.
    """

    def __init__(
        self,
        kind: Kind,
        seed: int,
        start_ms: int,
        doors: Sequence[tuple[int, int]] = (),
        goods: Sequence[Goods] = (),
    ) -> None:
        library = shipped_profiles()
        self._kind, self._seed, self._at_ms = kind, seed, start_ms
        self._climate, self._food = library.climates[kind.climate], library.products[FOOD].food
        self._doors, self._goods = doors, sorted(goods, key=lambda each: each.from_ms)
        self._inside: tuple[Goods, ...] = ()
        self._weather, self._is_open = weather(self._climate, seed, start_ms), False
        self._unit: Unit | None = None
        self._room: Room | None = None
        if kind.profile is not None:
            profile = library.assets[kind.profile]
            assert profile.box is not None
            assert profile.machine is not None
            self._unit = Unit(replace(profile.machine, setpoint_c=kind.setpoint_c))
            self._room = Room(profile.box, kind.setpoint_c)
        self._supply_c = self._pulp_c = self._air_c

    def air_at(self, at_ms: int) -> float:
        """The air in degrees Celsius; ``at_ms`` never goes back."""
        return self.felt_at(at_ms).air_c

    def felt_at(self, at_ms: int) -> Felt:
        """All of it; ``at_ms`` never goes back."""
        while self._at_ms < at_ms:
            if self._at_ms % MINUTE_MS == 0:
                self._turn()
            self._step()
            self._at_ms += STEP_MS
        return Felt(self._air_c, self._supply_c, self._pulp_c)

    @property
    def _air_c(self) -> float:
        return self._weather.air_c if self._room is None else self._room.air_c

    def _turn(self) -> None:
        """What changes on whole minutes: weather, door, goods."""
        at_ms = self._at_ms
        self._weather = weather(self._climate, self._seed, at_ms)
        self._is_open = any(from_ms <= at_ms < to_ms for from_ms, to_ms in self._doors)
        inside = tuple(each for each in self._goods if each.from_ms <= at_ms < each.to_ms)
        if inside != self._inside and self._room is not None:
            self._room.load = self._loaded(self._room.load, inside)
            if not self._inside:
                self._pulp_c = inside[0].comes_c  # the probe is put into what comes first
            self._inside = inside

    def _loaded(self, load: Load | None, inside: Sequence[Goods]) -> Load | None:
        """The load behind a change: what stays has its heat, what comes its own."""
        stays = sum(each.mass_kg for each in inside if each in self._inside)
        heat_j = stays * (load.heat_j_kg if load else 0.0)
        heat_j += sum(e.mass_kg * self._food.heat(e.comes_c) for e in inside if e not in self._inside)
        return _load(self._food, sum(e.mass_kg for e in inside), heat_j, self._kind) if inside else None

    def _step(self) -> None:
        if self._room is None or self._unit is None:
            return
        work = self._unit.step(self._room.air_c, is_open=self._is_open)
        now = self._weather
        self._room.step(now.air_c, now.sun_w_m2, is_open=self._is_open, unit_w=work.unit_w, fan_w=work.fan_w)
        self._supply_c = work.supply_c
        share = STEP_MS / (60_000 * PULP_LAG_MIN) if self._inside else 1.0  # alone it hangs in the air
        self._pulp_c += share * (self._room.air_c - self._pulp_c)


def _load(food: Food, mass_kg: float, heat_j: float, kind: Kind) -> Load:
    return Load(food, mass_kg, heat_j / mass_kg, mass_kg * food.above_j_kg_k / (60 * kind.lag_min))


def temperature_reading(air_c: float, seed: int, sensor: str, at_ms: int) -> float:
    """What the sensor says: a multiple of a sixteenth, exact in half precision below 128 degrees."""
    return quantised(air_c + NOISE_C * noise(seed, sensor, at_ms), RESOLUTION_C)


def humidity_reading(kind: Kind, air_c: float, seed: int, sensor: str, at_ms: int) -> float:
    """Relative humidity in percent.

    In the open it falls 3 % for each degree above the day's mean; in a cooled room the coil
    keeps it near the profile's own, 1 % lower for each degree above the set point (assumed).
    """
    library = shipped_profiles()
    if kind.profile is None:
        level = library.assets["field"].humidity - 3 * (air_c - library.climates[kind.climate].mean_c)
    else:
        level = library.assets[kind.profile].humidity - (air_c - kind.setpoint_c)
    return min(max(quantised(level + noise(seed, f"{sensor} humidity", at_ms), RESOLUTION_RH), 10.0), 100.0)
