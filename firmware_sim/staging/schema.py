"""Every key of a profile: what it means, its unit and its bounds. Unknown keys are refused.

``source`` stands beside every set of constants: where they are published, or that they are assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, Final

from marshmallow import post_load, validates_schema
from marshmallow.exceptions import ValidationError

from firmware_sim.flash import CAPACITY
from firmware_sim.physics.clock import SETTERS, ClockKind
from firmware_sim.physics.food import Food
from firmware_sim.physics.outdoors import Climate
from firmware_sim.physics.route import Place, Route
from firmware_sim.physics.sensor import Battery, Calibration, Drain, Probe
from firmware_sim.staging.boxes import BoxShape, FieldShape
from firmware_sim.staging.fields import (
    SOURCE,
    After,
    BothWords,
    Choice,
    Listed,
    Name,
    Number,
    Part,
    Parts,
    Shape,
    Switch,
    Whole,
    Words,
)
from firmware_sim.staging.model import (
    BOUNDS,
    QUANTITIES,
    Channel,
    DeviceProfile,
    Library,
    Product,
    Road,
)

READINGS_A_FRAME: Final = 600
"""Of all channels together; a SenML pack may hold 1,000."""


class ClimateShape(Shape):
    """``climates``: the air outside somewhere."""

    mean_c = Number("mean of a day", "°C", -60, 60)
    swing_c = Number("how far the afternoon is above it and the dawn below", "K", 0, 30)
    sun_w_m2 = Number("sun of a clear noon on a level surface", "W/m²", 0, 1400, load_default=0.0)
    rainy_days = Number("share of days with a shower", "0 to 1", 0, 1, load_default=0.0)
    source = Words(SOURCE)

    @post_load
    def _make(self, told: Mapping[str, Any], **_: Any) -> Climate:
        return Climate(told["mean_c"], told["swing_c"], told["sun_w_m2"], told["rainy_days"])


class ProductShape(Shape):
    """``products``: goods of one kind, and what they must not be subjected to."""

    names = BothWords("what it is called")
    low_c = Number("coldest allowed", "°C", -60, 60)
    high_c = Number("warmest allowed", "°C", -60, 60)
    max_gap_min = Whole("longest time without data that is no gap", "min", 1, 1440)
    keeps_days = Whole("best before so long after it began", "d", 1, 2000)
    specific_heat_kj_kg_k = Number("above freezing", "kJ/(kg K)", 0.5, 5)
    frozen_specific_heat_kj_kg_k = Number("wholly frozen", "kJ/(kg K)", 0.5, 5)
    latent_heat_kj_kg = Number("given off by freezing", "kJ/kg", 1, 334)
    freezes_at_c = Number("initial freezing point", "°C", -20, -0.05)
    respiration_w_t = Number("heat that it gives off at 0 °C", "W/t", 0, 1000, load_default=0.0)
    respiration_w_t_k = Number("and more for each degree", "W/(t K)", 0, 100, load_default=0.0)
    lag_h = Number("time in which it follows moving air to 63 %, as stowed", "h", 0.1, 500)
    source = Words(SOURCE)

    @post_load
    def _make(self, told: Mapping[str, Any], **_: Any) -> Product:
        food = Food(
            told["specific_heat_kj_kg_k"] * 1000,
            told["frozen_specific_heat_kj_kg_k"] * 1000,
            told["latent_heat_kj_kg"] * 1000,
            told["freezes_at_c"],
            told["respiration_w_t"] / 1000,
            told["respiration_w_t_k"] / 1000,
        )
        gap_s, lag_s = told["max_gap_min"] * 60, told["lag_h"] * 3600
        return Product(told["names"], told["low_c"], told["high_c"], gap_s, told["keeps_days"], lag_s, food)


class CalibrationShape(Shape):
    """``channels: applied``: what the certificate says, and the device puts right."""

    gain = Number("what it shows by what is true", "", 0.5, 2, load_default=1.0)
    offset = Number("what it shows where 0 is true", "of the channel", -50, 50, load_default=0.0)

    @post_load
    def _make(self, told: Mapping[str, Any], **_: Any) -> Calibration:
        return Calibration(told["gain"], told["offset"])


class ChannelShape(Shape):
    """``device_profiles: channels``: one sensor; sizes in the unit of what it measures."""

    measures = Choice("what", tuple(QUANTITIES))
    gain = Number("what it shows by what is true", "", 0.5, 2, load_default=1.0)
    offset = Number("what it shows where 0 is true", "of the channel", -50, 50, load_default=0.0)
    applied = Part("the calibration that the device applies", CalibrationShape, load_default=None)
    noise = Number("standard deviation of one reading", "of the channel", 0, 1000, load_default=0.0)
    step = Number("resolution", "of the channel", 0, 100, load_default=0.0)
    lag_s = Number("time to 63 % of a change", "s", 0, 7200, load_default=0.0)
    drift_per_day = Number("by which it goes wrong", "of the channel", -1, 1, load_default=0.0)

    @post_load
    def _make(self, told: Mapping[str, Any], **_: Any) -> Channel:
        error = Calibration(told["gain"], told["offset"])
        names = ("applied", "noise", "step", "lag_s", "drift_per_day")
        low, high = BOUNDS.get(told["measures"], (-inf, inf))
        sizes = {name: told[name] for name in names}
        return Channel(told["measures"], Probe(error=error, low=low, high=high, **sizes))


class ClockShape(Shape):
    """``device_profiles: clock``: how well it knows the time."""

    set_by = Choice("who sets it, when it reaches somebody or sees satellites", tuple(SETTERS))
    every = After("from one setting to the next, at the least", load_default=86_400)
    drift_ppm = Number("by which it runs fast", "ppm", -500, 500, load_default=0.0)
    keeps_time = Switch("whether it runs on through a start", load_default=True)
    begins_set = Switch("whether it was set before", load_default=True)

    @post_load
    def _make(self, told: Mapping[str, Any], **_: Any) -> ClockKind:
        names = ("drift_ppm", "keeps_time", "begins_set")
        return ClockKind(told["set_by"], told["every"] * 1000, *(told[name] for name in names))


class DrainShape(Shape):
    """``device_profiles: battery: drain``: what the device takes out of it."""

    capacity_mah = Number("what is in it", "mAh", 1, 1_000_000)
    sleep_ua = Number("asleep", "µA", 0, 100_000)
    reading_mas = Number("all channels, measured once", "mA s", 0, 100_000)
    sending_mas = Number("radio on, a frame sent, a receipt heard", "mA s", 0, 1_000_000)

    @post_load
    def _make(self, told: Mapping[str, Any], **_: Any) -> Drain:
        return Drain(**told)


class BatteryShape(Shape):
    """``device_profiles: battery``: what it runs on."""

    full_v = Number("new", "V", 1, 60)
    empty_v = Number("below which the device stops", "V", 1, 60)
    lasts = After("from new to empty at 20 °C, whatever it does", load_default=0)
    drain = Part("in the place of lasts: what it takes out", DrainShape, load_default=None)
    used_share = Number("used before the start", "0 to 1", 0, 1, load_default=0.0)

    @post_load
    def _make(self, told: Mapping[str, Any], **_: Any) -> Battery:
        if told["empty_v"] >= told["full_v"]:
            raise ValidationError({"empty_v": ["less than full_v"]})
        if bool(told["lasts"]) == (told["drain"] is not None):
            raise ValidationError({"lasts": ["either a time under lasts, or a drain"]})
        names = ("used_share", "drain")
        return Battery(told["full_v"], told["empty_v"], told["lasts"] * 1000, *(told[n] for n in names))


class DeviceShape(Shape):
    """``device_profiles``: a kind of device."""

    model = Words("what it calls itself")
    reading_s = Whole("from one reading to the next, in tens", "s", 10, 3600)
    frame_s = Whole("from one frame to the next, a multiple", "s", 10, 86_400)
    channels = Parts("what it measures", ChannelShape)
    battery = Part("its battery, if it runs on one", BatteryShape, load_default=None)
    clock = Part("its clock (default: always right)", ClockShape, load_default=None)
    wakes = After("its radio is on so often, and when something alarms (0: always)", load_default=0)
    flash = Whole("frames that it keeps without a receipt", "", 2, 1_000_000, load_default=CAPACITY)
    counter_block = Whole(
        "counters reserved at a time, the rest skipped at a start (0: none)", "", 0, 1024, load_default=0
    )
    source = Words(SOURCE)

    @validates_schema(skip_on_field_errors=True)
    def _fits(self, told: Mapping[str, Any], **_: Any) -> None:
        if told["reading_s"] % 10:
            raise ValidationError({"reading_s": ["a multiple of 10 s, a step of the physics"]})
        if told["frame_s"] % told["reading_s"]:
            raise ValidationError({"frame_s": ["a multiple of reading_s"]})
        if told["wakes"] % told["frame_s"]:
            raise ValidationError({"wakes": ["a multiple of frame_s"]})
        readings = len(told["channels"]) * told["frame_s"] // told["reading_s"]
        if not 0 < readings <= READINGS_A_FRAME:
            raise ValidationError({"frame_s": [f"1 to {READINGS_A_FRAME} readings in a frame"]})

    @post_load
    def _make(self, told: Mapping[str, Any], **_: Any) -> DeviceProfile:
        return DeviceProfile(
            told["model"],
            told["reading_s"] * 1000,
            told["frame_s"] * 1000,
            told["channels"],
            told["battery"],
            told["clock"],
            told["wakes"] * 1000,
            told["flash"],
            told["counter_block"],
        )


class PlaceShape(Shape):
    """``routes: places``: a point of a route, in order."""

    name = Words("what it is called")
    lat = Number("latitude, WGS 84", "°", -90, 90)
    lon = Number("longitude, WGS 84", "°", -180, 180)
    climate = Name("the climate there")
    stop = After("how long one stops there", load_default=0)
    kmh = Number("how fast one goes on to the next", "km/h", 1, 350, load_default=60.0)


class RouteShape(Shape):
    """``routes``: straight lines between places."""

    places = Listed("two or more", {"": PlaceShape})
    source = Words(SOURCE)

    @post_load
    def _make(self, told: Mapping[str, Any], **_: Any) -> Road:
        if len(told["places"]) < 2:
            raise ValidationError({"places": ["two or more places"]})
        places = [Place(p["lat"], p["lon"], p["stop"], p["kmh"]) for p in told["places"]]
        return Road(Route(places), tuple(p["climate"] for p in told["places"]))


class AssetProfileValue(Parts):
    """Boxes and fields by name; ``kind`` says which."""

    def __init__(self, does: str, **options: Any) -> None:
        super().__init__(does, BoxShape, **options)

    def shape_of(self, told: Any) -> Shape:
        """The shape that a mapping says it has."""
        is_field = isinstance(told, Mapping) and told.get("kind") == "field"
        return FieldShape() if is_field else BoxShape()


class ProfilesShape(Shape):
    """A file of profiles: any of these keys."""

    climates = Parts("air outside", ClimateShape, load_default=dict)
    products = Parts("goods", ProductShape, load_default=dict)
    asset_profiles = AssetProfileValue("boxes and fields", load_default=dict)
    device_profiles = Parts("devices", DeviceShape, load_default=dict)
    routes = Parts("routes", RouteShape, load_default=dict)


class ProfilesFileShape(ProfilesShape):
    """The same as a file of its own."""

    @post_load
    def _make(self, told: Mapping[str, Any], **_: Any) -> Library:
        return library_of(told)


def library_of(told: Mapping[str, Any]) -> Library:
    """The profiles among what was read."""
    sections = ("climates", "products", "asset_profiles", "device_profiles", "routes")
    return Library(*(told[name] for name in sections))
