"""Who and what appears in the journey: firms, monitored assets, batches and what they are made of.

All firms, products and numbers are invented: GS1 keeps the prefix 952 for demonstrations (GS1
prefix list), and what these parties are called is nobody's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from firmware_sim.plan import Asset, BatchPlan, Input, Party, Text
from traceability.identifiers import Batch, asset_uri, check_digit, party_uri

HOUR_MS: Final = 3_600_000
CHINA: Final = timezone(timedelta(hours=8))

MILKED_MS: Final = 22 * HOUR_MS
PACKED_MS: Final = 12 * HOUR_MS
MADE_MS: Final = 34 * HOUR_MS
"""After the first picking: in the morning the milk, on its evening the packing, on the next the yoghurt."""

_DALI: Final = Text("Dali, Yunnan", "云南大理")
_CHONGQING: Final = Text("Chongqing", "重庆")
_WULONG: Final = Text("Wulong, Chongqing", "重庆武隆")
_MEISHAN: Final = Text("Meishan, Sichuan", "四川眉山")
_STRAWBERRIES: Final = Text("Strawberries", "草莓")
_PACKED: Final = Text("Packed strawberries", "盒装草莓")
_YOGHURT: Final = Text("Strawberry yoghurt", "草莓酸奶")
_MILK: Final = Text("Raw milk", "生牛乳")
_PROFILES: Final = {
    _STRAWBERRIES: "strawberry",
    _PACKED: "strawberry",
    _YOGHURT: "yoghurt",
    _MILK: "raw-milk",
}

_PARTIES: Final = (
    ("farm-1", Text("Cangshan Berry Growers", "苍山草莓合作社"), _DALI),
    ("farm-2", Text("Lakeside Berry Farm", "湖畔草莓园"), _DALI),
    ("farm-3", Text("Three Springs Farm", "三泉农场"), _DALI),
    ("packer", Text("Cloud Ridge Packing", "云岭鲜果包装"), _DALI),
    ("haulier", Text("Southwest Fresh Haulage", "西南鲜运物流"), _DALI),
    ("dairy-1", Text("Mist Valley Dairy", "雾谷牧场"), _WULONG),
    ("dairy-2", Text("Bamboo Plain Dairy", "竹原牧场"), _MEISHAN),
    ("creamery", Text("Two Rivers Creamery", "两江乳品坊"), _CHONGQING),
    ("courier", Text("Hill City Cold Delivery", "山城冷链配送"), _CHONGQING),
    ("shop", Text("Jialing Fresh Market", "嘉陵鲜果超市"), _CHONGQING),
)
"""Key, names, region. The n-th has the company prefix 952 000n, the GLN 00001 and the GTIN 00010."""
_ASSETS: Final = (
    ("cold-room", Text("Cold room at the packer’s", "包装厂冷库"), "precooling", "packer", "COOL1"),
    ("truck-a", Text("Refrigerated truck A", "冷藏车甲"), "truck", "haulier", "TRUCKA"),
    ("truck-b", Text("Refrigerated truck B", "冷藏车乙"), "truck", "haulier", "TRUCKB"),
    ("creamery-room", Text("Cold room at the creamery", "乳品坊冷库"), "warehouse", "creamery", "ROOM1"),
    ("van", Text("Refrigerated van", "冷藏小货车"), "truck", "courier", "VAN1"),
    ("shelf", Text("Refrigerated shelf in the shop", "门店冷藏柜"), "cabinet", "shop", "SHELF1"),
)
"""Key, names, kind, party, and what follows the company prefix in its GIAI."""


@dataclass(frozen=True, slots=True)
class _Lot:
    """A batch: ``begins_ms`` after the first picking, best before so many days later, in kilograms."""

    party: str
    product: Text
    lot: str
    begins_ms: int
    days: int
    mass_kg: int
    highest_milli_c: int = 5000


_LOTS: Final[Mapping[str, _Lot]] = {
    "yoghurt": _Lot("creamery", _YOGHURT, "SY-{}-1", MADE_MS, 21, 2150, 6000),
    "packed-a": _Lot("packer", _PACKED, "CR-{}-A", PACKED_MS, 9, 296),
    "packed-b": _Lot("packer", _PACKED, "CR-{}-B", PACKED_MS, 9, 178),
    "farm-lot-1": _Lot("farm-1", _STRAWBERRIES, "CB-{}-07", 0, 9, 240),
    "farm-lot-2": _Lot("farm-2", _STRAWBERRIES, "LB-{}-2", 0, 9, 180),
    "farm-lot-3": _Lot("farm-3", _STRAWBERRIES, "TS-{}-1", 0, 9, 60),
    "milk-1": _Lot("dairy-1", _MILK, "MV-{}-1", MILKED_MS, 7, 1100, 6000),
    "milk-2": _Lot("dairy-2", _MILK, "BP-{}-1", MILKED_MS, 7, 800, 6000),
}
"""Lots are named by month and day. Cold strawberries keep up to ten days (Cornell University)."""
RECIPES: Final[Mapping[str, tuple[Input, ...]]] = {
    "packed-a": (Input("farm-lot-1", 150), Input("farm-lot-2", 90), Input("farm-lot-3", 60)),
    "packed-b": (Input("farm-lot-1", 90), Input("farm-lot-2", 90)),
    "yoghurt": (Input("packed-a", 296), Input("milk-1", 1100), Input("milk-2", 800)),
}
"""A little less comes out: bruised fruit, what stays in the tank (assumed: one to three percent)."""

REGIONS: Final[Mapping[str, Text]] = {key: region for key, _, region in _PARTIES}
POSITIONS: Final[Mapping[Text, str]] = {
    _DALI: "geo:25.6,100.2",
    _CHONGQING: "geo:29.6,106.5",
    _WULONG: "geo:29.3,107.8",
    _MEISHAN: "geo:30.1,103.8",
}
"""Where the regions are, to a tenth of a degree."""


def parties(node: str) -> tuple[Party, ...]:
    """The firms."""
    found = []
    for key, names, _ in _PARTIES:
        prefix = _prefix(key)
        gln = f"{prefix}00001" + check_digit(f"{prefix}00001")
        found.append(Party(key, names, gln, party_uri(node, gln), prefix))
    return tuple(found)


def assets() -> tuple[Asset, ...]:
    """What is monitored."""
    rows = ((key, names, kind, party, _prefix(party) + number) for key, names, kind, party, number in _ASSETS)
    return tuple(Asset(*row, uri=asset_uri(row[-1])) for row in rows)


def batches(node: str, picked_ms: int) -> dict[str, BatchPlan]:
    """The batches of a journey that begins with a picking at that time; the one to show stands first."""
    return {key: _batch(node, key, lot, picked_ms + lot.begins_ms) for key, lot in _LOTS.items()}


def _batch(node: str, key: str, lot: _Lot, begins_ms: int) -> BatchPlan:
    digits, day = f"0{_prefix(lot.party)}00010", datetime.fromtimestamp(begins_ms // 1000, UTC)
    day = day.astimezone(CHINA)
    made = Batch(digits + check_digit(digits), lot.lot.format(f"{day:%m%d}"))
    return BatchPlan(
        key=key,
        gtin=made.gtin,
        lot=made.lot,
        uri=made.uri(node),
        product=lot.product,
        low_milli_c=0,
        high_milli_c=lot.highest_milli_c,
        max_gap_s=30 * 60,
        best_before=f"{day + timedelta(days=lot.days):%Y-%m-%d}",
        quantity=lot.mass_kg,
        uom="KGM",
        dated="harvestStartDate" if lot.product is _STRAWBERRIES else "productionDate",
        profile=_PROFILES[lot.product],
    )


def _prefix(party: str) -> str:
    """A party's company prefix, seven digits."""
    return f"952{1 + list(REGIONS).index(party):04d}"
