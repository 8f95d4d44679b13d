"""A sheet of steps is recorded whole or not at all, every bad cell is named, and once is enough."""

from __future__ import annotations

import pytest
from sqlalchemy import event, func, select

from tests.support.world import GTIN, make_world
from traceability.__main__ import main
from traceability.errors import MalformedError, RefusedError
from traceability.ledger.record import format_time
from traceability.operations.accounts.trail import Actor
from traceability.operations.imports import preview_import, record_import
from traceability.operations.lots import lot_events
from traceability.operations.masterdata import Asset, Place, Product, save
from traceability.operations.numbers import next_own_gln
from traceability.operations.steps import Caution
from traceability.store import models
from traceability.store.accounts import TrailEntry
from traceability.supply.sheets.table import read_table

HEAD = "step,product,lot,quantity,unit,time,place,partner,asset,made_from,best_before"
ACTOR = Actor(None, None, "a test")
GLN = next_own_gln(set())
OTHER = next_own_gln({GLN})


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imports")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    farm, shop = world.party("Farm"), world.party("Shop")
    names = {"en": "Strawberries", "zh": "草莓"}
    save(world.store, ACTOR, farm, Product(GTIN, names, 0, 5000, shelf_life_days=7, uom="KGM"))
    save(
        world.store, ACTOR, farm, Place(GLN, {"en": "Shed", "zh": "库"}, region={"en": "Dali", "zh": "大理"})
    )
    save(world.store, ACTOR, farm, Asset(world.asset("ROOM-1"), {"en": "Room", "zh": "冷库"}))
    world.install(farm, world.device(farm), world.asset("ROOM-1"))
    world.wait(minutes=600)
    yield world, farm, shop
    world.store.close()


def table(*rows):
    return read_table("\n".join([HEAD, *rows]).encode())


def at(world, minutes_ago):
    return format_time(world.now_ms - minutes_ago * 60_000)


def line(world, step, lot, ago=60, **cells):
    said = {"quantity": "", "unit": "", "place": "", "partner": "", "asset": "", "made_from": ""} | cells
    amount = f"{said['quantity']},{said['unit']}"
    rest = ",".join(said[name] for name in ("place", "partner", "asset", "made_from"))
    return (
        f"{step},{cells.get('product', GTIN)},{lot},{amount},{at(world, ago)},{rest},{cells.get('until', '')}"
    )


def look(place, *rows):
    world, farm, _ = place
    return preview_import(world.store, world.node, farm, table(*rows), "+08:00")


def record(place, *rows):
    world, farm, _ = place
    return record_import(world.store, world.node, ACTOR, farm, table(*rows), "+08:00")


def count(world, what=models.Record):
    with world.store.reading() as connection:
        return connection.execute(select(func.count()).select_from(what)).scalar_one()


def cells(preview):
    return [problem.pointer for problem in preview.problems]


def test_a_sheet_is_recorded_in_its_order_and_again_records_nothing(place):
    world, farm, shop = place
    number = shop.rpartition("/")[2]
    rows = (
        line(world, "harvest", "S-1", 90, quantity="100", unit="KGM", place=GLN),
        line(world, "store", "S-1", 80, asset="ROOM-1"),
        line(world, "retrieve", "S-1", 70, asset="ROOM-1"),
        line(world, "make", "J-1", 60, quantity="40", unit="KGM", made_from=f"{GTIN}/S-1=50KGM"),
        line(world, "ship", "S-1", 50, quantity="20", unit="KGM", partner=number),
    )
    before = count(world)
    found = look(place, *rows)
    assert (found.problems, found.new, found.known) == ((), 5, 0)
    assert count(world) == before
    trail = count(world, TrailEntry)
    assert record(place, *rows) == (5, 0)
    assert count(world, TrailEntry) == trail + 1
    after = count(world)
    assert record(place, *rows) == (0, 5)
    assert (count(world), count(world, TrailEntry)) == (after, trail + 1)
    assert look(place, *rows).known == 5
    with world.store.reading() as connection:
        said = lot_events(connection, farm, world.batch("S-1"))
    begun = said[-1].event
    assert begun["ilmd"]["ft:product"] == {"en": "Strawberries", "zh": "草莓"}
    assert begun["ilmd"]["ft:temperature"]["highMilliCelsius"] == 5000
    assert "cbvmda:bestBeforeDate" in begun["ilmd"]
    assert begun["ft:region"] == {"en": "Dali", "zh": "大理"}
    assert said[0].event["destinationList"][0]["destination"] == shop


def test_every_bad_cell_is_named_and_nothing_is_recorded(place):
    world, farm, _ = place
    before = count(world)
    rows = (
        line(world, "harvest", "OK-1", quantity="1", unit="KGM"),
        line(world, "harvest", "B-1", product="09520000000028"),
        line(world, "ship", "OK-1", partner="000000000000000a", place=OTHER, quantity="0"),
        line(world, "make", "B-2"),
        line(world, "pack", "OK-1", asset="ROOM-1", until="2026-01-01", unit="KGM"),
        line(world, "store", "OK-1"),
        line(world, "pack", "OK-1", partner=farm.rpartition("/")[2], made_from=f"{GTIN}/OK-1"),
        line(world, "dance", "OK-1"),
    )
    found = look(place, *rows)
    assert cells(found) == ["B3", "D4", "G4", "H4", "J5", "E6", "I6", "K6", "I7", "H8", "J8", "A9"]
    assert found.new == 1
    with pytest.raises(MalformedError) as raised:
        record(place, *rows)
    assert [problem.pointer for problem in raised.value.problems] == cells(found)
    assert count(world) == before


def test_all_refusals_are_found_and_those_that_follow_from_another_say_so(place):
    world, _, _ = place
    before = count(world)
    rows = (
        line(world, "harvest", "R-1", -600),
        line(world, "pack", "R-1"),
        line(world, "make", "R-2", made_from=f"{GTIN}/R-1=1KGM"),
        line(world, "harvest", "R-3"),
        line(world, "harvest", "R-3", 59),
        line(world, "pack", "NOWHERE"),
        line(world, "store", "R-3", asset="ROOM-9"),
        line(world, "oops", "R-4"),
        line(world, "pack", "R-4"),
        line(world, "store", "R-3", -600, asset="ROOM-1"),
        line(world, "retrieve", "R-3", asset="ROOM-1"),
    )
    found = look(place, *rows)
    assert cells(found) == ["F2", "C3", "J4", "C6", "C7", "I8", "A9", "C10", "F11", "I12"]
    because = [p.expected for p in found.problems if p.expected.endswith("first")]
    assert because == ["row 2 to be put right first"] * 2 + [
        f"row {number} to be put right first" for number in (9, 8)
    ]
    assert count(world) == before
    sound = [row for row in rows if "oops" not in row]
    with pytest.raises(RefusedError):
        record(place, *sound)
    assert count(world) == before, "all or nothing"


def test_the_command_shows_first_and_records_with_yes(place, monkeypatch, capsys, tmp_path):
    world, farm, _ = place
    monkeypatch.setenv("FT_DATA", str(world.node.folder))
    monkeypatch.setenv("FT_DATABASE_URL", world.store.url)
    sheet = tmp_path / "steps.csv"
    sheet.write_text(f"{HEAD}\n{line(world, 'harvest', 'C-1', quantity='7', unit='KGM')}\n", "utf-8")
    words = ["import", str(sheet), "--party", farm]
    before = count(world)
    assert main(words) == 0
    assert "1 new steps, 0 recorded before; --yes" in capsys.readouterr().out
    assert count(world) == before
    assert main([*words, "--yes"]) == 0
    assert "recorded: 1 new, 0 were there before" in capsys.readouterr().out
    assert main([*words, "--yes", "--only", "known"]) == 0
    assert capsys.readouterr().out == "1\n"
    sheet.write_text(f"{HEAD}\n{line(world, 'pack', 'C-9')}\n", "utf-8")
    assert main([*words, "--yes"]) == 1
    assert "C2: expected" in capsys.readouterr().out
    assert main(["import", "--template", str(tmp_path / "t.xlsx"), "--language", "zh"]) == 0
    assert read_table((tmp_path / "t.xlsx").read_bytes())[0].cells[0] == "步骤"
    assert main(["import"]) == 1


def test_what_is_odd_is_said_of_each_row_by_what_is_recorded_and_by_the_rows_before_it(place):
    world, _, _ = place
    record(place, line(world, "harvest", "OLD", 90, quantity="10", unit="KGM"))
    found = look(
        place,
        line(world, "ship", "OLD", 50, quantity="8", unit="KGM"),
        line(world, "ship", "OLD", 49, quantity="3", unit="KGM"),
        line(world, "pack", "OLD", 100, quantity="1", unit="KGM"),
        line(world, "harvest", "ODD", 60, quantity="5", unit="KGM"),
        line(world, "pack", "ODD", 55, quantity="5", unit="LTR"),
        line(world, "store", "ODD", 50, quantity="5", unit="KGM", asset=f"{world.asset('ROOM-1')}"),
        line(world, "pack", "ODD", 40, quantity="5", unit="KGM"),
    )
    assert found.problems == ()
    assert [line.cautions for line in found.lines] == [
        (),
        (Caution.MORE_THAN_LEFT,),
        (Caution.NOTHING_LEFT, Caution.BEFORE_IT_BEGAN),
        (),
        (Caution.OTHER_UNIT,),
        (),
        (Caution.INSIDE,),
    ]
    assert found.odd == 4


def test_rows_of_one_lot_are_written_together_and_not_one_by_one(place):
    """So that the database is locked for a moment and not for as long as the sheet is."""
    world, _, _ = place
    rows = [
        line(world, step, f"T-{number}", ago, quantity="1", unit="KGM")
        for number in range(30)
        for step, ago in (("harvest", 60), ("pack", 50))
    ]
    statements: list[str] = []

    def heard(_connection, _cursor, statement, *_):
        statements.append(statement)

    event.listen(world.store.engine, "after_cursor_execute", heard)
    assert record(place, *rows) == (60, 0)
    event.remove(world.store.engine, "after_cursor_execute", heard)
    assert len(statements) < 2 * len(rows), "a few for all of them, and not some for each"
