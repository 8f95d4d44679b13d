"""What a firm keeps by heart: found again as it was kept, by nobody else; what no event states is refused."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.support.world import GTIN
from traceability.errors import MalformedError, StatementError, UnknownSubjectError
from traceability.operations.accounts.trail import Actor
from traceability.operations.masterdata import Asset, Place, Product, find, forget, list_items, save
from traceability.store.accounts import TrailEntry

FARM, OTHER = "https://id.gs1.org/417/9520000000011", "https://id.gs1.org/417/9520000000028"
BY = Actor("worker", FARM, "web")
BERRIES = {"en": "Strawberries 100%", "zh": "草莓"}
REGION = {"en": "Dali", "zh": "大理"}
PRODUCT = Product(GTIN, BERRIES, 0, 5000, 1800, "strawberry", 7, "KGM")
PLACE = Place("9520000000004", {"en": "Shed", "zh": "库"}, 25_600_000, 100_200_000, REGION)


@pytest.mark.parametrize("number", range(3))
def test_what_is_kept_is_found_and_changed_and_forgotten(world, number):
    room = Asset(world.asset("ROOM/1"), {"en": "Room", "zh": "冷库"})
    item, key = [(PRODUCT, GTIN), (PLACE, PLACE.gln), (room, room.uri)][number]
    save(world.store, BY, FARM, item)
    save(world.store, BY, FARM, item)
    with world.store.reading() as connection:
        assert find(connection, FARM, type(item), key) == item
        assert list_items(connection, FARM, type(item)) == [item]
        assert list_items(connection, OTHER, type(item)) == []
        with pytest.raises(UnknownSubjectError):
            find(connection, OTHER, type(item), key)
    with pytest.raises(UnknownSubjectError):
        forget(world.store, BY, OTHER, type(item), key)
    forget(world.store, BY, FARM, type(item), key)
    with world.store.reading() as connection:
        assert list_items(connection, FARM, type(item)) == []
        rows = connection.execute(select(TrailEntry).order_by(TrailEntry.id.desc()))
        told = [(row.action, row.subject) for row in rows]
    word = type(item).WORD
    assert told[:3] == [(f"{word}-forgotten", key), (f"{word}-kept", key), (f"{word}-kept", key)]


def test_lists_go_on_behind_a_number_and_a_search_takes_every_sign_as_itself(world):
    for number in ("1", "2", "3"):
        save(world.store, BY, FARM, Asset(world.asset(number), {"en": f"Truck {number}%", "zh": "车_"}))
    with world.store.reading() as connection:

        def found(**options):
            return [item.number for item in list_items(connection, FARM, Asset, **options)]

        assert found(limit=2) == ["1", "2"]
        assert found(after=world.asset("2")) == ["3"]
        assert found(search="truck 2") == ["2"]
        assert found(search="%") == ["1", "2", "3"]
        assert found(search="k%2") == []
        assert found(search="_") == ["1", "2", "3"]
        assert found(search="车_x") == []


@pytest.mark.parametrize(
    "item",
    [
        Product(GTIN[1:], BERRIES),
        Product(GTIN, {"en": "Berries"}),
        Product(GTIN, {"en": " ", "zh": "草莓"}),
        Product(GTIN, {"en": "a\nb", "zh": "草莓"}),
        Product(GTIN, {"en": "x" * 201, "zh": "草莓"}),
        Product(GTIN, BERRIES, 0, None),
        Product(GTIN, BERRIES, 6000, 5000),
        Product(GTIN, BERRIES, 0, 999_999),
        Product(GTIN, BERRIES, max_gap_s=0),
        Product(GTIN, BERRIES, profile="unicorn"),
        Product(GTIN, BERRIES, shelf_life_days=-1),
        Product(GTIN, BERRIES, uom="kg"),
        Place("9520000000005", BERRIES),
        Place(PLACE.gln, BERRIES, 1),
        Place(PLACE.gln, BERRIES, 91_000_000, 0),
        Place(PLACE.gln, BERRIES, region={"en": "Dali"}),
        Asset("https://id.gs1.org/414/9520000000004", BERRIES),
        Asset(f"https://id.gs1.org/01/{GTIN}/10/L1", BERRIES),
    ],
)
def test_what_no_event_could_state_is_not_kept(lone, item):
    with pytest.raises(MalformedError):
        save(lone.store, BY, FARM, item)
    with lone.store.reading() as connection:
        assert list_items(connection, FARM, type(item)) == []


def test_what_is_wrong_with_a_name_is_said(lone):
    with pytest.raises(StatementError, match="in English and in Chinese"):
        save(lone.store, BY, FARM, Place(PLACE.gln, {"en": "Shed", "zh": ""}))
