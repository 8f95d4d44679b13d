"""Every key of an asset profile: boxes with their refrigeration units, and fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, post_load

from firmware_sim.physics.cooling import Defrost, Kind, Machine, Sensed
from firmware_sim.physics.thermal import AIR_J_M3_K, Box
from firmware_sim.staging.fields import SOURCE, After, Choice, Number, Part, Shape, Switch, Words
from firmware_sim.staging.model import AssetProfile


class DefrostShape(Shape):
    """``asset_profiles: unit: defrost``: how a coil gets rid of its ice."""

    every = After("from one defrost to the next")
    lasts = After("how long it takes")
    heater_kw = Number("power of its heater", "kW", 0.01, 30)
    leak_share = Number("share of that heat which the air gets", "0 to 1", 0, 1)

    @post_load
    def _make(self, told: Mapping[str, Any], **_: Any) -> Defrost:
        if not 0 < told["lasts"] < told["every"]:
            raise ValidationError({"lasts": ["a time above 0m and below that under every"]})
        return Defrost(told["every"], told["lasts"], told["heater_kw"] * 1000, told["leak_share"])


class UnitShape(Shape):
    """``asset_profiles: unit``: a refrigeration unit."""

    control = Choice("how the capacity follows the need", tuple(kind.value for kind in Kind))
    probe = Choice(
        "which air it holds; on-off: return only", tuple(s.value for s in Sensed), load_default="return"
    )
    setpoint_c = Number("what it holds", "°C", -40, 30)
    band_k = Number("on-off: starts so far above and stops so far below", "K", 0.1, 5, load_default=0.5)
    capacity_kw = Number("heat that it takes out at most", "kW", 0.05, 200)
    fans_kw = Number("heat of its fans", "kW", 0, 20)
    air_m3_h = Number("air that they blow", "m³/h", 10, 200_000)
    rest_min = Number("compressor's shortest rest", "min", 0, 30, load_default=3.0)
    fans_always = Switch("whether the fans run without the compressor", load_default=True)
    defrost = Part("how it defrosts", DefrostShape, load_default=None)

    @post_load
    def _make(self, told: Mapping[str, Any], **_: Any) -> Machine:
        kind, sensed = Kind(told["control"]), Sensed(told["probe"])
        if kind is Kind.ON_OFF and sensed is Sensed.SUPPLY:
            raise ValidationError({"probe": ["return, as the control is on-off"]})
        return Machine(
            kind=kind,
            sensed=sensed,
            setpoint_c=told["setpoint_c"],
            band_c=told["band_k"],
            capacity_w=told["capacity_kw"] * 1000,
            fan_w=told["fans_kw"] * 1000,
            air_w_k=told["air_m3_h"] * AIR_J_M3_K / 3600,
            rest_s=told["rest_min"] * 60,
            always_blows=told["fans_always"],
            defrost=told["defrost"],
        )


class BoxShape(Shape):
    """``asset_profiles: kind: box``: a truck, a container, a cold room, a cabinet."""

    kind = Choice("a box", ("box",))
    k_w_m2k = Number("K coefficient of its walls", "W/(m² K)", 0.05, 10)
    surface_m2 = Number("mean surface of its walls", "m²", 0.1, 20_000)
    air_m3 = Number("air inside, beside the goods", "m³", 0.05, 100_000)
    lining_kj_k = Number("heat of the inner lining and of what follows the air", "kJ/K", 0, 1e6)
    roof_share = Number("share of the surface in the sun", "0 to 1", 0, 1, load_default=0.0)
    door_m2 = Number("doorway", "m²", 0, 50, load_default=0.0)
    door_height_m = Number("its height", "m", 0.1, 8, load_default=2.0)
    doorway_flow = Number("share of the ideal flow that passes it", "0 to 1", 0, 1, load_default=0.8)
    humidity = Number("relative humidity at the set point", "%", 10, 100)
    unit = Part("refrigeration unit, if it has one", UnitShape, load_default=None)
    source = Words(SOURCE)

    @post_load
    def _make(self, told: Mapping[str, Any], **_: Any) -> AssetProfile:
        box = Box(
            ua_w_k=told["k_w_m2k"] * told["surface_m2"],
            air_j_k=told["air_m3"] * AIR_J_M3_K + told["lining_kj_k"] * 1000,
            roof=told["roof_share"],
            door_m2=told["door_m2"],
            door_m=told["door_height_m"],
            doorway=told["doorway_flow"],
        )
        return AssetProfile(box, told["unit"], told["humidity"])


class FieldShape(Shape):
    """``asset_profiles: kind: field``: the open air and the soil."""

    kind = Choice("a field", ("field",))
    source = Words(SOURCE)

    @post_load
    def _make(self, _: Mapping[str, Any], **__: Any) -> AssetProfile:
        return AssetProfile(None, None, 75.0)
