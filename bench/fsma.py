"""From a lot code to the sortable spreadsheet (21 CFR 1.1455) in a store of a million events.

    limits  5 s for one lot code; the law gives 24 hours
    peer    the module csv of Python, writing the same cells

The million are generated and stand in the tables that follow from events, where searching is the same.
The lots that are asked for are captured, signed and published like any others, and opened again for
each spreadsheet: harvest, packing, a pallet of several lots, shipping, receiving.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final

from bench.chains.region import happenings
from bench.chains.rows import fill
from bench.databases import databases
from bench.measure import Table, median, ratio, run, timed
from bench.world import move_on
from tests.support.supply import given, send
from tests.support.world import World, make_world
from traceability.gs1 import check_digit
from traceability.operations.draft import Given
from traceability.operations.events import Reader
from traceability.operations.fsma import Asked, find_records
from traceability.supply.fsma.tables import Records, records, sheets
from traceability.supply.fsma.workbook import write_xlsx

LIMIT_S: Final = 5
DAYS: Final = 3_000
"""The world's clock is moved on by so much, so that nothing is from the future."""
RAW, PACKED = "09555000000013", "19555000000010"
SHED, DEPOT = "https://id.gs1.org/414/9555000000013", "https://id.gs1.org/414/9555000000020"
PALLET: Final = 5
"""Lots on a pallet."""


def measure(full: bool, folder: Path) -> Iterator[Table]:
    """On SQLite and on PostgreSQL."""
    events, lots, rounds = (1_000_000, 300, 5) if full else (100_000, 50, 3)
    head = [
        "asked for",
        "rows",
        "find, s",
        "write XLSX, s",
        "together, s",
        "csv alone, s (peer)",
        "together / csv",
    ]
    with databases(folder) as urls:
        for name, url in urls.items():
            world = make_world(folder / name, url)
            fill(world.store, islice(happenings(1), events))
            move_on(world, DAYS)
            _trade(world, lots)
            world.publish()
            asked = {"a lot code": Asked([f"{PACKED}/P0"]), f"a food of {lots} lots": Asked(foods=[PACKED])}
            rows = [[what, *_cells(world, each, rounds)] for what, each in asked.items()]
            note = f"{events:,} events beside those of {lots} lots. Limit: {LIMIT_S} s for a lot code."
            yield Table(f"Records of the traceability rule, {name}", head, rows, note)
            world.store.close()


def _cells(world: World, asked: Asked, rounds: int) -> list[str]:
    finding, writing, peer = [], [], []
    found = _find(world, asked)
    for _ in range(rounds):
        finding.append(timed(lambda: _find(world, asked)).wall_s)
        writing.append(timed(lambda: write_xlsx(sheets(found), found.computed.at_ms)).wall_s)
        peer.append(timed(lambda: _csv(found)).wall_s)
    both = [sum(pair) for pair in zip(finding, writing, strict=True)]
    return [
        f"{len(found.rows):,}",
        *(median(each, 3) for each in (finding, writing, both, peer)),
        ratio(both, peer),
    ]


def _find(world: World, asked: Asked) -> Records:
    with world.store.reading() as connection:
        return find_records(connection, world.node, asked, Reader(regulator=True))


def _csv(found: Records) -> None:
    sheet = records(found)
    csv.writer(io.StringIO()).writerows([sheet.heads, *sheet.rows])


def _trade(world: World, lots: int) -> None:
    farm, shop = world.party("Green Farm"), world.party("Corner Shop")
    for first in range(0, lots, PALLET):
        pallet = f"09555000000{first:06d}"
        own, theirs = _pallet(
            world.now_ms - 1_000_000, f"{pallet}{check_digit(pallet)}", range(first, first + PALLET)
        )
        for party, events in ((farm, own), (shop, theirs)):
            if any(each.refused for each in send(world, party, *events)):
                raise RuntimeError("an event of the benchmark was refused")


def _pallet(at_ms: int, sscc: str, lots: range) -> tuple[list[Given], list[Given]]:
    """What the farm says of some lots, and what the shop says."""
    raw = [_amount(f"https://id.gs1.org/01/{RAW}/10/R{lot}", 100, "KGM") for lot in lots]
    packed = [_amount(f"https://id.gs1.org/01/{PACKED}/10/P{lot}", 20, "CS") for lot in lots]
    begins: dict[str, Any] = {"bizStep": "creating_class_instance", "readPoint": {"id": SHED}}
    unit = f"https://id.gs1.org/00/{sscc}"
    ends = {
        "epcList": [unit],
        "sourceList": [{"type": "location", "source": SHED}],
        "destinationList": [{"type": "location", "destination": DEPOT}],
        "bizTransactionList": [
            {"type": "desadv", "bizTransaction": f"urn:epcglobal:cbv:bt:9555000000013:{sscc}"}
        ],
    }
    own = [given("ObjectEvent", at_ms, action="ADD", quantityList=[each], **begins) for each in raw]
    own += [
        given(
            "TransformationEvent", at_ms + 1000, inputQuantityList=[used], outputQuantityList=[made], **begins
        )
        for used, made in zip(raw, packed, strict=True)
    ]
    pack = {"action": "ADD", "bizStep": "packing", "parentID": unit, "childQuantityList": packed}
    own.append(given("AggregationEvent", at_ms + 2000, **pack))
    own.append(given("ObjectEvent", at_ms + 3000, bizStep="shipping", readPoint={"id": SHED}, **ends))
    return own, [given("ObjectEvent", at_ms + 4000, bizStep="receiving", readPoint={"id": DEPOT}, **ends)]


def _amount(uri: str, number: int, uom: str) -> dict[str, Any]:
    return {"epcClass": uri, "quantity": Decimal(number), "uom": uom}


if __name__ == "__main__":
    run(("fsma", measure))
