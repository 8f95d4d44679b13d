"""One party names another's lot in so many or so large events that nobody could check it any more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select

from tests.support.epcis import CONTEXT, api_of, document
from tests.support.epcis import event as said
from tests.support.recalls import order
from tests.support.supply import LOT, OTHER, PALLET, given, quantities, send
from tests.support.world import World, make_world
from traceability.errors import QuotaError
from traceability.operations import quota
from traceability.operations.captures import Behaviour, capture_document
from traceability.operations.draft import draft_event
from traceability.operations.enrol import signing_key
from traceability.operations.recall import Issuer, issue
from traceability.operations.tokens import Scope, new_token
from traceability.signing.disclosure import Audience
from traceability.store import models, projections
from traceability.store.access import Spent
from traceability.supply.epcis.document import read_document

KIB = 1024
SIZE = 24 * KIB
"""About what one of ``large`` takes in a bundle."""


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger may add three large events, and whoever began a batch six."""
    monkeypatch.setattr(quota, "QUOTA", 3 * SIZE)
    monkeypatch.setattr(quota, "OWN_QUOTA", 6 * SIZE)
    monkeypatch.setattr(quota, "ASSET_QUOTA", 3 * SIZE)


@pytest.fixture
def world(tmp_path: Path, database_url: str, limits: None) -> Iterator[World]:
    """A node on SQLite, and another one on PostgreSQL."""
    made = make_world(tmp_path / "node", database_url)
    yield made
    made.store.close()


@pytest.fixture
def lone(tmp_path: Path, limits: None) -> Iterator[World]:
    """A node on SQLite, for what no database decides."""
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    yield made
    made.store.close()


def large(world: World, number: int, *lots: str, **members: Any) -> Any:
    named = {"quantityList": quantities(*(lots or [LOT])), "ext:text": "x" * 15_000} | members
    return given("ObjectEvent", world.now_ms - 1_000_000 + number, **named)


def small(world: World, number: int, **members: Any) -> Any:
    named = {"quantityList": quantities(LOT)} | members
    return given("ObjectEvent", world.now_ms - 1_000_000 + number, **named)


def begin(world: World, party: str, *lots: str) -> None:
    made = given("ObjectEvent", world.now_ms, action="ADD", quantityList=quantities(*lots), ilmd={})
    (done,) = send(world, party, made)
    assert done.refused is None


def fitting(world: World, party: str, events: Any) -> int:
    """How many of these are taken, each in a transaction of its own."""
    return sum(done.refused is None for each in events for done in send(world, party, each))


def rows(world: World) -> list[int]:
    tables = (models.Record, models.Statement, models.Stream, projections.Event, Spent)
    with world.store.reading() as connection:
        return [connection.execute(select(func.count()).select_from(t)).scalar_one() for t in tables]


def test_a_stranger_adds_so_much_to_a_lot_and_no_more_however_it_comes(world):
    farm, mallory, carrier = (world.party(name) for name in ("Farm", "Mallory", "Carrier"))
    begin(world, farm, LOT, OTHER)
    before = rows(world)
    whole = send(world, mallory, *(large(world, n) for n in range(9)))
    assert [type(done.refused) for done in whole] == [type(None)] * 3 + [QuotaError] * 6
    assert rows(world) == before, "all or nothing: nothing"
    some = send(world, mallory, *(large(world, n) for n in range(9)), proceed=True)
    assert sum(done.refused is None for done in some) == 3
    assert fitting(world, mallory, [large(world, n) for n in range(20, 29)]) == 0
    assert fitting(world, mallory, [large(world, 30, LOT, OTHER)]) == 0, "one lot too many refuses it"
    assert fitting(world, mallory, [large(world, n, OTHER) for n in range(40, 49)]) == 3
    assert fitting(world, carrier, [large(world, n) for n in range(50, 59)]) == 3, "everybody's own"
    assert fitting(world, farm, [large(world, n) for n in range(60, 69)]) == 6, "who began it may add more"
    again = send(world, mallory, large(world, 0))
    assert again[0].known, "what is recorded is answered as before"


def test_many_small_events_are_counted_once_a_stream_is_long(world, monkeypatch):
    monkeypatch.setattr(quota, "SHORT", 10)
    monkeypatch.setattr(quota, "QUOTA", 20 * KIB)
    farm, mallory = world.party("Farm"), world.party("Mallory")
    begin(world, farm, LOT)
    done = send(world, mallory, *(small(world, n) for n in range(40)), proceed=True)
    taken = sum(each.refused is None for each in done)
    assert 9 + 3 < taken < 9 + 12, "one document that makes the stream long is counted too"
    assert fitting(world, mallory, [small(world, n) for n in range(50, 60)]) == 0
    assert fitting(world, farm, [small(world, n) for n in range(60, 65)]) == 5


def test_who_begins_anothers_lot_before_its_maker_does_not_get_it_for_good(lone):
    mallory = lone.party("Mallory")
    begun = large(lone, 0, action="ADD", ilmd={})
    done = send(lone, mallory, begun, *(large(lone, n) for n in range(1, 20)), proceed=True)
    assert sum(each.refused is None for each in done) == 6
    named_first = send(lone, mallory, *(large(lone, n, OTHER) for n in range(30, 39)), proceed=True)
    assert sum(each.refused is None for each in named_first) == 3, "to name it is not to begin it"
    assert fitting(lone, mallory, [large(lone, n, OTHER) for n in range(40, 44)]) == 0


def test_a_move_that_is_refused_is_not_counted(lone):
    farm, mallory = lone.party("Farm"), lone.party("Mallory")
    begin(lone, farm, LOT)
    leave = {"action": "DELETE", "parentID": lone.asset("ROOM"), "childQuantityList": quantities(LOT)}
    wrong = [
        given("AggregationEvent", lone.now_ms - n, **leave, **{"ext:text": "x" * 15_000}) for n in range(1, 9)
    ]
    refusals = {done.refused.code for done in send(lone, mallory, *wrong, proceed=True) if done.refused}
    assert refusals == {"conflict"}
    assert fitting(lone, mallory, [large(lone, n) for n in range(9)]) == 3


def test_recalls_and_what_a_regulator_says_are_never_kept_out(lone, monkeypatch):
    farm, authority = lone.party("Farm"), lone.party("Authority")
    begin(lone, farm, LOT)
    assert fitting(lone, farm, [large(lone, n) for n in range(9)]) == 6
    assert fitting(lone, authority, [large(lone, n) for n in range(20, 29)]) == 3
    for limit in ("LARGE", "QUOTA", "OWN_QUOTA"):
        monkeypatch.setattr(quota, limit, 0)
    assert issue(lone.store, lone.node, Issuer(farm), order(lone, LOT)).things == 1
    token = {"party": authority, "scopes": [Scope.QUERY], "days": 1, "name": "office", "regulator": True}
    new_token(lone.store, lone.node, **token)
    assert fitting(lone, authority, [large(lone, n) for n in range(30, 36)]) == 6
    lone.wait(minutes=2 * 24 * 60)
    assert fitting(lone, authority, [large(lone, 40)]) == 0, "its token ran out"


def test_an_asset_whose_records_stand_in_the_proofs_of_what_it_carries_has_a_quota_that_comes_back(world):
    mallory, truck = world.party("Mallory"), world.asset("TRUCK1")
    about = [large(world, n, quantityList=[], epcList=[truck]) for n in range(9)]
    assert fitting(world, mallory, about) == 3
    world.wait(ms=quota.PERIOD_MS)
    assert fitting(world, mallory, about[3:]) == 3
    unit = [large(world, n, quantityList=[], epcList=[PALLET]) for n in range(9)]
    assert fitting(world, mallory, unit) == 9, "a pallet has no page"


def move(world: World, party: str, asset: str, *, adds: bool = True) -> Any:
    """Into an asset or out of it."""
    world.wait(minutes=1)
    members = {"action": "ADD" if adds else "DELETE", "parentID": asset}
    moved = given("AggregationEvent", world.now_ms, childQuantityList=quantities(LOT), **members)
    (done,) = send(world, party, moved)
    return done.refused


def stays(world: World, party: str, most: int) -> int:
    """How many assets of its own a party can move the lot through."""
    for number in range(most):
        asset = world.asset(f"{party[-4:]}{number}")
        if refused := move(world, party, asset):
            assert isinstance(refused, QuotaError), refused
            return number
        assert move(world, party, asset, adds=False) is None, "what is inside may always leave"
    return most


def test_one_party_moves_a_lot_through_so_many_assets_and_no_more(lone, monkeypatch):
    monkeypatch.setattr(quota, "STAY", SIZE)
    monkeypatch.setattr(quota, "FEW", 6)
    farm, mallory, carrier, authority = (lone.party(n) for n in ("Farm", "Mallory", "Carrier", "Office"))
    begin(lone, farm, LOT)
    assert [move(lone, farm, lone.asset("ROOM"), adds=adds) for adds in (True, False)] == [None, None]
    assert rows(lone)[-1] == 0, "a usual journey is not counted"
    assert stays(lone, mallory, 9) == 3 + 1, "one while the lot's chain is short"
    told = rows(lone)
    assert f"a stay in an asset counts as {SIZE:,}" in str(move(lone, mallory, lone.asset("M99")))
    assert rows(lone) == told, "nothing of a refused one stays"
    assert stays(lone, carrier, 9) == 3, "everybody's own"
    assert fitting(lone, carrier, [large(lone, 1)]) == 0, "events and stays are one quota"
    assert stays(lone, farm, 9) == 6, "who began it may move it more"
    token = {"party": authority, "scopes": [Scope.QUERY], "days": 1, "name": "office", "regulator": True}
    new_token(lone.store, lone.node, **token)
    assert stays(lone, authority, 5) == 5


def test_moves_in_one_document_are_counted_as_they_are_one_by_one(lone, monkeypatch):
    monkeypatch.setattr(quota, "STAY", 2 * SIZE)
    monkeypatch.setattr(quota, "FEW", 4)
    farm, mallory = lone.party("Farm"), lone.party("Mallory")
    begin(lone, farm, LOT)
    moves = [
        given("AggregationEvent", lone.now_ms + n, action=action, childQuantityList=quantities(LOT), **into)
        for n, into in enumerate({"parentID": lone.asset(f"M{n}")} for n in range(4))
        for action in ("ADD", "DELETE")
    ]
    done = send(lone, mallory, *moves, proceed=True)
    assert [type(each.refused).__name__ for each in done[::2]] == [
        "NoneType",
        "NoneType",
        "QuotaError",
        "QuotaError",
    ]


def test_small_events_about_an_asset_are_counted_after_a_few(lone, monkeypatch):
    monkeypatch.setattr(quota, "FEW", 4)
    monkeypatch.setattr(quota, "ASSET_QUOTA", 10 * KIB)
    mallory, truck = lone.party("Mallory"), lone.asset("TRUCK1")
    about = [small(lone, n, quantityList=[], epcList=[truck]) for n in range(20)]
    assert 4 + 2 < fitting(lone, mallory, about) < 4 + 10


def test_the_lot_keeps_its_page_though_assets_are_filled_and_frames_held_back(tmp_path, monkeypatch):
    """A device's late frame brings all that stands before it into the proof of an earlier stay."""
    for name, limit in {"QUOTA": 8, "OWN_QUOTA": 24, "ASSET_QUOTA": 2, "STAY": 2}.items():
        monkeypatch.setattr(quota, name, limit * SIZE)
    monkeypatch.setattr(quota, "FEW", 6)
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    farm, mallory = world.party("Farm"), world.party("Mallory")
    begin(world, farm, LOT)
    late: list[Any] = []
    for number in range(8):
        probe, asset = world.device(mallory), world.asset(f"M{number}")
        world.install(mallory, probe, asset)
        if move(world, mallory, asset) is None:
            late.append((probe, world.frame(probe, 3.0), asset))
            assert move(world, mallory, asset, adds=False) is None
    assert len(late) == 2 + 4
    world.wait(minutes=40)
    world.publish()
    before = len(world.bundle(LOT, Audience.REGULATOR))
    events = [large(world, n, quantityList=[], epcList=[asset]) for n, (*_, asset) in enumerate(late * 4)]
    assert fitting(world, mallory, events) == 2 * len(late)
    for probe, frame, _ in late:
        assert world.take(probe, frame).outcomes[0].word == "accepted"
    world.publish()
    grown = len(world.bundle(LOT, Audience.REGULATOR)) - before
    assert 2 * len(late) * SIZE * 0.8 < grown < 2 * len(late) * SIZE + 64 * KIB
    world.store.close()


def test_small_events_about_short_streams_ask_the_database_nothing_more(lone):
    farm = lone.party("Farm")
    begin(lone, farm, LOT)
    asked: list[str] = []
    event.listen(lone.store.engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    assert fitting(lone, farm, [small(lone, 1)]) == 1
    assert asked
    assert not [text for text in asked if "spent" in text or "tokens" in text]
    assert fitting(lone, farm, [large(lone, 2)]) == 1
    assert [text for text in asked if "spent" in text]
    assert not [text for text in asked if "tokens" in text]


@pytest.mark.parametrize("lots", [1, 200])
def test_what_is_counted_is_what_a_bundle_grows_by(tmp_path, lots):
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    farm, mallory = world.party("Farm"), world.party("Mallory")
    begin(world, farm, LOT)
    send(world, mallory, small(world, 0))
    world.publish()
    before = len(world.bundle(LOT, Audience.REGULATOR)), len(world.bundle(LOT))
    new = large(world, 1, *(f"{LOT}{n}" for n in range(lots - 1)), LOT)
    send(world, mallory, new)
    world.publish()
    grown = [len(world.bundle(LOT, a)) for a in (Audience.REGULATOR, Audience.PUBLIC)]
    with world.store.reading() as connection:
        key = signing_key(connection, world.node, mallory)
    size = quota.size_of(draft_event(world.node.name, mallory, key, new, world.now_ms), world.node.name)
    assert grown[1] - before[1] < size
    if lots == 1:
        assert size * 0.9 < grown[0] - before[0] < size
    world.store.close()


def test_the_refusal_says_where_how_much_and_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(quota, "QUOTA", SIZE)
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    begin(world, world.party("Farm"), LOT)
    with api_of(world) as api:
        mallory = world.party("Mallory")
        headers = api.token(mallory) | {"Content-Type": "application/json"}
        events = [said(n, **{"ext:text": "x" * 15_000}) for n in range(3)]
        sent = json.dumps(document(*events))
        hows = [headers | {"GS1-Capture-Error-Behaviour": behaviour} for behaviour in Behaviour]
        jobs = [api.ask("POST", "/epcis/capture", how, data=sent).json for how in hows]
        for job in jobs:
            pointers = [each["pointer"] for each in job["errors"]]
            assert pointers == [f"/epcisBody/eventList/{n}" for n in (1, 2)]
        alone = api.ask("POST", "/epcis/events", headers, json={"@context": CONTEXT, **events[2]})
        for problem in (jobs[0]["errors"][0], alone.json):
            assert (problem["status"], problem["code"]) == (413, "quota-spent")
            assert problem["type"] == "epcisException:CaptureLimitExceededException"
            assert LOT in problem["detail"]
            assert f"at most {SIZE:,} are taken from one party" in problem["detail"]
            assert "regulator" in problem["remedy"]
    world.store.close()


def test_the_known_attack_leaves_the_lot_with_its_page(tmp_path):
    """Events as large as they may be, against the limits as they are."""
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    farm, mallory = world.party("Farm"), world.party("Mallory")
    begin(world, farm, LOT)
    events = [said(n, **{f"ext:x{k}": "y" * 50 for k in range(3_000)}) for n in range(20)]
    found = read_document(json.dumps(document(*events)).encode())
    job = capture_document(world.store, world.node, mallory, found, Behaviour.PROCEED)
    assert 0 < job.recorded < 20
    world.publish()
    assert len(world.bundle(LOT, Audience.REGULATOR)) < quota.QUOTA + 64 * KIB
    world.store.close()
