"""Who supplied whom with a lot: one step back and one step forward, in the words of the EU and of China.

* European Union: Regulation (EC) No 178/2002, article 18(2) (from whom) and 18(3) (to whom); for food
  of animal origin Implementing Regulation (EU) No 931/2011, article 3(1), says what is to be told.
* China: Food Safety Law (中华人民共和国食品安全法): article 50 (a producer's purchases), 51 (what leaves a
  producer), 53 (a trader's purchases; its fourth paragraph: a wholesaler's sales). Article 42 asks for
  traceability as such.

Neither knows the exception of the US rule for what is not packed yet: every movement counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from traceability.supply.fsma.case import Case
from traceability.supply.fsma.elements import Cte, Element
from traceability.supply.fsma.finding import find
from traceability.supply.fsma.history import Happening, History, Life
from traceability.supply.fsma.master import Masters, attributes_of, lot_code
from traceability.supply.fsma.tracking import LEAVING, TAKING

EU: Final = ("(EC) 178/2002 art. 18(2)", "(EC) 178/2002 art. 18(3)")
EU_HEADS: Final = (
    *("Provision", "Direction", "Food business operator", "Supplier or customer", "Food", "Quantity"),
    *("Unit", "Lot", "Date of supply", "Documents", "Not known"),
)
CHINA_HEADS: Final = (
    *(
        "条款 Article",
        "记录 Record",
        "记录方 Recorded by",
        "供货者或购货者的名称、地址、联系方式 Supplier or buyer",
    ),
    *("名称、规格 Name and specification", "数量 Quantity", "单位 Unit", "生产批号 Lot", "生产日期 Produced"),
    *("保质期 Shelf life until", "进货或销售日期 Date", "凭证、检验合格证号 Documents", "缺失 Not known"),
)
_PRODUCED: Final = (
    *("productionDate", "packagingDate", "harvestDate"),
    *("harvestDateStart", "harvestStartDate"),
)
_UNTIL: Final = ("bestBeforeDate", "itemExpirationDate", "expirationDate", "sellByDate")


@dataclass(frozen=True, slots=True)
class Move:
    """A lot that one firm took from another (``back``), or gave to it.

    ``article`` is that of China's Food Safety Law; texts are those of the cells.
    """

    back: bool
    article: str
    operator: str
    other: str
    food: str
    quantity: str
    unit: str
    lot: str
    produced: str
    until: str
    date: str
    documents: str
    unknown: str

    def eu(self) -> tuple[str, ...]:
        """Its row under ``EU_HEADS``."""
        way = "from" if self.back else "to"
        own = (EU[0 if self.back else 1], way, self.operator, self.other, self.food, self.quantity, self.unit)
        return (*own, self.lot, self.date, self.documents, self.unknown)

    def china(self) -> tuple[str, ...]:
        """Its row under ``CHINA_HEADS``."""
        own = (self.article, _RECORDS[self.article], self.operator, self.other, self.food, self.quantity)
        return (
            *(*own, self.unit, self.lot, self.produced, self.until, self.date, self.documents),
            self.unknown,
        )


_RECORDS: Final = {
    "第五十条": "进货查验记录 purchases of a producer",
    "第五十一条": "出厂检验记录 leaving a producer",
    "第五十三条": "进货查验记录 purchases of a trader",
    "第五十三条第四款": "销售记录 sales of a wholesaler",
}


def moves_of(
    history: History, masters: Masters, lots: Iterable[str], period: tuple[int, int] | None = None
) -> tuple[Move, ...]:
    """All movements of some lots from firm to firm, by lot and time."""
    return tuple(
        _move(history, masters, life, each)
        for life in map(history.life, sorted(set(lots)))
        for each in life.happenings
        if _moves(each) and (period is None or period[0] <= each.told.at_ms <= period[1])
    )


def _moves(each: Happening) -> bool:
    told = each.told
    return (
        told.step in TAKING
        or told.step == "shipping"
        or bool(told.step in LEAVING and told.end("destinationList"))
    )


def _move(history: History, masters: Masters, life: Life, each: Happening) -> Move:
    told, back = each.told, each.told.step in TAKING
    case = Case(history, masters, Cte.RECEIVING if back else Cte.SHIPPING, told, each.amount, life, life)
    keys = ("previous" if back else "recipient", "product", "quantity", "documents")
    other, food, amount, papers = (find(case, Element("", key)) for key in keys)
    names = zip(("counterpart", "food", "quantity", "documents"), (other, food, amount, papers), strict=True)
    own = dict(case.attributes(life)) | attributes_of(told.ilmd)
    return Move(
        back,
        _article(life, each, back=back),
        masters.location(told.party, told.party).text,
        other.cells[0],
        food.cells[0],
        amount.cells[0],
        amount.cells[1],
        lot_code(life.uri)[0],
        _first(own, _PRODUCED),
        _first(own, _UNTIL),
        told.date,
        papers.cells[1],
        "; ".join(f"{name}: {found.lacking}" for name, found in names if found.lacking),
    )


def _article(life: Life, each: Happening, *, back: bool) -> str:
    """A producer is who makes the lot, or uses it up; other firms trade in it."""
    party = each.told.party
    if back:
        used = any(other.role == "input" and other.told.party == party for other in life.happenings)
        return "第五十条" if used else "第五十三条"
    begun = life.assigned or life.harvested
    return "第五十一条" if begun is not None and begun.told.party == party else "第五十三条第四款"


def _first(given: dict[str, str], names: Iterable[str]) -> str:
    return next((given[name] for name in names if given.get(name)), "")
