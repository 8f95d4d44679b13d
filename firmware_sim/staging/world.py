"""What is true: boxes, fields and goods of a scenario, moved on together in steps of ten seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from firmware_sim.physics.cooling import Unit
from firmware_sim.physics.outdoors import MINUTE_MS, STEP_MS, Climate, Outside, Soil, between, weather
from firmware_sim.physics.route import Position
from firmware_sim.physics.thermal import Load, Room
from firmware_sim.staging.model import Goods, Road, Scenario, Stay

LUX_BY_W_M2: Final = 110.0
"""Light of the sun by its heat (luminous efficacy of global radiation, 105 to 120 lm/W: assumed)."""
KMH_TO_M_S: Final = 1 / 3.6
HUMIDITY_K: Final = 1.0
"""A coil keeps the humidity near the profile's, a percent less for each degree above (assumed)."""


@dataclass(slots=True)
class Lot:
    """Goods in the course of a scenario; ``temp_c`` is that of a lot that is in no asset, too."""

    goods: Goods
    load: Load

    @property
    def temp_c(self) -> float:
        """How warm it is."""
        return self.load.temp_c


class Place:
    """One asset; ``step`` moves it on."""

    def __init__(self, scenario: Scenario, name: str, lots: Mapping[str, Lot]) -> None:
        asset = scenario.assets[name]
        self._scenario, self._asset, self._lots = scenario, asset, lots
        profile = scenario.library.assets[asset.profile]
        self._humidity, machine = profile.humidity, scenario.machine(name)
        self._unit = Unit(machine) if machine else None
        self._road = scenario.library.routes[asset.route] if asset.route else None
        self._doors = scenario.during("door-open", asset=name)
        self._failures = scenario.during("unit-off", asset=name)
        self._stays = _stays(scenario, name)
        self._where: Position | None = None
        self._weather = self._look(scenario.start_ms)
        begins_c = asset.begins_c if asset.begins_c is not None else asset.setpoint_c
        if begins_c is None:
            begins_c = machine.setpoint_c if machine else self._weather.air_c
        self._room = Room(profile.box, begins_c) if profile.box else None
        self._soil = None if profile.box else Soil(self._climate(scenario.start_ms))
        self._supply_c, self._is_open, self._powered = begins_c, False, True

    @property
    def product_c(self) -> float | None:
        """How warm the goods are, if there are any."""
        return self._room.load.temp_c if self._room and self._room.load else None

    def step(self, at_ms: int) -> None:
        """The ten seconds from a time on."""
        if at_ms % MINUTE_MS == 0:
            self._turn(at_ms)
        if self._soil is not None:
            self._soil.step(self._weather)
        if self._room is None:
            return
        unit_w = fan_w = 0.0
        if self._unit is not None:
            work = self._unit.step(self._room.air_c, powered=self._powered, is_open=self._is_open)
            unit_w, fan_w, self._supply_c = work.unit_w, work.fan_w, work.supply_c
        self._room.step(
            self._weather.air_c, self._weather.sun_w_m2, is_open=self._is_open, unit_w=unit_w, fan_w=fan_w
        )

    def sense(self, quantity: str, at_ms: int) -> float:
        """What is true of a quantity of ``model.QUANTITIES``, once it was moved on up to ``at_ms``."""
        room = self._room
        if room is None:
            return self._open_air(quantity, at_ms)
        if quantity == "air":
            return room.air_c
        if quantity == "supply":
            return self._supply_c if self._unit else room.air_c
        if quantity == "product":
            return room.load.temp_c if room.load else room.air_c  # the probe hangs in the air
        if quantity == "humidity":
            reference_c = self._unit.machine.setpoint_c if self._unit else room.air_c
            return min(max(self._humidity - HUMIDITY_K * (room.air_c - reference_c), 10.0), 100.0)
        return float(self._is_open) if quantity == "door" else self._anywhere(quantity, at_ms)

    def _open_air(self, quantity: str, at_ms: int) -> float:
        now, soil = self._weather, self._soil
        if quantity in {"soil", "soil-water"} and soil is not None:
            return soil.temp_c if quantity == "soil" else soil.water
        found = {"air": now.air_c, "humidity": now.humidity, "light": now.sun_w_m2 * LUX_BY_W_M2}
        return found[quantity] if quantity in found else self._anywhere(quantity, at_ms)

    def _anywhere(self, quantity: str, at_ms: int) -> float:
        """The air outside, and where a moving asset is."""
        if quantity == "outside":
            return self._weather.air_c
        assert self._road is not None
        here = self._position(self._road, at_ms)
        return {"lat": here.lat, "lon": here.lon, "speed": here.kmh * KMH_TO_M_S}[quantity]

    def _turn(self, at_ms: int) -> None:
        """What changes on whole minutes, as all times of a scenario do: weather, doors, power, goods."""
        self._weather = self._look(at_ms)
        after_s = (at_ms - self._scenario.start_ms) // 1000
        self._is_open = any(t.from_s <= after_s < t.until_s for t in self._doors)
        self._powered = not any(t.from_s <= after_s < t.until_s for t in self._failures)
        if self._room is not None:
            inside = next((key for stay, key in self._stays if stay.from_s <= after_s < stay.until_s), None)
            self._room.load = None if inside is None else self._lots[inside].load

    def _look(self, at_ms: int) -> Outside:
        return weather(self._climate(at_ms), self._scenario.seed, at_ms)

    def _climate(self, at_ms: int) -> Climate:
        climates = self._scenario.library.climates
        if self._road is None:
            return climates[str(self._asset.climate)]
        here = self._position(self._road, at_ms)
        one, other = (climates[self._road.climates[here.leg + n]] for n in (0, 1))
        return between(one, other, here.share)

    def _position(self, road: Road, at_ms: int) -> Position:
        return road.route.at((at_ms - self._scenario.at_ms(self._asset.departs_s)) / 1000)


class World:
    """All places of a scenario; ``lots`` are its goods."""

    def __init__(self, scenario: Scenario) -> None:
        self.at_ms = scenario.start_ms
        self.lots = {name: Lot(goods, _begun(scenario, goods)) for name, goods in scenario.goods.items()}
        self.places = {name: Place(scenario, name, self.lots) for name in scenario.assets}

    def step(self) -> None:
        """Ten seconds."""
        for place in self.places.values():
            place.step(self.at_ms)
        self.at_ms += STEP_MS


def _begun(scenario: Scenario, goods: Goods) -> Load:
    product = scenario.library.products[goods.product]
    exchange_w_k = goods.mass_kg * product.food.above_j_kg_k / product.lag_s
    return Load(product.food, goods.mass_kg, product.food.heat(goods.begins_c), exchange_w_k)


def _stays(scenario: Scenario, asset: str) -> list[tuple[Stay, str]]:
    return [(s, key) for key, goods in scenario.goods.items() for s in goods.stays if s.asset == asset]
