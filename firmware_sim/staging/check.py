"""What no key of a scenario can say of itself: that names exist, and that times and places fit."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import Any

from firmware_sim.physics.thermal import Load, Room
from firmware_sim.staging.fields import misshapen
from firmware_sim.staging.model import (
    BOXED,
    MOVING,
    OPEN,
    POWERED,
    Asset,
    AssetProfile,
    Goods,
    Scenario,
    Stay,
)
from firmware_sim.staging.schema import READINGS_A_FRAME
from traceability.errors import Problem

Finding = tuple[str, str]
"""A pointer, and what was expected there."""


def check(scenario: Scenario, document: Any, where: str) -> None:
    """See that a scenario's parts fit each other.

    Raises:
        ScenarioError: they do not; names the file, every wrong place and what was expected there.
    """
    found = list(_names(scenario))
    if not found:
        found = [*_goods(scenario), *_devices(scenario), *_troubles(scenario)]
        found += [*_orders(scenario), *_shown(scenario)]
    if found:
        problems = [Problem(pointer, expected, _got(document, pointer)) for pointer, expected in found]
        raise misshapen(where, problems)


def _names(scenario: Scenario) -> Iterator[Finding]:
    """Everything that is named is there."""
    library = scenario.library
    for name, asset in scenario.assets.items():
        here = f"/assets/{name}"
        yield from _among(f"{here}/profile", asset.profile, library.assets)
        yield from _among(f"{here}/climate", asset.climate, library.climates)
        yield from _among(f"{here}/route", asset.route, library.routes)
        road = library.routes.get(asset.route or "")
        for climate in road.climates if road else ():
            yield from _among(f"{here}/route", climate, library.climates)
    for name, goods in scenario.goods.items():
        yield from _among(f"/goods/{name}/product", goods.product, library.products)
        for given in goods.made_of:
            yield from _among(f"/goods/{name}/made_of/{given}", given, scenario.goods)
        for number, stay in enumerate(goods.stays):
            yield from _among(f"/goods/{name}/stays/{number}/asset", stay.asset, scenario.assets)
    for name, device in scenario.devices.items():
        yield from _among(f"/devices/{name}/profile", device.profile, library.devices)
        yield from _among(f"/devices/{name}/asset", device.asset, scenario.assets)
    for number, trouble in enumerate(scenario.troubles):
        yield from _among(f"/faults/{number}/asset", trouble.asset, scenario.assets)
        yield from _among(f"/faults/{number}/device", trouble.device, scenario.devices)
    for number, order in enumerate(scenario.orders):
        yield from _among(f"/configs/{number}/device", order.device, scenario.devices)
    for number, attack in enumerate(scenario.attacks):
        yield from _among(f"/attacks/{number}/device", attack.device, scenario.devices)
    yield from _among("/show/device", scenario.show.device, scenario.devices)
    yield from _among("/show/goods", scenario.show.goods, scenario.goods)


def _goods(scenario: Scenario) -> Iterator[Finding]:
    """Goods are in one place at a time, begun before, and one place has one load at a time."""
    taken: dict[str, list[tuple[Stay, str]]] = {}
    for name, goods in scenario.goods.items():
        last_s = goods.begins_s
        for number, stay in enumerate(goods.stays):
            pointer = f"/goods/{name}/stays/{number}"
            if stay.from_s < last_s:
                yield f"{pointer}/from", "a time after its beginning and its last stay"
            if stay.until_s > scenario.lasts_s:
                yield f"{pointer}/until", "a time before the end of the scenario"
            last_s = stay.until_s
            taken.setdefault(stay.asset, []).append((stay, pointer))
            yield from _room(scenario, goods, stay, pointer)
        for given in goods.made_of:
            if any(stay.until_s > goods.begins_s for stay in scenario.goods[given].stays):
                yield f"/goods/{name}/made_of/{given}", "goods that are out of every asset by then"
    for stays in taken.values():
        for (one, _), (other, pointer) in pairwise(sorted(stays, key=lambda s: s[0].from_s)):
            if other.from_s < one.until_s:
                yield f"{pointer}/from", "a time when nothing else is in that asset"


def _room(scenario: Scenario, goods: Goods, stay: Stay, pointer: str) -> Iterator[Finding]:
    """The air of a box holds enough heat for the step, with these goods in it."""
    box = scenario.library.assets[scenario.assets[stay.asset].profile].box
    if box is None:
        yield f"{pointer}/asset", "a box, as goods in a field are not modelled"
        return
    product = scenario.library.products[goods.product]
    exchange = goods.mass_kg * product.food.above_j_kg_k / product.lag_s
    try:
        Room(box, 0.0, Load(product.food, goods.mass_kg, 0.0, exchange))
    except ValueError as error:
        yield f"{pointer}/asset", f"a box with more air or lining, or less goods: {error}"


def _devices(scenario: Scenario) -> Iterator[Finding]:
    """Devices measure what there is, for some whole frames, within the scenario."""
    for name, device in scenario.devices.items():
        profile, asset = scenario.profile(name), scenario.assets[device.asset]
        if not device.from_s + profile.frame_ms // 1000 <= device.until_s <= scenario.lasts_s:
            yield f"/devices/{name}", "a from and an until within the scenario, with a frame between"
        for channel in profile.channels.values():
            if not _is_there(channel.measures, asset, scenario.library.assets[asset.profile]):
                yield f"/devices/{name}/profile", f"channels that exist there, unlike {channel.measures}"
            if channel.measures in POWERED and profile.battery is None:
                yield f"/devices/{name}/profile", "a profile with a battery, as a channel measures one"


def _is_there(measures: str, asset: Asset, profile: AssetProfile) -> bool:
    if measures in BOXED:
        return profile.box is not None
    if measures in OPEN:
        return profile.box is None
    return measures not in MOVING or asset.route is not None


def _troubles(scenario: Scenario) -> Iterator[Finding]:
    for number, trouble in enumerate(scenario.troubles):
        pointer = f"/faults/{number}"
        if trouble.until_s > scenario.lasts_s:
            yield f"{pointer}/until", "a time within the scenario"
        if trouble.kind == "unit-off" and scenario.machine(str(trouble.asset)) is None:
            yield f"{pointer}/asset", "an asset with a unit"
        if trouble.channel is not None:
            yield from _among(
                f"{pointer}/channel", trouble.channel, scenario.profile(str(trouble.device)).channels
            )
    for number, attack in enumerate(scenario.attacks):
        fitted = scenario.devices[attack.device]
        if not fitted.from_s < attack.from_s or attack.until_s > scenario.lasts_s:
            yield f"/attacks/{number}/from", "a time while the device is at work, within the scenario"


def _orders(scenario: Scenario) -> Iterator[Finding]:
    """What devices are told has channels that they have, and fits into a frame."""
    for number, order in enumerate(scenario.orders):
        pointer, channels = f"/configs/{number}", scenario.profile(order.device).channels
        if order.from_s > scenario.lasts_s:
            yield f"{pointer}/from", "a time within the scenario"
        for name in order.limits:
            yield from _among(f"{pointer}/limits", name, channels)
        if len(channels) * order.frame_s // order.reading_s > READINGS_A_FRAME:
            yield f"{pointer}/frame_s", f"at most {READINGS_A_FRAME} readings in a frame"


def _shown(scenario: Scenario) -> Iterator[Finding]:
    channels = scenario.profile(scenario.show.device).channels
    warm = [name for name, channel in channels.items() if channel.measures in {"air", "supply", "product"}]
    yield from _among("/show/channel", scenario.show.channel, warm)


def _among(pointer: str, name: str | None, known: Collection[str]) -> Iterator[Finding]:
    if name is not None and name not in known:
        yield pointer, f"one of {', '.join(known) or 'nothing: there is none'}"


def _got(document: Any, pointer: str) -> str:
    for part in pointer.split("/")[1:]:
        if isinstance(document, Mapping):
            document = document.get(part)
        elif isinstance(document, list):
            document = document[int(part)]
    return repr(document)[:60]
