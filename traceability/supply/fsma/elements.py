"""The key data elements of 21 CFR 1.1325 to 1.1350, by critical tracking event, and their columns.

Source: 87 FR 70910 (21 November 2022), 21 CFR part 1 subpart S; compared with the eCFR of 11 June 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Cte(StrEnum):
    """A critical tracking event of 21 CFR 1.1310."""

    HARVESTING = "harvesting"
    COOLING = "cooling"
    PACKING = "initial packing"
    LANDING = "first land-based receiving"
    SHIPPING = "shipping"
    RECEIVING = "receiving"
    TRANSFORMATION = "transformation"


CTE_ZH: Final[Mapping[Cte, str]] = {
    Cte.HARVESTING: "采收",
    Cte.COOLING: "预冷",
    Cte.PACKING: "初次包装",
    Cte.LANDING: "首次陆上接收",
    Cte.SHIPPING: "发货",
    Cte.RECEIVING: "收货",
    Cte.TRANSFORMATION: "加工转化",
}
ASSIGNING: Final[Mapping[Cte, str]] = dict.fromkeys(
    (Cte.PACKING, Cte.LANDING, Cte.TRANSFORMATION), "1.1320(a)"
)
"""The events at which a traceability lot code must be assigned; at others it may not (1.1320(b))."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the spreadsheet: its heads, and what the glossary says of it."""

    key: str
    en: str
    zh: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Element:
    """One key data element: its paragraph, and the key of how it is found.

    ``optional`` elements are required only where they apply, which an event need not say.
    """

    paragraph: str
    key: str
    optional: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it fills."""
        return _SPREAD.get(self.key, (self.key,))

    @property
    def name(self) -> str:
        """What it is called: as its first column, or as all of them together."""
        return _WHOLE.get(self.key) or BY_KEY[self.columns[0]].en


_SPREAD: Final[Mapping[str, tuple[str, ...]]] = {
    "quantity": ("quantity", "unit"),
    "received_quantity": ("received_quantity", "received_unit"),
    "used_quantity": ("used_quantity", "used_unit"),
    "documents": ("document_types", "document_numbers"),
    "harvest_range": ("harvest_range", "catch_areas"),
    "source": ("source", "source_reference"),
    "assigned_at": ("location", "source", "source_reference"),
    **{f"seeds_{part}": ("seeds",) for part in range(1, 8)},
}
_WHOLE: Final[Mapping[str, str]] = {
    "quantity": "Quantity and unit of measure",
    "received_quantity": "Quantity and unit received",
    "used_quantity": "Quantity and unit used",
    "documents": "Reference document type and number",
    "harvest_range": "Harvest date range and locations",
    "assigned_at": "Location of the event, the lot code source",
}
_PLACE: Final = (
    "Business name, phone number, physical address or coordinates, city, state, zip code, country; GLN"
)
COLUMNS: Final = (
    Column(
        "cte", "Critical tracking event", "关键追溯事件", "Which of the seven events of 21 CFR 1.1310 it is"
    ),
    Column("section", "21 CFR", "法规条款", "The section whose records the row holds"),
    Column("date", "Date", "日期", "Date of the event, in the local time of where it happened"),
    Column("lot", "Lot", "批次", "GTIN and lot of what the row is about, as GS1 element string (01)(10)"),
    Column("tlc", "Traceability lot code", "追溯批次代码", "GTIN and lot; empty where none is assigned yet"),
    Column("product", "Product description", "产品描述", "Name, brand, packaging size and style; GTIN"),
    Column("commodity", "Commodity and variety", "农产品及品种", "Of a food that is not yet packed"),
    Column("species", "Species or market name", "物种或市场名称", "Of food from a fishing vessel"),
    Column("quantity", "Quantity", "数量", "A number"),
    Column("unit", "Unit of measure", "计量单位", "Code of UN/ECE Recommendation 20; empty means pieces"),
    Column("location", "Location of the event", "事件地点", f"Where it happened. {_PLACE}"),
    Column("previous", "Immediate previous source", "上一环节来源", f"Not a transporter. {_PLACE}"),
    Column("recipient", "Immediate subsequent recipient", "下一环节接收方", f"Not a transporter. {_PLACE}"),
    Column("farm", "Farm of harvest", "采收农场", _PLACE),
    Column("field", "Field or growing area", "田块或种植区", "As the grower calls it"),
    Column("container", "Aquaculture container", "养殖容器", "Pond, pool, tank or cage"),
    Column("harvester", "Harvester", "采收者", "Business name and phone number"),
    Column("harvest_date", "Date of harvesting", "采收日期", "Of what was packed"),
    Column("cooled_at", "Location of cooling", "预冷地点", f"If it was cooled before. {_PLACE}"),
    Column("cooling_date", "Date of cooling", "预冷日期", "If it was cooled before"),
    Column(
        "received_date", "Date received for packing", "包装前接收日期", "When the packer received the food"
    ),
    Column("received_quantity", "Quantity received", "接收数量", "A number"),
    Column("received_unit", "Unit received", "接收单位", "Code of UN/ECE Recommendation 20"),
    Column("used_tlc", "Lot code of the food used", "投入品追溯代码", "GTIN and lot of one input"),
    Column("used_product", "Product description of the food used", "投入品描述", "As product description"),
    Column("used_quantity", "Quantity used", "投入数量", "Of that input; a number"),
    Column("used_unit", "Unit used", "投入单位", "Code of UN/ECE Recommendation 20"),
    Column("harvest_range", "Harvest dates of the trip", "航次捕捞日期", "First and last date"),
    Column(
        "catch_areas", "Harvest locations of the trip", "航次捕捞区域", "FAO major fishing area or the like"
    ),
    Column("seeds", "Seeds for sprouting", "芽苗用种子", "What 1.1330(b) asks of sprouts"),
    Column(
        "source", "Traceability lot code source", "追溯代码来源地点", f"Where the code was assigned. {_PLACE}"
    ),
    Column(
        "source_reference",
        "Lot code source reference",
        "追溯代码来源参考",
        "Web address or FDA number instead",
    ),
    Column("document_types", "Reference document types", "凭证类型", "Of CBV, in the order of the numbers"),
    Column("document_numbers", "Reference document numbers", "凭证编号", "With semicolons between them"),
    Column(
        "missing",
        "Missing or incomplete",
        "缺失或不完整",
        "Paragraph and element; the reasons stand under Completeness",
    ),
    Column("party", "Recorded by", "记录方", "Who signed the event"),
    Column("event", "Event", "事件编号", "Its eventID, by which the signed statement is found"),
)
BY_KEY: Final[Mapping[str, Column]] = {column.key: column for column in COLUMNS}


def _elements(section: str, *given: str) -> tuple[Element, ...]:
    """From ``(1)(i) recipient``; a question mark marks what is required only where it applies."""
    split = (text.split() for text in given)
    return tuple(Element(f"{section}{tail}", key.rstrip("?"), key.endswith("?")) for tail, key in split)


_SEEDS: Final = tuple(f"(b)({part}) seeds_{part}?" for part in range(1, 8))
ELEMENTS: Final[Mapping[tuple[Cte, bool], tuple[Element, ...]]] = {
    (Cte.HARVESTING, False): _elements(
        "1.1325(a)",
        *("(1)(i) recipient", "(1)(ii) commodity", "(1)(iii) quantity", "(1)(iv) location", "(1)(v) field"),
        *("(1)(vi) container?", "(1)(vii) date", "(1)(viii) documents", "(2) harvester"),
    ),
    (Cte.COOLING, False): _elements(
        "1.1325(b)",
        *("(1)(i) recipient", "(1)(ii) commodity", "(1)(iii) quantity", "(1)(iv) location", "(1)(v) date"),
        *("(1)(vi) farm", "(1)(vii) documents"),
    ),
    (Cte.PACKING, False): _elements(
        "1.1330",
        *("(a)(1) commodity", "(a)(2) received_date", "(a)(3) received_quantity", "(a)(4) farm"),
        *("(a)(5) field", "(a)(6) container?", "(a)(7) harvester", "(a)(8) harvest_date"),
        *("(a)(9) cooled_at?", "(a)(10) cooling_date?", "(a)(11) tlc", "(a)(12) product"),
        *("(a)(13) quantity", "(a)(14) assigned_at", "(a)(15) date", "(a)(16) documents", *_SEEDS),
    ),
    (Cte.PACKING, True): _elements(
        "1.1330(c)",
        *("(1) commodity", "(2) received_date", "(3) received_quantity", "(4) previous", "(5) tlc"),
        *("(6) product", "(7) quantity", "(8) assigned_at", "(9) date", "(10) documents"),
    ),
    (Cte.LANDING, False): _elements(
        "1.1335",
        *("(a) tlc", "(b) species", "(c) quantity", "(d) harvest_range", "(e) assigned_at", "(f) date"),
        "(g) documents",
    ),
    (Cte.SHIPPING, False): _elements(
        "1.1340(a)",
        *("(1) tlc", "(2) quantity", "(3) product", "(4) recipient", "(5) location", "(6) date"),
        *("(7) source", "(8) documents"),
    ),
    (Cte.RECEIVING, False): _elements(
        "1.1345(a)",
        *("(1) tlc", "(2) quantity", "(3) product", "(4) previous", "(5) location", "(6) date"),
        *("(7) source", "(8) documents"),
    ),
    (Cte.RECEIVING, True): _elements(
        "1.1345(b)",
        *("(1) tlc", "(2) quantity", "(3) product", "(4) previous", "(5) assigned_at", "(6) date"),
        "(7) documents",
    ),
    (Cte.TRANSFORMATION, False): _elements(
        "1.1350(a)",
        *("(1)(i) used_tlc", "(1)(ii) used_product", "(1)(iii) used_quantity", "(2)(i) tlc"),
        *("(2)(ii) assigned_at", "(2)(iii) date", "(2)(iv) product", "(2)(v) quantity", "(2)(vi) documents"),
    ),
}
"""By event, and whether the food came from somebody to whom the rule does not apply."""
_MADE: Final = frozenset({"tlc", "product", "quantity", "assigned_at", "date", "documents"})
"""What packing and transforming say of what came out of them."""
SEEDS: Final[Mapping[int, tuple[str, str]]] = {
    1: ("grower", "grower of the seeds and date of harvest"),
    2: ("conditioner", "seed conditioner or processor, lot code, date"),
    3: ("packinghouse", "seed packinghouse, lot code, date"),
    4: ("supplier", "seed supplier, its lot codes, the sprouter's own"),
    5: ("description", "description of the seeds"),
    6: ("received", "date of receipt of the seeds"),
    7: ("document", "reference document of the seeds"),
}
"""Paragraphs of 1.1330(b): the member of ``ft:sprouts`` that holds it, and what it is."""


def elements_of(cte: Cte, *, exempt: bool, unpacked: bool = False) -> tuple[Element, ...]:
    """What the record of an event must hold.

    Args:
        exempt: from a person to whom the rule does not apply.
        unpacked: a raw commodity that was never packed went into it, so that what is asked of packing is
            asked of transforming as well (1.1350(b)).
    """
    own = ELEMENTS.get((cte, exempt)) or ELEMENTS[cte, False]
    if cte is not Cte.TRANSFORMATION or not unpacked:
        return own
    asked = {element.key for element in own}
    return (*own, *(element for element in ELEMENTS[Cte.PACKING, exempt] if element.key not in asked | _MADE))
