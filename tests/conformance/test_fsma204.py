"""Published events of each critical tracking event: their rows hold every key data element that they hold.

The expected cells are written by hand from 21 CFR 1.1325 to 1.1350 and the events themselves. The files
have no master data, so a location is known by its GLN and a product by its GTIN, and said to be incomplete.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from traceability.supply.epcis.document import read_document
from traceability.supply.fsma.elements import Cte
from traceability.supply.fsma.history import History
from traceability.supply.fsma.master import Masters
from traceability.supply.fsma.rows import Row, rows_of
from traceability.supply.fsma.told import Told

PARTY: Final = "https://id.gs1.org/417/0860009999992"
FARM, COOLER, PACKER = "GLN 0860009999060", "GLN 0860009999077", "GLN 0860009999992"
SHOP, KITCHEN, PIER = "GLN 0860009998001", "GLN 0860009998018", "GLN 0860009997004"
RAW, PACKED = "(01)00860009999923(10)ABC1234", "(01)10860009999920(10)ABC1234"
RAW_FOOD, PACKED_FOOD = "GTIN 00860009999923", "GTIN 10860009999920"
SALAD = "(01)10860009998039(10)SALAD-20260420-A"

HARVEST: Final = {
    "date": "2026-04-17",
    "recipient": PACKER,
    "commodity": RAW_FOOD,
    "quantity": "25000",
    "unit": "LBR",
    "location": FARM,
    "field": FARM,
    "harvester": FARM,
}
SHIPPED: Final = {
    "date": "2026-04-19",
    "quantity": "25",
    "unit": "CS",
    "product": PACKED_FOOD,
    "location": PACKER,
    "recipient": SHOP,
    "document_types": "despatch advice; bill of lading",
    "document_numbers": "856-100037169; 211-101037170",
}
USED: Final = {
    "date": "2026-04-20",
    "tlc": SALAD,
    "product": "GTIN 10860009998039",
    "quantity": "2000",
    "unit": "CS",
    "location": KITCHEN,
    "source": KITCHEN,
    "document_types": "production order",
    "document_numbers": "BATCH-20260420-A",
}
EXPECTED: Final[Mapping[str, tuple[Cte, list[dict[str, str]]]]] = {
    "harvest-cte.jsonld": (
        Cte.HARVESTING,
        [HARVEST | {"document_types": "production order", "document_numbers": "HARVEST-2026-0417"}],
    ),
    "cooling-cte.jsonld": (
        Cte.COOLING,
        [
            {
                "date": "2026-04-16",
                "recipient": PACKER,
                "commodity": RAW_FOOD,
                "quantity": "25000",
                "unit": "LBR",
                "location": COOLER,
                "farm": FARM,
                "document_types": "receiving advice",
                "document_numbers": "861-100037169",
            }
        ],
    ),
    "initial-packing-cte.jsonld": (
        Cte.PACKING,
        [
            {
                "commodity": RAW_FOOD,
                "received_date": "2026-04-17",
                "received_quantity": "25000",
                "received_unit": "LBR",
                "farm": FARM,
                "field": FARM,
                "harvester": FARM,
                "harvest_date": "2026-04-17",
                "cooled_at": PACKER,
                "cooling_date": "2026-04-17",
                "tlc": PACKED,
                "product": PACKED_FOOD,
                "quantity": "500",
                "unit": "CS",
                "location": PACKER,
                "source": PACKER,
                "date": "2026-04-18",
                "document_types": "production order",
                "document_numbers": "PACK-20260418-042",
            }
        ],
    ),
    "first-land-based-receiver-cte.jsonld": (
        Cte.LANDING,
        [
            {
                "tlc": "(01)00860009997004(10)SWF-2026-0223",
                "species": "SWORDFISH; GTIN 00860009997004",
                "quantity": "1000",
                "unit": "LBR",
                "harvest_range": "2026-02-16 to 2026-02-18",
                "catch_areas": "21.4R; 27.14.a",
                "location": PIER,
                "source": PIER,
                "date": "2026-02-23",
                "document_types": "certificate; receiving advice; purchase order",
                "document_numbers": "cert-100037169; 861-100037169; 850-100037169",
            }
        ],
    ),
    "shipping-cte.jsonld": (
        Cte.SHIPPING,
        # Who assigned the second lot's code, no event of the file says.
        [SHIPPED | {"tlc": PACKED, "source": PACKER}, SHIPPED | {"tlc": "(01)10860009999920(10)ABC5678"}],
    ),
    "receiving-cte.jsonld": (
        Cte.RECEIVING,
        [
            {
                "tlc": PACKED,
                "quantity": "500",
                "unit": "CS",
                "product": PACKED_FOOD,
                "previous": PACKER,
                "location": SHOP,
                "date": "2026-04-20",
                "source": PACKER,
                "document_types": "receiving advice",
                "document_numbers": "861-100037169",
            }
        ],
    ),
    "transformation-cte.jsonld": (
        Cte.TRANSFORMATION,
        [
            USED
            | {
                "used_tlc": "(01)10860009998022(10)DEF2345",
                "used_product": "GTIN 10860009998022",
                "used_quantity": "50",
                "used_unit": "CS",
            },
            USED
            | {"used_tlc": PACKED, "used_product": PACKED_FOOD, "used_quantity": "100", "used_unit": "CS"},
        ],
    ),
}
ROW: Final = ("cte", "section", "lot", "missing", "party", "event")
"""Cells that are about the row, not about the event."""
MISSING: Final = {"shipping-cte.jsonld": {"1.1340(a)(7)"}}
"""Paragraphs of what the events of a file do not hold."""


def rows(file: Path, cte: Cte) -> list[Row]:
    read = read_document(file.read_bytes())
    told = [
        Told(f"event {each.index}", PARTY, each.event, each.context, "node.example") for each in read.events
    ]
    history = History(told)
    found, _ = rows_of(history, Masters(), history.lots())
    return [row for row in found if row.cte is cte]


@pytest.mark.parametrize("name", EXPECTED)
def test_the_row_of_each_critical_tracking_event_holds_what_its_events_hold(conformance, name):
    cte, expected = EXPECTED[name]
    found = rows(conformance / "fsma204" / name, cte)
    cells = [{key: cell for key, cell in row.cells().items() if cell and key not in ROW} for row in found]
    assert cells == expected
    missing = {lack.element.paragraph for row in found for lack in row.lacks if lack.whole}
    assert missing == MISSING.get(name, set())


def test_every_published_file_is_looked_at(conformance):
    assert {file.name for file in (conformance / "fsma204").glob("*.jsonld")} == set(EXPECTED)


def test_what_only_master_data_can_tell_is_named_as_incomplete(conformance):
    (row,) = rows(conformance / "fsma204" / "receiving-cte.jsonld", Cte.RECEIVING)
    assert [lack.element.paragraph for lack in row.lacks] == [
        *("1.1345(a)(3)", "1.1345(a)(4)", "1.1345(a)(5)", "1.1345(a)(7)")
    ]
    assert "packaging style" in str(row.lacks[0])
    assert "phone number" in str(row.lacks[1])
