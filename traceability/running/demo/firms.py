"""The firms and products of the market: invented, with numbers that GS1 keeps for demonstrations (952)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from traceability.identifiers import check_digit
from traceability.operations.accounts.roles import PartyKind

DALI: Final = (("Dali, Yunnan", "云南大理"), (25.6, 100.2))
ZHAOTONG: Final = (("Zhaotong, Yunnan", "云南昭通"), (27.3, 103.7))
PUER: Final = (("Pu’er, Yunnan", "云南普洱"), (22.8, 101.0))
QINZHOU: Final = (("Qinzhou, Guangxi", "广西钦州"), (21.9, 108.6))
CHONGQING: Final = (("Chongqing", "重庆"), (29.6, 106.5))

Region = tuple[tuple[str, str], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Firm:
    """A party: its names in English and Chinese, what it is, its region; ``number`` gives its GS1 numbers."""

    key: str
    names: tuple[str, str]
    kind: PartyKind
    region: Region
    number: int

    @property
    def prefix(self) -> str:
        """Its company prefix: seven digits."""
        return f"95211{self.number:02d}"

    @property
    def gln(self) -> str:
        """Of the firm, and of its only place."""
        return self.prefix + "00001" + check_digit(f"{self.prefix}00001")

    def gtin(self, item: int) -> str:
        """Of its n-th product: 14 digits."""
        digits = f"0{self.prefix}{item:05d}"
        return digits + check_digit(digits)


@dataclass(frozen=True, slots=True)
class Goods:
    """A product: who makes it, how much a lot is, and where that goes.

    Attributes:
        profile: one of ``sensing.profiles``, which gives its limits; empty for what is not cooled.
        days: its shelf life.
        every: so many days lie between two lots.
        made_of: keys of products, of whose newest lots a third goes into one lot.
        to: keys of the firms that buy it.
    """

    key: str
    firm: str
    names: tuple[str, str]
    profile: str
    days: int
    quantity: int
    uom: str | None
    every: int
    to: tuple[str, ...]
    made_of: tuple[str, ...] = ()


_P: Final = PartyKind
FIRMS: Final = (
    Firm("greens", ("Erhai Greens Cooperative", "洱海蔬菜合作社"), _P.PRODUCER, DALI, 1),
    Firm("orchard", ("Zhaotong Apple Orchard", "昭通苹果园"), _P.PRODUCER, ZHAOTONG, 2),
    Firm("tea", ("Old Trees Tea Garden", "古树茶园"), _P.PRODUCER, PUER, 3),
    Firm("shrimp", ("Beibu Gulf Shrimp", "北部湾对虾"), _P.PRODUCER, QINZHOU, 4),
    Firm("butcher", ("Rongchang Meat", "荣昌肉品"), _P.PROCESSOR, CHONGQING, 5),
    Firm("mill", ("Jiangjin Mill", "江津粮油"), _P.PROCESSOR, CHONGQING, 6),
    Firm("kitchen", ("Mountain City Kitchen", "山城中央厨房"), _P.PROCESSOR, CHONGQING, 7),
    Firm("supermarket", ("Chaotianmen Supermarket", "朝天门超市"), _P.RETAILER, CHONGQING, 8),
    Firm("canteen", ("School Canteen No. 3", "第三中学食堂"), _P.RETAILER, CHONGQING, 9),
    Firm(
        "authority", ("Market Supervision (demonstration)", "市场监管局（演示）"), _P.AUTHORITY, CHONGQING, 10
    ),
    Firm("laboratory", ("Southwest Food Laboratory", "西南食品检测所"), _P.LABORATORY, CHONGQING, 11),
    Firm("bank", ("Two Rivers Bank", "两江银行"), _P.BANK, CHONGQING, 12),
)
"""Three of them have no goods."""

_SHOPS: Final = ("supermarket", "canteen")
GOODS: Final = (
    Goods(
        "spinach", "greens", ("Spinach", "菠菜"), "cut-leafy-greens", 8, 120, "KGM", 3, ("kitchen", "canteen")
    ),
    Goods(
        "lettuce", "greens", ("Romaine lettuce", "油麦菜"), "cut-leafy-greens", 9, 140, "KGM", 4, ("kitchen",)
    ),
    Goods("tomatoes", "greens", ("Cherry tomatoes", "圣女果"), "", 10, 90, "KGM", 5, _SHOPS),
    Goods("apples", "orchard", ("Apples", "苹果"), "", 60, 800, "KGM", 6, _SHOPS),
    Goods("pears", "orchard", ("Pears", "梨"), "", 45, 500, "KGM", 7, ("supermarket",)),
    Goods("tea", "tea", ("Green tea", "绿茶"), "", 540, 40, "KGM", 7, ("supermarket",)),
    Goods("shrimp", "shrimp", ("Frozen shrimp", "冻虾"), "quick-frozen", 365, 600, "KGM", 6, _SHOPS),
    Goods(
        "pork",
        "butcher",
        ("Chilled pork", "冷鲜猪肉"),
        "red-meat",
        7,
        320,
        "KGM",
        3,
        ("kitchen", "supermarket"),
    ),
    Goods(
        "mince", "butcher", ("Minced pork", "猪肉馅"), "minced-meat", 3, 80, "KGM", 4, ("canteen",), ("pork",)
    ),
    Goods(
        "sausage", "butcher", ("Sausage", "香肠"), "red-meat", 30, 60, "KGM", 7, ("supermarket",), ("pork",)
    ),
    Goods("rice", "mill", ("Rice", "大米"), "", 365, 2000, "KGM", 7, ("kitchen", "canteen", "supermarket")),
    Goods("flour", "mill", ("Wheat flour", "小麦粉"), "", 270, 1500, "KGM", 7, ("kitchen",)),
    Goods(
        "salad",
        "kitchen",
        ("Salad mix", "混合沙拉"),
        "cut-leafy-greens",
        5,
        400,
        None,
        3,
        _SHOPS,
        ("spinach", "lettuce"),
    ),
    Goods(
        "dumplings",
        "kitchen",
        ("Pork dumplings", "猪肉水饺"),
        "quick-frozen",
        180,
        300,
        None,
        5,
        _SHOPS,
        ("pork", "flour"),
    ),
    Goods("buns", "kitchen", ("Steamed buns", "馒头"), "", 3, 600, None, 4, ("canteen",), ("flour",)),
    Goods("bowls", "kitchen", ("Rice bowls", "盒饭"), "", 1, 250, None, 3, ("canteen",), ("rice", "spinach")),
)
"""In an order in which what is made of another stands behind it."""

KINDS: Final = {
    **{f"farm-{n}": _P.PRODUCER for n in (1, 2, 3)},
    **{f"dairy-{n}": _P.PRODUCER for n in (1, 2)},
    "packer": _P.PROCESSOR,
    "creamery": _P.PROCESSOR,
    "haulier": _P.CARRIER,
    "courier": _P.CARRIER,
    "shop": _P.RETAILER,
}
"""What the firms of the journey are."""
