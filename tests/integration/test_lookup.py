"""Whatever somebody has of a thing finds it: numbers as labels write them, codes, names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.supply import BLEND, LOT, PALLET
from tests.support.world import Story, World, make_world, tell_story
from traceability.identifiers import check_digit
from traceability.operations import lookup
from traceability.operations.guesses import Guess, Meaning, guess
from traceability.operations.lookup import Found, look_up
from traceability.operations.tracecode import read_trace_code
from traceability.store.projections import Event


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder: Path = tmp_path_factory.mktemp("lookup")
    world = make_world(folder / "node", f"sqlite:///{folder / 'store.sqlite'}")
    yield tell_story(world)
    world.store.close()


def search(story: Story, text: str) -> Found:
    with story.world.store.reading() as connection:
        return look_up(connection, story.world.node, text)


def hits(story: Story, text: str) -> list[tuple[str, str]]:
    return [(str(hit.what), hit.key) for hit in search(story, text).hits]


@pytest.mark.parametrize(
    "text",
    [
        LOT,
        "09520000000011/A",
        "09520000000011 A",
        "9520000000011/A",
        "(01)09520000000011(10)A",
        "(01) 09520000000011 (17)270101 (10) A",
        "０９５２００００００００１１／Ａ",
        "/01/09520000000011/10/A",
        "https://shop.example/x/01/09520000000011/10/A?17=270101",
        "urn:epc:class:lgtin:952000.0000001.A",
    ],
)
def test_a_lot_is_found_however_it_is_written(story: Story, text: str):
    assert ("batch", LOT) in hits(story, text)


def test_a_lot_without_its_product_finds_it_under_every_product(story: Story):
    found = hits(story, "A")
    assert ("batch", LOT) in found
    assert ("batch", BLEND) not in found
    assert hits(story, "C") == [("batch", BLEND)]
    assert ("batch", story.closed) in hits(story, "L1")


def test_a_product_finds_its_lots_and_a_pallet_itself(story: Story):
    assert [key[-1] for _, key in hits(story, "9520000000011")][:2] == ["A", "B"]
    assert hits(story, PALLET.rpartition("/")[2]) == [("logistic unit", PALLET)]
    assert hits(story, "(00)" + PALLET.rpartition("/")[2]) == [("logistic unit", PALLET)]


def test_places_parties_devices_assets_and_recalls(story: Story):
    assert ("place", "https://id.gs1.org/414/9520000000004") in hits(story, "9520000000004")
    assert ("party", story.carrier) in hits(story, story.carrier.rpartition("/")[2])
    assert hits(story, "carr") == [("party", story.carrier)]
    assert ("party", story.farm) in hits(story, "farm（中")
    assert hits(story, story.probes[0].device.upper()) == [("device", story.probes[0].device)]
    assert hits(story, story.probes[0].uri) == [("device", story.probes[0].device)]
    assert ("asset", story.truck) in hits(story, "TRUCK1")
    assert hits(story, "r-20260101-test00") == [("recall", "R-20260101-TEST00")]


def test_a_trace_code_and_a_statement(story: Story):
    world = story.world
    with world.store.reading() as connection:
        code = read_trace_code(connection, world.node, story.closed, world.now_ms)
        row = connection.execute(Event.__table__.select().limit(1)).one()
    assert hits(story, code.text.lower().replace("-", " ")) == [("batch", story.closed)]
    assert hits(story, row.statement.hex()) == [("event", row.statement.hex())]
    assert ("event", row.statement.hex()) in hits(story, row.event_id)


def test_lots_are_found_over_all_products_in_either_database(world: World):
    farm = world.party("Farm")
    own = world.harvest(farm, "X%_1")
    world.gtin = "0200000000001" + check_digit("0200000000001")
    restricted = world.harvest(farm, "X%_1")
    with world.store.reading() as connection:
        found = look_up(connection, world.node, "X%_1")
    assert {hit.key for hit in found.hits} == {own, restricted}


def test_what_finds_nothing_says_what_was_tried(story: Story):
    found = search(story, "9520000000059")
    assert not found.hits
    assert found.meanings[:3] == (Meaning.PRODUCT, Meaning.PLACE, Meaning.PARTY)
    assert search(story, "  ").guesses == ()


def test_more_than_is_listed_is_said_to_be_cut(story: Story, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lookup, "LISTED", 1)
    found = search(story, "9520000000011")
    assert len(found.hits) == 1
    assert found.cut


@pytest.mark.parametrize(
    "text", ["%", "'; DROP TABLE things; --", "a:\0", "(01)", "(10)()", "https://", "ſ" * 600, "R-"]
)
def test_nothing_that_is_typed_breaks_it(story: Story, text: str):
    assert search(story, text).hits == ()


def test_a_wrong_check_digit_is_no_product():
    assert all(each.meaning is not Meaning.PRODUCT for each in guess("9520000000010", "node.example"))
    assert guess("9520000000011", "node.example")[0] == Guess(Meaning.PRODUCT, "09520000000011")
