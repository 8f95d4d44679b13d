"""Steps that people enter: the events they become, what is odd about them, and how a mistake is undone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from tests.support.world import GTIN
from traceability.errors import ConflictError, StatementError, UnknownSubjectError
from traceability.operations.accounts.trail import Actor
from traceability.operations.audit import audit
from traceability.operations.correct import Correction, correct, find_own, rehearse
from traceability.operations.lotdata import best_before, lot_data, temperature_data
from traceability.operations.record import record_event, rehearse_event
from traceability.operations.steps import Asset, Caution, Entered, Where, cautions, check_uom, event_of
from traceability.operations.stock import stock_of
from traceability.store import models
from traceability.supply.lineage import Amount
from traceability.verification.verdict import check

NAMES = {"en": "Strawberries", "zh": "草莓"}
BY = Actor("worker", None, "web")
UUID = "urn:uuid:0b7e2f5c-6a52-4c1e-9b8d-0d4d3a1f2b3c"
PLACE = "https://id.gs1.org/414/9520000000004"


@pytest.fixture
def farm(world):
    return world.party("Farm")


def entered(world, step, lot="L1", quantity=None, uom="KGM", **members):
    amount = Amount(world.batch(lot), None if quantity is None else Decimal(quantity), uom)
    if step in {"harvest", "make"}:
        members.setdefault("ilmd", lot_data(NAMES))
    return Entered(step, amount, members.pop("at_ms", world.now_ms), **members)


def record(world, party, *given, **members):
    return record_event(world.store, world.node, party, event_of(entered(world, *given, **members), party))


def odd(world, party, *given, **members):
    with world.store.reading() as connection:
        return cautions(connection, world.node.name, party, entered(world, *given, **members))


def left(world, party, lot="L1"):
    with world.store.reading() as connection:
        stock = stock_of(connection, world.node.name, party, world.batch(lot))
    return stock.left, stock.uom


def count(world):
    with world.store.reading() as connection:
        return connection.execute(select(func.count()).select_from(models.Record)).scalar_one()


def test_what_is_left_follows_from_every_step_in_whatever_unit(world, farm):
    shop = world.party("Shop")
    record(world, farm, "harvest", "L1", "100")
    assert left(world, farm) == (100, "KGM")
    record(world, farm, "ship", "L1", "0.01", "TNE", partner=shop, at_ms=world.now_ms + 1)
    record(world, farm, "destroy", "L1", "2500", "GRM", at_ms=world.now_ms + 2)
    record(world, farm, "pack", "L1", "50", at_ms=world.now_ms + 3)
    jam = {"inputs": (Amount(world.batch("L1"), Decimal("7.5"), "KGM"),)}
    record(world, farm, "make", "JAM", "6", at_ms=world.now_ms + 4, **jam)
    assert left(world, farm) == (80, "KGM")
    assert left(world, farm, "JAM") == (6, "KGM")
    assert left(world, shop) == (None, None)
    record(world, shop, "receive", "L1", "10", partner=farm, at_ms=world.now_ms + 5)
    assert left(world, shop) == (10, "KGM")
    record(world, farm, "ship", "L1", None, at_ms=world.now_ms + 6)
    assert left(world, farm) == (0, "KGM")


def test_what_is_odd_is_said_and_not_forbidden(world, farm):
    record(world, farm, "harvest", "L1", "100")
    at_ms = world.now_ms + 1000
    assert odd(world, farm, "ship", "L1", "100", at_ms=at_ms) == ()
    assert odd(world, farm, "ship", "L1", "100.5", at_ms=at_ms) == (Caution.MORE_THAN_LEFT,)
    assert odd(world, farm, "ship", "L1", "3", "LTR", at_ms=at_ms) == (Caution.OTHER_UNIT,)
    assert odd(world, farm, "ship", "L1", "1", at_ms=world.now_ms - 1) == (Caution.BEFORE_IT_BEGAN,)
    used = {"inputs": (Amount(world.batch("L1"), Decimal(101), "KGM"),), "at_ms": at_ms}
    assert odd(world, farm, "make", "JAM", "6", **used) == (Caution.MORE_THAN_LEFT,)
    record(world, farm, "ship", "L1", "101", at_ms=at_ms)
    assert odd(world, farm, "ship", "L1", "1", at_ms=at_ms) == (Caution.NOTHING_LEFT,)
    assert odd(world, farm, "receive", "L1", "1", at_ms=at_ms) == ()


def test_a_batch_in_a_cold_room_is_taken_out_before_it_is_sent(world, farm):
    room = Asset(world.asset("ROOM"), {"en": "Cold room", "zh": "冷库"})
    world.install(farm, world.device(farm), room.uri)
    record(world, farm, "harvest", "L1", "100")
    record(world, farm, "store", "L1", asset=room, at_ms=world.now_ms + 1)
    assert odd(world, farm, "ship", "L1", "1", at_ms=world.now_ms + 2) == (Caution.INSIDE,)
    assert odd(world, farm, "retrieve", "L1", asset=room, at_ms=world.now_ms + 2) == ()


def test_an_entry_sent_twice_is_recorded_once(world, farm):
    record(world, farm, "harvest", "L1", "100", event_id=UUID)
    before = count(world)
    again = record(world, farm, "harvest", "L1", "100", event_id=UUID)
    assert (again.known, count(world)) == (True, before)
    with pytest.raises(ConflictError, match="another event"):
        record(world, farm, "harvest", "L1", "99", event_id=UUID)


def test_an_event_holds_where_it_was_for_partners_and_the_region_for_all(world, farm):
    where = Where(PLACE, {"en": "Dali", "zh": "大理"})
    shop = world.party("Shop")
    shipped = event_of(entered(world, "ship", "L1", "1", where=where, partner=shop), farm)
    assert shipped["readPoint"] == {"id": PLACE}
    assert "bizLocation" not in shipped
    assert shipped["ft:region"] == {"en": "Dali", "zh": "大理"}
    assert shipped["sourceList"] == [{"type": "owning_party", "source": farm}]
    assert shipped["destinationList"] == [{"type": "owning_party", "destination": shop}]
    received = event_of(entered(world, "receive", "L1", "1", where=where, partner=farm), shop)
    assert received["bizLocation"] == {"id": PLACE}
    assert received["sourceList"] == [{"type": "owning_party", "source": farm}]
    cooled = event_of(entered(world, "cool", "L1"), farm)
    assert (cooled["bizStep"], cooled["ft:cte"]) == ("storing", "cooling")


def test_what_does_not_fit_together_is_refused(world, farm):
    asset = Asset(world.asset("ROOM"))
    for step, members in (
        ("ship", {"asset": asset}),
        ("load", {}),
        ("pack", {"partner": farm}),
        ("pack", {"quantity": 1, "uom": "kg"}),
    ):
        with pytest.raises(StatementError):
            event_of(entered(world, step, "L1", **members), farm)
    with pytest.raises(StatementError, match="KGM is meant"):
        check_uom("KG")
    with pytest.raises(StatementError, match="no profile"):
        temperature_data(None, None, 600, "unicorn")


def test_a_rehearsal_raises_what_recording_would_and_records_nothing(world, farm):
    before = count(world)
    event = event_of(entered(world, "harvest", "L1", "5"), farm)
    rehearse_event(world.store, world.node, farm, event)
    assert count(world) == before
    with pytest.raises(UnknownSubjectError):
        rehearse_event(world.store, world.node, farm, event_of(entered(world, "pack", "L2"), farm))
    record_event(world.store, world.node, farm, event)
    with pytest.raises(ConflictError, match="created before"):
        rehearse_event(world.store, world.node, farm, event_of(entered(world, "harvest", "L1", "6"), farm))


def correction_of(world, party, event_id, instead=None):
    with world.store.reading() as connection:
        event, context = find_own(connection, party, event_id)
    return Correction(event, context, world.now_ms, instead=instead)


def test_a_wrong_shipment_is_declared_an_error_and_another_takes_its_place(world, farm):
    record(world, farm, "harvest", "L1", "100")
    wrong = record(world, farm, "ship", "L1", "90", at_ms=world.now_ms + 1)
    right = event_of(entered(world, "ship", "L1", "9", at_ms=world.now_ms + 1, event_id=UUID), farm)
    correction = correction_of(world, farm, wrong.event_id, right)
    rehearse(world.store, world.node, farm, correction)
    assert left(world, farm) == (10, "KGM")
    first = correct(world.store, world.node, BY, farm, correction)
    assert [answer.known for answer in first] == [False, False]
    assert left(world, farm) == (91, "KGM")
    again = correct(world.store, world.node, BY, farm, correction)
    assert [answer.known for answer in again] == [True, True]
    with pytest.raises(ConflictError, match="already"):
        correction_of(world, farm, wrong.event_id)
    world.publish()
    assert audit(world.store, world.node).ok
    assert check(world.bundle(world.batch("L1")), world.node.policy).exit_code == 0


def test_what_never_happened_is_taken_back_and_the_harvest_too(world, farm):
    made = record(world, farm, "harvest", "L1", "100")
    sent = record(world, farm, "ship", "L1", "100", at_ms=world.now_ms + 1)
    correct(world.store, world.node, BY, farm, correction_of(world, farm, sent.event_id))
    assert left(world, farm) == (100, "KGM")
    correct(world.store, world.node, BY, farm, correction_of(world, farm, made.event_id))
    assert left(world, farm) == (None, None)
    world.publish()
    journey = check(world.bundle(world.batch("L1")), world.node.policy).journey
    assert journey is not None
    assert journey.makers == ()


def test_a_harvest_may_be_corrected_in_how_much_and_not_in_what_it_is(world, farm):
    made = record(world, farm, "harvest", "L1", "100")
    for changed in (
        entered(world, "harvest", "L1", "10", ilmd=lot_data({"en": "Raspberries", "zh": "树莓"})),
        entered(world, "harvest", "L2", "10"),
    ):
        wrong = correction_of(world, farm, made.event_id, event_of(changed, farm))
        with pytest.raises(ConflictError):
            correct(world.store, world.node, BY, farm, wrong)
    instead = event_of(entered(world, "harvest", "L1", "10"), farm)
    correct(world.store, world.node, BY, farm, correction_of(world, farm, made.event_id, instead))
    assert left(world, farm) == (10, "KGM")
    world.publish()
    assert audit(world.store, world.node).ok


def test_only_ones_own_events_are_corrected_and_no_stay(world, farm):
    room = Asset(world.asset("ROOM"))
    world.install(farm, world.device(farm), room.uri)
    record(world, farm, "harvest", "L1", "100")
    stored = record(world, farm, "store", "L1", asset=room, at_ms=world.now_ms + 1)
    with pytest.raises(ConflictError, match="into or out of an asset"):
        correct(world.store, world.node, BY, farm, correction_of(world, farm, stored.event_id))
    with pytest.raises(UnknownSubjectError):
        correction_of(world, world.party("Shop"), stored.event_id)


def test_the_shelf_life_begins_on_the_day_of_the_harvest(world, farm):
    assert best_before(date(2026, 2, 27), 3) == "2026-03-02"
    assert best_before(date(2026, 2, 27), None) is None
    assert temperature_data(None, None, 600) is None
    limits = temperature_data(None, None, 600, "poultry")
    assert limits == {
        "lowMilliCelsius": -2000,
        "highMilliCelsius": 4000,
        "maxGapSeconds": 600,
        "profile": "poultry",
    }
    whole = replace(entered(world, "harvest"), ilmd=lot_data(NAMES, temperature=limits))
    assert event_of(whole, farm)["ilmd"]["ft:temperature"] == limits
    assert GTIN in whole.of.uri
