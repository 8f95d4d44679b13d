"""The script: strawberries from three farms near Dali, milk from two dairies, a yoghurt in Chongqing.

A packer mixes the farms' lots into two. One goes to a creamery, with a door left open and an hour
without data on the way; the yoghurt made of it and of the milk is for sale until four hours before
now. The other packed lot is under way on another truck. Who they are is told in ``cast``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from firmware_sim.cast import (
    HOUR_MS,
    MADE_MS,
    MILKED_MS,
    PACKED_MS,
    POSITIONS,
    RECIPES,
    REGIONS,
    assets,
    batches,
    parties,
)
from firmware_sim.plan import Asset, BatchPlan, DevicePlan, Fault, Plan, StepPlan
from firmware_sim.sampling import BACKLOG

MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * HOUR_MS
LENGTH_MS: Final = 5 * DAY_MS
MODEL: Final = "FT-Sim 1 (DS18B20 + SHT4x)"
PROBED: Final = "FT-Sim 3 unit (three probes)"
PROBES: Final = {"return": "air-return", "supply": "air-supply", "product": "product"}
"""Of a truck: the air that comes back to its unit, what that blows, and a punnet behind the door."""

PICKING_MS: Final = 7 * HOUR_MS + 30 * MINUTE_MS
"""Local time of day at which picking ends on the first farm."""
LOADED_MS: Final = 13 * HOUR_MS
IN_SHOP_MS: Final = 70 * HOUR_MS + 30 * MINUTE_MS
"""After the first picking: on truck A the same evening; in the shop at six, two days and a night later."""
DRIVE_MS: Final = 17 * HOUR_MS
"""Dali to Chongqing: about 1,150 km of motorway with two drivers and their breaks (assumed)."""
DOOR: Final = (14 * HOUR_MS, 14 * HOUR_MS + 33 * MINUTE_MS)
DEAD: Final = (7 * HOUR_MS, 8 * HOUR_MS)
"""After departure: the door that stays open, and the hour in which the sensor is dead."""
STOP: Final = (38 * MINUTE_MS, 5 * MINUTE_MS)
"""Before now: on truck B a door was opened, and closed again, so that its goods are too warm for a while."""
UNDER_WAY_MS: Final = 3 * HOUR_MS
SOLD_MS: Final = 4 * HOUR_MS
"""Before now: truck B left, and the last of the yoghurt was sold."""

_ALWAYS_ON: Final = "shelf"
_STILL_DRIVING: Final = "truck-b"


@dataclass(frozen=True, slots=True)
class _Row:
    """A step: when, in minutes after the first picking; who says so; where; from whom to whom it goes."""

    minute: int
    party: str
    step: str
    asset: str | None = None
    hands: tuple[str, str] | None = None

    @property
    def at(self) -> str:
        """The party in whose region it happens: where a load is taken over, or handed over."""
        if self.hands is not None and self.step in {"load", "unload"}:
            return self.hands[self.step == "unload"]
        return self.party


def plan(start_ms: int, now_ms: int, seed: int, node: str) -> Plan:
    """The journey as seen from one moment.

    Args:
        start_ms: its beginning, a whole minute, five days before ``now_ms`` (see ``start_of``).
        now_ms: when it is planned; nothing but a live device measures later.
        node: the name of the node on which parties and devices are enrolled.

    Raises:
        ValueError: another length of time.
    """
    if start_ms != start_of(now_ms):
        raise ValueError("the journey begins five days before it is planned, on a whole minute")
    end_ms = start_ms + LENGTH_MS
    picked_ms = start_ms + (PICKING_MS - _time_of_day(start_ms)) % DAY_MS
    made = batches(node, picked_ms)
    rows = _rows((end_ms - picked_ms) // MINUTE_MS)
    steps = [_step(made[key], picked_ms, row) for key, own in rows.items() for row in own]
    steps.sort(key=lambda step: step.at_ms)
    devices = tuple(_device(asset, steps, start_ms, end_ms) for asset in assets())
    installs = [_install(device) for device in devices]
    loaded_ms = picked_ms + LOADED_MS
    faults = (
        Fault("door", "truck-a", loaded_ms + DOOR[0], loaded_ms + DOOR[1]),
        Fault("dead", "sensor-truck-a", loaded_ms + DEAD[0], loaded_ms + DEAD[1]),
        Fault("door", "truck-b", end_ms - STOP[0], end_ms - STOP[1]),
    )
    return Plan(
        seed=seed,
        node=node,
        start_ms=start_ms,
        now_ms=now_ms,
        parties=parties(node),
        assets=assets(),
        devices=devices,
        batches=tuple(made.values()),
        steps=tuple(sorted([*installs, *steps], key=lambda step: step.at_ms)),
        faults=faults,
    )


def start_of(now_ms: int) -> int:
    """When a journey begins that is planned now: five days earlier, on a whole minute."""
    return (now_ms - LENGTH_MS) // MINUTE_MS * MINUTE_MS


def _rows(end: int) -> dict[str, list[_Row]]:
    """What happens to each batch; ``end`` is the planned moment, in minutes after the first picking."""
    return {
        **{f"farm-lot-{n}": _picked(f"farm-{n}", 90 * (n - 1)) for n in (1, 2, 3)},
        **{f"milk-{n}": _milked(f"dairy-{n}", MILKED_MS // MINUTE_MS + 30 * (n - 1)) for n in (1, 2)},
        "packed-a": _to_the_creamery(PACKED_MS // MINUTE_MS, LOADED_MS // MINUTE_MS),
        "packed-b": _still_driving(PACKED_MS // MINUTE_MS + 10, end - UNDER_WAY_MS // MINUTE_MS),
        "yoghurt": _to_the_shop(MADE_MS // MINUTE_MS, IN_SHOP_MS // MINUTE_MS, end - SOLD_MS // MINUTE_MS),
    }


def _picked(farm: str, picked: int) -> list[_Row]:
    """From a farm to the packer's cold room, until all of it is packed."""
    hands = (farm, "packer")
    return [
        _Row(picked, farm, "harvest"),
        _Row(picked + 40, farm, "ship", hands=hands),
        _Row(picked + 80, "packer", "receive", hands=hands),
        _Row(picked + 90, "packer", "store", "cold-room"),
        _Row(PACKED_MS // MINUTE_MS - 20, "packer", "retrieve", "cold-room"),
    ]


def _milked(dairy: str, milked: int) -> list[_Row]:
    """From a dairy to the creamery's cold room, until the yoghurt is made of it."""
    hands = (dairy, "creamery")
    return [
        _Row(milked, dairy, "harvest"),
        _Row(milked + 60, dairy, "ship", hands=hands),
        _Row(milked + 300, "creamery", "receive", hands=hands),
        _Row(milked + 310, "creamery", "store", "creamery-room"),
        _Row(MADE_MS // MINUTE_MS - 20, "creamery", "retrieve", "creamery-room"),
    ]


def _to_the_creamery(packed: int, loaded: int) -> list[_Row]:
    """Packed on the evening of the picking, a night and a morning on truck A, and into the yoghurt."""
    arrived, hands = loaded + DRIVE_MS // MINUTE_MS, ("packer", "creamery")
    return [
        _Row(packed, "packer", "make"),
        _Row(loaded, "haulier", "load", "truck-a", ("packer", "haulier")),
        _Row(loaded + 10, "packer", "ship", hands=hands),
        _Row(arrived, "haulier", "unload", "truck-a", ("haulier", "creamery")),
        _Row(arrived + 10, "creamery", "receive", hands=hands),
        _Row(arrived + 20, "creamery", "store", "creamery-room"),
        _Row(MADE_MS // MINUTE_MS - 20, "creamery", "retrieve", "creamery-room"),
    ]


def _still_driving(packed: int, loaded: int) -> list[_Row]:
    """Kept cold at the packer's, and since three hours on truck B."""
    return [
        _Row(packed, "packer", "make"),
        _Row(packed + 15, "packer", "store", "cold-room"),
        _Row(loaded - 20, "packer", "retrieve", "cold-room"),
        _Row(loaded, "haulier", "load", "truck-b", ("packer", "haulier")),
        _Row(loaded + 10, "packer", "ship", hands=("packer", "shop")),
    ]


def _to_the_shop(made: int, shop: int, sold: int) -> list[_Row]:
    """Made, set, cooled and tested; driven through the night; on the shelf until the last of it is sold."""
    hands = ("creamery", "shop")
    return [
        _Row(made, "creamery", "make"),
        _Row(made + 360, "creamery", "store", "creamery-room"),
        _Row(made + 1020, "creamery", "inspect"),
        _Row(shop - 130, "creamery", "retrieve", "creamery-room"),
        _Row(shop - 120, "courier", "load", "van", ("creamery", "courier")),
        _Row(shop - 110, "creamery", "ship", hands=hands),
        _Row(shop - 20, "courier", "unload", "van", ("courier", "shop")),
        _Row(shop - 10, "shop", "receive", hands=hands),
        _Row(shop, "shop", "store", "shelf"),
        _Row(shop + 30, "shop", "sell"),
        _Row(sold, "shop", "retrieve", "shelf"),
    ]


def _device(asset: Asset, steps: list[StepPlan], start_ms: int, end_ms: int) -> DevicePlan:
    """The device of an asset: from two hours before a batch enters it until an hour after the last left.

    That of the shelf measures from the beginning; that of the truck still driving has no end.
    """
    times = [s.at_ms for s in steps if s.asset == asset.key]
    from_ms = start_ms if asset.key == _ALWAYS_ON else max(times[0] - 2 * HOUR_MS, start_ms)
    whole_frames = (min(times[-1] + HOUR_MS, end_ms) - from_ms) // BACKLOG.frame_ms
    until = None if asset.key == _STILL_DRIVING else from_ms + whole_frames * BACKLOG.frame_ms
    model, channels = (PROBED, PROBES) if asset.kind == "truck" else (MODEL, {})
    return DevicePlan(f"sensor-{asset.key}", model, asset.party, asset.key, from_ms, until, channels)


def _install(device: DevicePlan) -> StepPlan:
    region = REGIONS[device.party]
    return StepPlan(
        device.from_ms,
        device.party,
        "install",
        region,
        asset=device.asset,
        device=device.key,
        position=POSITIONS[region],
    )


def _step(batch: BatchPlan, picked_ms: int, row: _Row) -> StepPlan:
    (source, destination), region = row.hands or (None, None), REGIONS[row.at]
    return StepPlan(
        picked_ms + row.minute * MINUTE_MS,
        row.party,
        row.step,
        region,
        batch=batch.key,
        asset=row.asset,
        quantity=batch.quantity,
        inputs=RECIPES[batch.key] if row.step == "make" else (),
        source=source,
        destination=destination,
        position=POSITIONS[region],
    )


def _time_of_day(at_ms: int) -> int:
    """Milliseconds since local midnight; China has no summer time."""
    return (at_ms + 8 * HOUR_MS) % DAY_MS
