"""The script: two lots of strawberries from a field near Dali, one of them to a shop in Chongqing.

The first lot makes the whole journey, with a door left open and an hour without data on the
way, and is for sale four hours before now. The second was picked yesterday and is under way on
another truck. All firms and numbers are invented: GS1 keeps the prefix 952 for demonstrations
(GS1 prefix list), and what these parties are called is nobody's name.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from firmware_sim.plan import Asset, BatchPlan, DevicePlan, Fault, Party, Plan, StepPlan, Text
from firmware_sim.sampling import BACKLOG
from traceability.identifiers import Batch, asset_uri, check_digit, party_uri

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
LENGTH_MS: Final = 5 * DAY_MS
MODEL: Final = "FT-Sim 1 (DS18B20 + SHT4x)"
CHINA: Final = timezone(timedelta(hours=8))

PICKING_MS: Final = 7 * HOUR_MS + 30 * MINUTE_MS
"""Local time of day at which picking ends."""
DELIVERY_MS: Final = 6 * HOUR_MS
"""Local time of day at which the shop stores what was delivered."""
LEAST_IN_SHOP_MS: Final = 10 * HOUR_MS
DRIVE_MS: Final = 17 * HOUR_MS
"""Dali to Chongqing: about 1,150 km of motorway with two drivers and their breaks (assumed)."""
DOOR: Final = (14 * HOUR_MS, 14 * HOUR_MS + 33 * MINUTE_MS)
DEAD: Final = (7 * HOUR_MS, 8 * HOUR_MS)
"""After departure: the door that stays open, and the hour in which the sensor is dead."""

_STRAWBERRIES: Final = Text("Strawberries", "草莓")
_DALI: Final = Text("Dali, Yunnan", "云南大理")
_CHONGQING: Final = Text("Chongqing", "重庆")
_PARTIES: Final = (
    ("grower", Text("Cangshan Berry Growers", "苍山草莓合作社"), "952000100001"),
    ("carrier", Text("Southwest Fresh Haulage", "西南鲜运物流"), "952000200001"),
    ("distributor", Text("Two Rivers Fresh Distribution", "两江生鲜配送"), "952000300001"),
    ("retailer", Text("Jialing Fresh Market", "嘉陵鲜果超市"), "952000400001"),
)
_ASSETS: Final = (
    ("field", Text("Field by Erhai lake", "洱海边的草莓田"), "field", "grower", "9520001FIELD1"),
    ("precooling", Text("Pre-cooling room", "预冷间"), "precooling", "grower", "9520001COOL1"),
    ("truck-a", Text("Refrigerated truck A", "冷藏车甲"), "truck", "carrier", "9520002TRUCKA"),
    ("truck-b", Text("Refrigerated truck B", "冷藏车乙"), "truck", "carrier", "9520002TRUCKB"),
    ("warehouse", Text("Distribution centre", "配送中心"), "warehouse", "distributor", "9520003DC1"),
    ("shop", Text("Refrigerated shelf in the shop", "门店冷藏柜"), "cabinet", "retailer", "9520004SHELF1"),
)


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
    picked_ms = start_ms + (PICKING_MS - _time_of_day(start_ms)) % DAY_MS
    yesterday_ms = now_ms - _time_of_day(now_ms) - DAY_MS + PICKING_MS
    first, first_steps = _first_lot(picked_ms, start_ms + LENGTH_MS, node)
    second, second_steps = _second_lot(yesterday_ms, start_ms + LENGTH_MS, node)
    steps = [*first_steps, *second_steps]
    devices = _devices(steps, start_ms, start_ms + LENGTH_MS)
    installs = [_install(device) for device in devices]
    loaded_ms = next(s.at_ms for s in first_steps if s.step == "load")
    faults = (
        Fault("door", "truck-a", loaded_ms + DOOR[0], loaded_ms + DOOR[1]),
        Fault("dead", "sensor-truck-a", loaded_ms + DEAD[0], loaded_ms + DEAD[1]),
    )
    return Plan(
        seed=seed,
        node=node,
        start_ms=start_ms,
        now_ms=now_ms,
        parties=tuple(_party(node, *row) for row in _PARTIES),
        assets=tuple(Asset(*row, uri=asset_uri(row[4])) for row in _ASSETS),
        devices=devices,
        batches=(first, second),
        steps=tuple(sorted([*installs, *steps], key=lambda step: step.at_ms)),
        faults=faults,
    )


def start_of(now_ms: int) -> int:
    """When a journey begins that is planned now: five days earlier, on a whole minute."""
    return (now_ms - LENGTH_MS) // MINUTE_MS * MINUTE_MS


def _first_lot(picked_ms: int, end_ms: int, node: str) -> tuple[BatchPlan, list[StepPlan]]:
    """The whole way to the shop; how long it waits in the distribution centre depends on the hour of day."""
    batch = _batch(node, "lot-1", picked_ms, "07", 480)
    loaded_ms = picked_ms + 13 * HOUR_MS
    arrived_ms = loaded_ms + DRIVE_MS
    sold_ms = end_ms - 4 * HOUR_MS
    longest_ms = sold_ms - LEAST_IN_SHOP_MS
    shop_ms = longest_ms - (longest_ms - DELIVERY_MS + _time_of_day(0)) % DAY_MS
    rows = [
        (picked_ms, "grower", "harvest", None, _DALI),
        (picked_ms + 90 * MINUTE_MS, "grower", "store", "precooling", _DALI),
        (loaded_ms - 75 * MINUTE_MS, "grower", "retrieve", "precooling", _DALI),
        (loaded_ms - 45 * MINUTE_MS, "grower", "pack", None, _DALI),
        (loaded_ms, "carrier", "load", "truck-a", _DALI),
        (loaded_ms + 10 * MINUTE_MS, "grower", "ship", None, _DALI),
        (arrived_ms, "carrier", "unload", "truck-a", _CHONGQING),
        (arrived_ms + 10 * MINUTE_MS, "distributor", "receive", None, _CHONGQING),
        (arrived_ms + 20 * MINUTE_MS, "distributor", "store", "warehouse", _CHONGQING),
        (shop_ms - 100 * MINUTE_MS, "distributor", "retrieve", "warehouse", _CHONGQING),
        (shop_ms - 90 * MINUTE_MS, "distributor", "ship", None, _CHONGQING),
        (shop_ms - 10 * MINUTE_MS, "retailer", "receive", None, _CHONGQING),
        (shop_ms, "retailer", "store", "shop", _CHONGQING),
        (sold_ms - 5 * MINUTE_MS, "retailer", "sell", None, _CHONGQING),
        (sold_ms, "retailer", "retrieve", "shop", _CHONGQING),
    ]
    return batch, [_step(batch, *row) for row in rows]


def _second_lot(picked_ms: int, end_ms: int, node: str) -> tuple[BatchPlan, list[StepPlan]]:
    """Picked yesterday, cooled, and since three hours on truck B."""
    batch = _batch(node, "lot-2", picked_ms, "03", 620)
    loaded_ms = end_ms - 3 * HOUR_MS
    rows = [
        (picked_ms, "grower", "harvest", None, _DALI),
        (picked_ms + 90 * MINUTE_MS, "grower", "store", "precooling", _DALI),
        (loaded_ms - 40 * MINUTE_MS, "grower", "retrieve", "precooling", _DALI),
        (loaded_ms - 25 * MINUTE_MS, "grower", "pack", None, _DALI),
        (loaded_ms, "carrier", "load", "truck-b", _DALI),
        (loaded_ms + 10 * MINUTE_MS, "grower", "ship", None, _DALI),
    ]
    return batch, [_step(batch, *row) for row in rows]


def _devices(steps: list[StepPlan], start_ms: int, end_ms: int) -> tuple[DevicePlan, ...]:
    """One device for each asset, from two hours before a batch enters it until an hour after it left.

    That of the field measures all the time; that of truck B, still under way, has no end.
    """
    devices = []
    for asset, _names, _kind, party, _giai in _ASSETS:
        times = [s.at_ms for s in steps if s.asset == asset]
        from_ms, until_ms = (times[0] - 2 * HOUR_MS, times[-1] + HOUR_MS) if times else (start_ms, end_ms)
        from_ms = max(from_ms, start_ms)
        whole_frames = (min(until_ms, end_ms) - from_ms) // BACKLOG.frame_ms
        until = None if asset == "truck-b" else from_ms + whole_frames * BACKLOG.frame_ms
        devices.append(DevicePlan(f"sensor-{asset}", MODEL, party, asset, from_ms, until))
    return tuple(devices)


def _install(device: DevicePlan) -> StepPlan:
    region = _CHONGQING if device.asset in {"warehouse", "shop"} else _DALI
    return StepPlan(device.from_ms, device.party, "install", region, asset=device.asset, device=device.key)


def _step(batch: BatchPlan, at_ms: int, party: str, step: str, asset: str | None, region: Text) -> StepPlan:
    return StepPlan(at_ms, party, step, region, batch=batch.key, asset=asset, quantity=batch.quantity)


def _party(node: str, key: str, names: Text, digits: str) -> Party:
    gln = digits + check_digit(digits)
    return Party(key, names, gln, party_uri(node, gln))


def _batch(node: str, key: str, picked_ms: int, number: str, quantity: int) -> BatchPlan:
    """Nine days until the best-before date: cold strawberries keep up to ten (Cornell University)."""
    digits = "0952000100010"
    gtin, day = digits + check_digit(digits), _local(picked_ms)
    lot = f"DL-{day:%m%d}-{number}"
    return BatchPlan(
        key=key,
        gtin=gtin,
        lot=lot,
        uri=Batch(gtin, lot).uri(node),
        product=_STRAWBERRIES,
        low_milli_c=0,
        high_milli_c=5000,
        max_gap_s=30 * 60,
        best_before=f"{day + timedelta(days=9):%Y-%m-%d}",
        quantity=quantity,
        uom="KGM",
    )


def _local(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(CHINA)


def _time_of_day(at_ms: int) -> int:
    """Milliseconds since local midnight; China has no summer time."""
    return (at_ms + 8 * HOUR_MS) % DAY_MS
