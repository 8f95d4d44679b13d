"""Which event is which, where lot codes are assigned, and what a spreadsheet makes of hostile cells."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from traceability.supply.csvtext import csv_text
from traceability.supply.epcis.context import read_context
from traceability.supply.epcis.events import CONTEXT, format_event_time
from traceability.supply.fsma.elements import Cte
from traceability.supply.fsma.history import History
from traceability.supply.fsma.master import Masters, Said
from traceability.supply.fsma.onestep import moves_of
from traceability.supply.fsma.rows import Passed, Row, rows_of
from traceability.supply.fsma.tables import Sheet
from traceability.supply.fsma.told import Told
from traceability.supply.fsma.tracking import assignments
from traceability.supply.fsma.workbook import write_xlsx

NODE = "node.example"
FARM, SHOP = "https://id.gs1.org/417/9521000000018", "https://id.gs1.org/417/9521000000025"
PLACE = {"id": "https://id.gs1.org/414/9521000000018"}
LOT, CASE = "https://id.gs1.org/01/09521000000018/10/A", "https://id.gs1.org/01/19521000000015/10/B"
PALLET = "https://id.gs1.org/00/095210000000000018"
MAKES: dict[str, Any] = {"bizStep": "creating_class_instance", "readPoint": PLACE}
COOLING: dict[str, Any] = {"ft:cte": "cooling"}
EXEMPT: dict[str, Any] = {"ft:fromExempt": True}


def told(kind: str, minute: int, party: str = FARM, **members: Any) -> Told:
    event = {"type": kind, "eventTime": format_event_time(minute * 60_000), "eventTimeZoneOffset": "+00:00"}
    return Told(f"e{minute}", party, event | members, read_context(CONTEXT), NODE)


def some(uri: str, quantity: int = 5) -> list[dict[str, Any]]:
    return [{"epcClass": uri, "quantity": quantity, "uom": "KGM"}]


def harvest(minute: int = 1, **members: Any) -> Told:
    return told("ObjectEvent", minute, action="ADD", quantityList=some(LOT), **MAKES, **members)


def step(word: str, minute: int, *, lot: str = LOT, party: str = FARM, **members: Any) -> Told:
    return told(
        "ObjectEvent", minute, party, action="OBSERVE", bizStep=word, quantityList=some(lot), **members
    )


def make(minute: int, used: str = LOT, made: str = CASE) -> Told:
    lists: dict[str, Any] = {"inputQuantityList": some(used), "outputQuantityList": some(made)}
    return told("TransformationEvent", minute, **lists, **MAKES)


def found(
    *events: Told, lots: tuple[str, ...] = (LOT, CASE), masters: Masters | None = None
) -> list[Row | Passed]:
    rows, passed = rows_of(History(events), masters or Masters(), lots)
    return [*rows, *passed]


def ctes(*events: Told) -> set[Cte]:
    return {each.cte for each in found(*events) if isinstance(each, Row)}


def test_shipping_and_receiving_count_only_after_packing():
    moved = step("shipping", 2), step("receiving", 3)
    assert ctes(harvest(), *moved) == {Cte.HARVESTING}
    assert [each.reason for each in found(harvest(), *moved) if isinstance(each, Passed)] == [
        "shipped before it was initially packed, 1.1340(c)",
        "received before it was initially packed, 1.1345(c)",
    ]
    assert ctes(harvest(0), step("packing", 1), *moved) == {
        Cte.HARVESTING,
        Cte.PACKING,
        Cte.SHIPPING,
        Cte.RECEIVING,
    }


def test_what_is_made_of_packed_food_is_transformed_and_an_event_may_say_what_it_is():
    assert ctes(harvest(), make(2)) == {Cte.HARVESTING, Cte.PACKING}
    assert ctes(harvest(), step("packing", 2), make(3)) == {Cte.HARVESTING, Cte.PACKING, Cte.TRANSFORMATION}
    assert ctes(step("other", 1, **COOLING)) == {Cte.COOLING}
    assert ctes(step("other", 1)) == set()


def test_a_pallets_shipping_is_that_of_the_lots_that_are_on_it_then():
    pack: dict[str, Any] = {"parentID": PALLET, "childQuantityList": some(CASE, 3)}
    on = told("AggregationEvent", 3, action="ADD", bizStep="packing", **pack)
    off = told("AggregationEvent", 5, action="DELETE", bizStep="unpacking", **pack)
    ships = [
        told("ObjectEvent", at, action="OBSERVE", bizStep="shipping", epcList=[PALLET]) for at in (2, 4, 6)
    ]
    rows = [
        each for each in found(make(1), on, off, *ships) if isinstance(each, Row) and each.cte is Cte.SHIPPING
    ]
    assert [(row.event, row.cells()["quantity"]) for row in rows] == [("e4", "3")]


def test_codes_may_be_assigned_where_the_rule_says_and_nowhere_else():
    sent = told("ObjectEvent", 4, action="ADD", bizStep="shipping", quantityList=some(CASE))
    again = told(
        *("TransformationEvent", 5, SHOP),
        inputQuantityList=some(CASE),
        outputQuantityList=some(CASE),
        bizStep="creating_class_instance",
        readPoint={"id": "https://id.gs1.org/414/9521000000025"},
    )
    history = History([harvest(), make(2), sent, again])
    wrong = [(each.lot, each.paragraph) for each in assignments(history, [LOT, CASE]) if each.wrong]
    assert wrong == [(CASE, "1.1310"), (CASE, "1.1320(b)")]
    same = History([harvest(), make(2, made=LOT)])
    assert [each.paragraph for each in assignments(same, [LOT]) if each.wrong] == ["1.1350(a)(2)(i)"]


def test_who_signed_an_event_is_believed_about_its_places():
    place = PLACE["id"]
    said = [
        Said(place, FARM, 1, {"name": "Own", "telephone": "1", "streetAddressOne": "S", "city": "C"}),
        Said(place, SHOP, 9, {"name": "Other", "countryCode": "CN"}),
    ]
    (row,) = (each for each in found(harvest(), masters=Masters(said)) if isinstance(each, Row))
    assert row.cells()["location"] == "Own; 1; S; C; CN; GLN 9521000000018"
    assert [lack for lack in row.lacks if lack.element.paragraph == "1.1325(a)(1)(iv)"] == []


def test_food_from_the_exempt_and_sprouts_have_elements_of_their_own():
    taken = step("receiving", 2, lot=CASE, **EXEMPT)
    (row,) = (each for each in found(taken) if isinstance(each, Row))
    assert {element.paragraph.partition("(")[2][0] for element, _ in row.values} == {"b"}
    sprouts = told(
        *("TransformationEvent", 3),
        inputQuantityList=some(LOT),
        outputQuantityList=some(CASE),
        ilmd={"ft:sprouts": {"grower": "G"}},
        **MAKES,
    )
    packed = next(
        each for each in found(harvest(), sprouts) if isinstance(each, Row) and each.cte is Cte.PACKING
    )
    assert packed.cells()["seeds"] == "grower: G"
    assert len([lack for lack in packed.lacks if lack.element.paragraph.startswith("1.1330(b)")]) == 6


def test_transforming_what_was_never_packed_is_asked_for_what_packing_is_asked_for():
    """1.1350(b): whoever cuts a raw commodity that nobody packed keeps the packer's records as well."""
    said: dict[str, Any] = {"ft:cte": "transformation"}
    lists: dict[str, Any] = {"inputQuantityList": some(LOT), "outputQuantityList": some(CASE)}
    cut = told("TransformationEvent", 5, **lists, **MAKES, **said)
    (row,) = [each for each in found(harvest(), cut) if isinstance(each, Row) and each.lot == CASE]
    asked = [element.paragraph for element, _ in row.values]
    assert row.cte is Cte.TRANSFORMATION
    assert asked[:3] == ["1.1350(a)(1)(i)", "1.1350(a)(1)(ii)", "1.1350(a)(1)(iii)"]
    assert {"1.1330(a)(1)", "1.1330(a)(4)", "1.1330(a)(7)", "1.1330(a)(8)"} <= set(asked)
    assert row.cells()["harvest_date"] == "1970-01-01"
    packed = step("packing", 2)
    (row,) = [each for each in found(harvest(), packed, cut) if isinstance(each, Row) and each.lot == CASE]
    assert not any(element.paragraph.startswith("1.1330") for element, _ in row.values)
    exempt = told("TransformationEvent", 5, **lists, **MAKES, **said, **EXEMPT)
    (row,) = [each for each in found(harvest(), exempt) if isinstance(each, Row) and each.lot == CASE]
    assert {"1.1330(c)(1)", "1.1330(c)(4)"} <= {element.paragraph for element, _ in row.values}


def test_the_neighbours_laws_know_every_movement_and_who_makes_and_who_trades():
    taken = step("receiving", 3, lot=CASE, party=SHOP)
    history = History([harvest(), step("shipping", 1), make(2), step("shipping", 2, lot=CASE), taken])
    moves = moves_of(history, Masters(), [LOT, CASE])
    assert [(move.article, move.eu()[0][-5:]) for move in moves] == [
        ("第五十一条", "18(3)"),
        ("第五十一条", "18(3)"),
        ("第五十三条", "18(2)"),
    ]


def test_no_cell_becomes_a_formula_and_numbers_keep_their_digits():
    hostile = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1")
    sheet = Sheet(
        "Records", ("Quantity", "b", "c", "d", "e"), tuple((cell, cell, "", "", "") for cell in hostile)
    )
    long = Sheet(
        "Long",
        ("Quantity",),
        (("12345678901234567890",), ("123456789.0123456789",), ("0.10",), ("x" * 40_000,)),
    )
    book = write_xlsx([sheet, long], 0)
    assert book == write_xlsx([sheet, long], 0)
    parts = zipfile.ZipFile(io.BytesIO(book))
    pages = [parts.read(f"xl/worksheets/sheet{n}.xml").decode() for n in (1, 2)]
    assert not any("<f>" in page for page in pages)
    assert "<v>0.1</v>" in pages[1]
    strings = parts.read("xl/sharedStrings.xml").decode()
    assert "12345678901234567890" in strings
    assert "123456789.0123456789" in strings
    lines = csv_text(["a"], [[cell] for cell in hostile]).split("\r\n", 1)[1]
    assert lines.count("'") == len(hostile)
