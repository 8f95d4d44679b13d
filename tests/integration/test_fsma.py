"""The records of the US traceability rule from a store: who sees what, as of which checkpoint."""

from __future__ import annotations

import io
import json
import time
import zipfile
from decimal import Decimal
from typing import Any

import pytest

from tests.support.epcis import api_of
from tests.support.supply import given, send
from tests.support.world import World
from traceability.__main__ import main
from traceability.errors import QueryError, QueryTooLargeError, UnknownSubjectError
from traceability.operations import fsma
from traceability.operations.erase import erase
from traceability.operations.events import Reader
from traceability.operations.fsma import Asked, find_records
from traceability.supply.fsma.elements import Cte
from traceability.supply.fsma.rows import Row
from traceability.supply.fsma.tables import Records
from traceability.supply.tracing.trace import Direction

ALL = Reader(regulator=True)
FIELD, SHED, DEPOT = (
    f"https://id.gs1.org/414/{gln}" for gln in ("9521000000018", "9521000000025", "9521000000032")
)
RAW = "https://id.gs1.org/01/09521000000018/10/R1"
PACKED = "https://id.gs1.org/01/19521000000015/10/P1"
PALLET = "https://id.gs1.org/00/095210000000000018"
LOT = "19521000000015/P1"


def amount(uri: str, number: str, uom: str) -> dict[str, Any]:
    return {"epcClass": uri, "quantity": Decimal(number), "uom": uom}


def paper(kind: str, number: str) -> list[dict[str, str]]:
    return [{"type": kind, "bizTransaction": f"urn:epcglobal:cbv:bt:9521000000018:{number}"}]


def story(world: World) -> tuple[str, str]:
    """A lot is harvested, packed, put onto a pallet, shipped and received; farm and shop."""
    farm, shop = world.party("Green Farm"), world.party("Corner Shop")
    ms = world.now_ms - 1_000_000
    ends = {
        "sourceList": [{"type": "location", "source": SHED}],
        "destinationList": [
            {"type": "location", "destination": DEPOT},
            {"type": "owning_party", "destination": shop},
        ],
    }
    told: dict[str, dict[str, Any]] = {
        "harvest": {
            "action": "ADD",
            "bizStep": "creating_class_instance",
            "readPoint": {"id": SHED},
            "bizLocation": {"id": FIELD},
            "quantityList": [amount(RAW, "100", "KGM")],
            "ilmd": {"ft:product": {"en": "Spinach", "zh": "菠菜"}},
            "bizTransactionList": paper("prodorder", "H1"),
        },
        "pack": {
            "inputQuantityList": [amount(RAW, "100", "KGM")],
            "outputQuantityList": [amount(PACKED, "20", "CS")],
            "bizStep": "creating_class_instance",
            "readPoint": {"id": SHED},
            "bizTransactionList": paper("prodorder", "=1+1"),
        },
        "load": {
            "action": "ADD",
            "bizStep": "packing",
            "parentID": PALLET,
            "childQuantityList": [amount(PACKED, "20", "CS")],
        },
        "ship": {"bizStep": "shipping", "epcList": [PALLET], "readPoint": {"id": SHED}, **ends},
    }
    kinds = {"pack": "TransformationEvent", "load": "AggregationEvent"}
    made = [given(kinds.get(name, "ObjectEvent"), ms + 1000 * n, **told[name]) for n, name in enumerate(told)]
    assert not any(each.refused for each in send(world, farm, *made))
    taken = {"bizStep": "receiving", "epcList": [PALLET], "readPoint": {"id": DEPOT}, **ends}
    send(world, shop, given("ObjectEvent", ms + 9000, **taken, bizTransactionList=paper("recadv", "R9")))
    world.publish()
    return farm, shop


def ask(world: World, reader: Reader = ALL, **asked: Any) -> Records:
    with world.store.reading() as connection:
        return find_records(connection, world.node, Asked(**({"lots": [LOT]} | asked)), reader)


def row_of(found: Records, cte: Cte) -> Row:
    (row,) = (row for row in found.rows if row.cte is cte)
    return row


def test_a_lot_code_gives_its_rows_also_of_the_pallet_that_it_was_on(world):
    story(world)
    found = ask(world)
    assert [row.cte for row in found.rows] == [Cte.PACKING, Cte.SHIPPING, Cte.RECEIVING]
    shipped, packed = row_of(found, Cte.SHIPPING).cells(), row_of(found, Cte.PACKING).cells()
    assert (shipped["quantity"], shipped["unit"]) == ("20", "CS")
    assert shipped["recipient"] == "GLN 9521000000032"
    assert shipped["source"] == "GLN 9521000000025"
    assert packed["commodity"] == "Spinach; GTIN 09521000000018"
    assert packed["field"] == "GLN 9521000000018"
    assert packed["harvester"].startswith("Green Farm; ")
    assert [str(lack) for lack in row_of(found, Cte.SHIPPING).lacks if lack.whole] == [
        "1.1340(a)(8) Reference document type and number: missing, the event has no bizTransactionList"
    ]
    assert [(each.paragraph, each.wrong) for each in found.assignments] == [("1.1320(a)", False)]
    traced = ask(world, directions=[Direction.BACKWARD])
    assert {row.cte for row in traced.rows} - {row.cte for row in found.rows} == {Cte.HARVESTING}
    assert len(ask(world, lots=(), foods=["19521000000015"]).rows) == 3
    assert [row.cte for row in ask(world, start_ms=world.now_ms - 994_000 - 1000).rows] == [Cte.RECEIVING]


def test_what_is_not_in_the_checkpoint_is_not_in_the_answer(lone):
    farm, _ = story(lone)
    before = ask(lone)
    late = given("ObjectEvent", lone.now_ms - 1000, bizStep="shipping", quantityList=[{"epcClass": PACKED}])
    send(lone, farm, late)
    assert ask(lone) == before
    lone.publish()
    after = ask(lone)
    assert len(after.rows) == len(before.rows) + 1
    assert after.computed.size > before.computed.size


def test_who_is_shown_less_is_told_that_something_is_withheld(lone):
    _, shop = story(lone)
    own = row_of(ask(lone, Reader(shop)), Cte.RECEIVING).cells()
    assert own["document_numbers"] == "R9"
    partner = row_of(ask(lone, Reader(shop)), Cte.SHIPPING)
    assert partner.cells()["recipient"] == "GLN 9521000000032"
    public = row_of(ask(lone, Reader()), Cte.SHIPPING)
    lacks = {lack.element.key: lack.reason for lack in public.lacks if lack.whole}
    assert "no destinationList is among what is shown of the event" in lacks["recipient"]
    assert public.cells()["quantity"] == ""


def test_what_was_erased_is_named_as_erased(lone):
    farm, _ = story(lone)
    event = row_of(ask(lone), Cte.PACKING).event
    erase(lone.store, lone.node, farm, event, "bizTransactionList", "a slip")
    row = row_of(ask(lone), Cte.PACKING)
    assert [lack.reason for lack in row.lacks if lack.element.key == "documents"] == [
        "bizTransactionList was erased"
    ]


def test_requests_that_name_nothing_or_too_much_are_refused(lone, monkeypatch):
    story(lone)
    with pytest.raises(QueryError):
        ask(lone, lots=())
    with pytest.raises(UnknownSubjectError):
        ask(lone, lots=["19521000000015/NONE"])
    monkeypatch.setattr(fsma, "MAX_EVENTS", 2)
    with pytest.raises(QueryTooLargeError):
        ask(lone)


def test_the_command_writes_the_same_workbook_each_time_and_says_what_is_missing(
    lone, tmp_path, monkeypatch, capsys
):
    farm, _ = story(lone)
    monkeypatch.setenv("FT_DATA", str(lone.node.folder))
    monkeypatch.setenv("FT_DATABASE_URL", str(lone.store.engine.url))
    said = ["name=Green Farm", "telephone=+1 555 0100", "streetAddressOne=1 Lake Road", "city=Salinas"]
    said += ["state=CA", "postalCode=93901", "countryCode=US"]
    described = ["fsma", "describe", "9521000000025", *said, "--party", farm.rpartition("/")[2]]
    assert main([*described, "--at", "2026-01-01T00:00:00Z"]) == 0
    packaging = ["productDescription==Baby spinach", "netContent=10 bags of 150 g", "packagingType=case"]
    assert (
        main([*described[:2], "19521000000015", *packaging, *described[-2:], "--at", "2026-01-01T00:00:00Z"])
        == 0
    )
    lone.now[0] = int(time.time() * 1000) + 60_000  # the commands went by this machine's clock
    lone.publish()
    capsys.readouterr()
    first, second = tmp_path / "a.xlsx", tmp_path / "b.xlsx"
    assert main(["fsma", "records", LOT, "--out", str(first)]) == 0
    told = capsys.readouterr().out
    assert "1.1340(a)(8) Reference document type and number: missing" in told
    assert "1.1340(a)(5)" not in told
    assert main(["fsma", "records", LOT, "--out", str(second)]) == 0
    assert first.read_bytes() == second.read_bytes()
    parts = zipfile.ZipFile(io.BytesIO(first.read_bytes()))
    pages = "".join(parts.read(name).decode() for name in parts.namelist() if "worksheets" in name)
    strings = parts.read("xl/sharedStrings.xml").decode()
    assert "<f>" not in pages
    assert "=Baby spinach" in strings
    assert "Green Farm; +1 555 0100; 1 Lake Road; Salinas; CA 93901; US; GLN 9521000000025" in strings
    capsys.readouterr()
    assert main(["fsma", "records", LOT, "--format", "csv"]) == 0
    table = capsys.readouterr().out
    assert "'=Baby spinach" in table
    assert ",=" not in table
    assert main(["fsma", "records", LOT, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["checkpoint"]["size"] == ask(lone).computed.size
    assert main(["fsma", "records", LOT, "--out", str(tmp_path / "records.pdf")]) == 1


def test_an_authority_asks_over_http_and_a_firm_does_not(lone):
    farm, _ = story(lone)
    with api_of(lone) as api:
        office = api.token(farm, regulator=True)
        told = api.ask("GET", f"/trace/records?thing={LOT}", office).json
        assert [row["event"] for row in told["rows"]] == ["initial packing", "shipping", "receiving"]
        sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        book = api.ask("GET", f"/trace/records?food={LOT[:14]}&language=zh", office | {"Accept": sheet})
        names = zipfile.ZipFile(io.BytesIO(book.data)).read("xl/sharedStrings.xml").decode()
        assert (book.content_type, "关键追溯事件" in names) == (sheet, True)
        assert api.ask("GET", "/trace/records", office).json["code"] == "bad-query"
        assert api.ask("GET", f"/trace/records?thing={LOT}", api.token(farm)).json["code"] == "forbidden"
