"""Every key of a scenario: who is where and when, what goes wrong, what is attacked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import ValidationError, post_load

from firmware_sim.staging.fields import (
    After,
    BothWords,
    Listed,
    Moment,
    Name,
    Number,
    Part,
    Parts,
    Shape,
    Value,
    Whole,
)
from firmware_sim.staging.fields import Choice as Word
from firmware_sim.staging.model import Asset, Attack, Fitted, Goods, Shown, Stay, Trouble
from firmware_sim.staging.orders import OrderShape
from firmware_sim.staging.schema import ProfilesShape

FORMAT: Final = 1


class AssetShape(Shape):
    """``assets``: a thing that is monitored."""

    names = BothWords("what it is called")
    profile = Name("its asset profile")
    climate = Name("where it stands, if it does", load_default=None)
    route = Name("the route that it travels, if it does", load_default=None)
    departs = After("when it does", load_default=0)
    setpoint_c = Number("its own, in the place of the profile's", "°C", -40, 30, load_default=None)
    begins_c = Number(
        "air at the start (default: the set point, or outside)", "°C", -60, 60, load_default=None
    )

    @post_load
    def _make(self, told: Mapping[str, Any], **_: Any) -> Asset:
        if (told["climate"] is None) == (told["route"] is None):
            raise ValidationError({"climate": ["either a climate or a route"]})
        names = ("names", "profile", "climate", "route", "departs", "setpoint_c", "begins_c")
        return Asset(*(told[name] for name in names))


class StayShape(Shape):
    """``goods: stays``: where goods are, one stay after the other."""

    asset = Name("where")
    since = After("from", data_key="from")
    until = After("until")

    @post_load
    def _make(self, told: Mapping[str, Any], **_: Any) -> Stay:
        if told["since"] >= told["until"]:
            raise ValidationError({"until": ["a time after from"]})
        return Stay(told["asset"], told["since"], told["until"])


class MadeOf(Value):
    """Kilograms by the name of other goods."""

    def __init__(self, does: str, **options: Any) -> None:
        super().__init__(does, unit="name: kg", expected="names of goods with whole kilograms", **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> dict[str, int]:
        if not isinstance(value, Mapping):
            raise self.refuse()
        for mass in value.values():
            if isinstance(mass, bool) or not isinstance(mass, int) or not 0 < mass <= 1_000_000:
                raise self.refuse()
        return dict(value)


class GoodsShape(Shape):
    """``goods``: a batch."""

    product = Name("what it is")
    mass_kg = Whole("how much", "kg", 1, 1_000_000)
    begins = After("when it is harvested or made")
    begins_c = Number("how warm it is then", "°C", -60, 60)
    made_of = MadeOf("what of other goods it is made of", load_default=dict)
    stays = Listed("where it is", {"": StayShape})

    @post_load
    def _make(self, told: Mapping[str, Any], **_: Any) -> Goods:
        names = ("product", "mass_kg", "begins", "begins_c", "made_of", "stays")
        return Goods(*(told[name] for name in names))


class FittedShape(Shape):
    """``devices``: a device on an asset."""

    profile = Name("its device profile")
    asset = Name("what it measures")
    since = After("from when on", data_key="from", load_default=0)
    until = After("until when (default: the end)", load_default=None)


class ShownShape(Shape):
    """``show``: what a plot draws."""

    device = Name("whose readings")
    channel = Name("which of its channels, in °C")
    goods = Name("whose temperature and limits")

    @post_load
    def _make(self, told: Mapping[str, Any], **_: Any) -> Shown:
        return Shown(told["device"], told["channel"], told["goods"])


class _TroubleShape(Shape):
    since = After("from", data_key="from")

    @post_load
    def _make(self, told: Mapping[str, Any], **_: Any) -> Trouble:
        told = {"until": told["since"]} | dict(told)
        if told["until"] < told["since"]:
            raise ValidationError({"until": ["a time after from"]})
        own = {name: told[name] for name in ("asset", "device", "channel", "by") if name in told}
        return Trouble(told["fault"], told["since"], told["until"], **own)


class _LastingShape(_TroubleShape):
    until = After("until")


class DoorShape(_LastingShape):
    """The door stands open."""

    fault = Word("kind", ("door-open",))
    asset = Name("whose")


class UnitOffShape(_LastingShape):
    """The refrigeration unit does nothing."""

    fault = Word("kind", ("unit-off",))
    asset = Name("whose")


class DeadShape(_LastingShape):
    """The device measures nothing."""

    fault = Word("kind", ("dead",))
    device = Name("which")


class LinkLossShape(_LastingShape):
    """The device measures and signs, but reaches nobody."""

    fault = Word("kind", ("link-loss",))
    device = Name("which")


class StuckShape(_LastingShape):
    """The sensor repeats its last reading."""

    fault = Word("kind", ("stuck",))
    device = Name("whose")
    channel = Name("which")


class SpikeShape(_LastingShape):
    """The sensor is so much off."""

    fault = Word("kind", ("spike",))
    device = Name("whose")
    channel = Name("which")
    by = Number("how much", "of the channel", -1000, 1000)


class ClockStepShape(_LastingShape):
    """The device's clock is so much ahead; it is put right at the end."""

    fault = Word("kind", ("clock-step",))
    device = Name("whose")
    by = Number("how much, in whole seconds", "s", -86_400, 86_400)


class GnssLossShape(_LastingShape):
    """The device sees no satellites."""

    fault = Word("kind", ("gnss-loss",))
    device = Name("which")


class RebootShape(_TroubleShape):
    """The device starts again."""

    fault = Word("kind", ("reboot",))
    device = Name("which")


class _AttackShape(Shape):
    device = Name("whose key")
    since = After("from", data_key="from")
    until = After("until")
    says_c = Number("what its frames claim", "°C", -60, 60)

    @post_load
    def _make(self, told: Mapping[str, Any], **_: Any) -> Attack:
        if told["until"] <= told["since"]:
            raise ValidationError({"until": ["a time after from"]})
        revoked_s = told.get("revoked", told["until"])
        if not told["since"] < revoked_s <= told["until"]:
            raise ValidationError({"revoked": ["a time after from, not after until"]})
        return Attack(told["attack"], told["device"], told["since"], told["until"], told["says_c"], revoked_s)


class CloneShape(_AttackShape):
    """A copy of the device, made at the beginning, speaks beside it: with the same counters."""

    attack = Word("kind", ("cloned-logger",))


class ThiefShape(_AttackShape):
    """The device is gone; whoever has it goes on signing with its key, also once that is revoked."""

    attack = Word("kind", ("stolen-key",))
    revoked = After("when its owner ends the key")


FAULTS: Final[Mapping[str, type[Shape]]] = {
    "door-open": DoorShape,
    "unit-off": UnitOffShape,
    "dead": DeadShape,
    "link-loss": LinkLossShape,
    "stuck": StuckShape,
    "spike": SpikeShape,
    "clock-step": ClockStepShape,
    "gnss-loss": GnssLossShape,
    "reboot": RebootShape,
}
ATTACKS: Final[Mapping[str, type[Shape]]] = {"cloned-logger": CloneShape, "stolen-key": ThiefShape}


class ScenarioShape(ProfilesShape):
    """A scenario; it may bring profiles of its own, under the keys of a file of profiles."""

    format = Whole("version of this form", "", FORMAT, FORMAT)
    names = BothWords("what it is called")
    tells = BothWords("what there is to see")
    party = BothWords("the firm that it is about")
    start = Moment("when it begins")
    lasts = After("how long it takes")
    seed = Whole("of weather and noise", "", 0, 2**31, load_default=1)
    show = Part("what a plot draws", ShownShape)
    assets = Parts("what is monitored", AssetShape)
    goods = Parts("batches", GoodsShape)
    devices = Parts("what measures", FittedShape)
    configs = Listed("what devices are told over the air", {"": OrderShape}, load_default=())
    faults = Listed("what goes wrong", FAULTS, "fault", load_default=())
    attacks = Listed("what somebody does with keys", ATTACKS, "attack", load_default=())


def fitted(told: Mapping[str, Any], lasts_s: int) -> dict[str, Fitted]:
    """The devices of a scenario that lasts so long."""
    return {
        name: Fitted(
            row["profile"],
            row["asset"],
            row["since"],
            lasts_s if row["until"] is None else row["until"],
        )
        for name, row in told.items()
    }
