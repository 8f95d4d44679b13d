"""The people of the demo journey: what the plan says becomes events of its firms, each of them once."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from firmware_sim.demo import Demo, load_or_make_plan, open_flashes
from firmware_sim.sampling import signed_frames
from tests.support.world import make_world
from traceability.errors import TokenError
from traceability.identifiers import party_uri
from traceability.operations.accounts import trail
from traceability.operations.accounts.kinds import list_kinds
from traceability.operations.alarms import look
from traceability.operations.audit import audit
from traceability.operations.corrective import Record, record_of
from traceability.operations.credentials import Credential, admit
from traceability.operations.events import Reader
from traceability.operations.ingest import Message
from traceability.operations.inspections import inspections_of, show_case
from traceability.operations.masterdata import Product, numbers_in_use
from traceability.operations.overdue import DUE, OVER, Overdue
from traceability.operations.ownalarms import Wanted, list_own
from traceability.operations.prefixes import list_prefixes
from traceability.operations.publish import publish
from traceability.operations.query import run
from traceability.operations.recalling.answers import answers_of
from traceability.operations.recalling.cases import Stage, list_cases
from traceability.operations.recalling.notices import notices_of
from traceability.operations.recallstatus import named_things
from traceability.operations.visitors.reports import list_reports
from traceability.operations.watching import Watch
from traceability.running.demo import journey as demo
from traceability.running.demo import market
from traceability.running.demo.alarms import Answers
from traceability.running.demo.casework import SPINACH_DAY, Casework
from traceability.running.demo.firms import FIRMS, GOODS, KINDS
from traceability.running.demo.people import PEOPLE, let_in, new_links
from traceability.running.demo.shelves import parties_of
from traceability.running.demo.world import COMPLETE, play
from traceability.sensing.topics import frame_topic
from traceability.supply.epcis.context import read_context
from traceability.supply.epcis.events import CONTEXT, inputs_of
from traceability.supply.notice import Purpose
from traceability.supply.queries.query import parse_query
from traceability.verification.verdict import check


def trail_length(world):
    with world.store.reading() as connection:
        return len(trail.list_trail(connection, trail.Wanted(), 10_000))


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """A node, the plan of its journey, and how many steps were recorded; no device has measured anything."""
    folder = tmp_path_factory.mktemp("demo")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    world.now[0] = time.time_ns() // 1_000_000
    place = Demo(demo.folder(world.node.folder))
    plan = load_or_make_plan(place, world.node.name, world.now_ms)
    told = json.loads(place.plan_path.read_text("utf-8"))
    with open_flashes(place, plan, world.now_ms), pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "PATIENCE_S", 0)
        patch.setattr(market, "DAYS", 7)
        recorded = demo.play(world.store, world.node, told), play(world.store, world.node), 0
        (demo.folder(world.node.folder) / COMPLETE).unlink()
        before = trail_length(world)
        recorded = *recorded[:2], play(world.store, world.node)
        assert trail_length(world) == before, "whoever starts again does nothing"
    world.wait(minutes=1)
    publish(world.store, world.node)
    yield world, plan, recorded
    world.store.close()


def test_every_step_is_recorded_once_and_all_of_it_holds(played):
    world, plan, recorded = played
    journey, around, again = recorded
    assert journey == len(plan.steps) - len(plan.devices), "devices are installed when they are enrolled"
    assert around > 100
    assert again == 0
    report = audit(world.store, world.node)
    assert report.ok, report.lines()
    for batch in plan.batches:
        verdict = check(world.bundle(batch.uri), world.node.policy)
        assert verdict.exit_code == 0, verdict.lines()
        own = [s for s in plan.steps if s.batch == batch.key]
        used = [s for s in plan.steps if batch.key in {given.batch for given in s.inputs}]
        assert verdict.journey is not None
        assert len(verdict.journey.happenings) == len(own) + len(used)
        assert f"cbvmda:{batch.dated}" in verdict.journey.created["ilmd"]


def test_the_packer_deposits_one_report_about_the_strawberries(played):
    world, plan, _ = played
    found = {}
    for batch in plan.batches:
        journey = check(world.bundle(batch.uri), world.node.policy).journey
        assert journey is not None
        found[batch.key] = [(d.party, d.notice.purpose) for d in journey.documents]
    assert found.pop("packed-a") == [(plan.party("packer").uri, Purpose.ANALYSIS)]
    assert set(map(tuple, found.values())) == {()}


def test_a_device_from_before_there_were_passwords_gets_one_and_the_others_keep_theirs(played, monkeypatch):
    monkeypatch.setattr(demo, "PATIENCE_S", 0)
    world, plan, _ = played
    place = Demo(demo.folder(world.node.folder))
    old, other = (place.enrolled(device.key) for device in plan.devices[:2])
    told, kept = json.loads(old.read_text("utf-8")), other.read_bytes()
    without = {name: value for name, value in told.items() if name not in {"username", "password"}}
    old.write_text(json.dumps(without), "utf-8")
    assert not place.is_answered(plan)
    assert play(world.store, world.node) == 0
    assert place.is_answered(plan)
    assert other.read_bytes() == kept
    again = json.loads(old.read_text("utf-8"))
    assert again.keys() == told.keys()
    shown = Credential(again["username"], again["password"])
    earlier = Credential(told["username"], told["password"])
    with world.store.reading() as connection:
        assert admit(connection, world.node, shown, told["device"], world.now_ms).site == demo.SITE
        with pytest.raises(TokenError):
            admit(connection, world.node, earlier, told["device"], world.now_ms)


def test_every_firm_holds_its_company_prefix_and_all_that_it_makes_bears_it(played):
    world, plan, _ = played
    with world.store.reading() as connection:
        held = {each.party: each.prefix for each in list_prefixes(connection)}
    invented = {party.uri: party.prefix for party in plan.parties}
    invented |= {party_uri(world.node.name, firm.gln): firm.prefix for firm in FIRMS}
    assert held == invented
    assert all(party.gln.startswith(held[party.uri]) for party in plan.parties)


def test_the_batch_to_show_first_is_the_yoghurt_and_names_what_it_is_made_of(played):
    world, plan, _ = played
    assert demo.first_batch(world.node.folder) == plan.batch("yoghurt").uri
    journey = check(world.bundle(plan.batch("yoghurt").uri), world.node.policy).journey
    assert journey is not None
    assert inputs_of(journey.created, world.node.name) == tuple(
        plan.batch(key).uri for key in ("packed-a", "milk-1", "milk-2")
    )


def test_partners_see_what_passes_between_them_and_nobody_else_does(played):
    world, plan, _ = played
    query = parse_query({"EQ_bizStep": ["shipping"]}, read_context(CONTEXT), world.node.name)
    seen = {}
    with world.store.reading() as connection:
        for key in ("dairy-1", "creamery", "shop"):
            page = run(connection, world.node, query, Reader(plan.party(key).uri), now_ms=world.now_ms)
            shown: list[Any] = [f.event for f in page.events if "sourceList" in f.event]
            seen[key] = sorted(e["quantityList"][0]["quantity"] for e in shown)
    milk_1, milk_2, fruit = (plan.batch(k).quantity for k in ("milk-1", "milk-2", "packed-a"))
    yoghurt, packed_b = plan.batch("yoghurt").quantity, plan.batch("packed-b").quantity
    assert seen == {
        "dairy-1": [milk_1],
        "creamery": sorted([milk_1, milk_2, fruit, yoghurt]),
        "shop": sorted([yoghurt, packed_b]),
    }


@pytest.fixture(scope="module")
def at_work(played):
    """The people at work, as the demonstration left them."""
    world, _, _ = played
    told = demo.kept_plan(world.node.folder)
    assert told is not None
    parties = parties_of(world.node, told)
    around = market.Market(world.node.name, market.midnight(told["now_ms"]))
    return Casework(world.store, world.node, parties, let_in(world.store, world.node, parties), around)


def test_there_are_two_dozen_parties_of_every_kind_and_twenty_products(played, at_work):
    world, plan, _ = played
    with world.store.reading() as connection:
        kinds = list_kinds(connection, world.node)
        products = numbers_in_use(connection, Product)
    assert set(kinds) == set(at_work.parties.values())
    assert set(kinds.values()) == set(KINDS.values()) | {firm.kind for firm in FIRMS}
    assert len(products) == len(GOODS) + len({batch.gtin for batch in plan.batches})
    assert len(kinds) >= 12
    assert len(products) >= 20


def test_one_recall_is_open_and_one_drill_waits_for_approval(played, at_work):
    world, _, _ = played
    spinach = at_work.lot("spinach", SPINACH_DAY).uri(world.node.name)
    with world.store.reading() as connection:
        drill, recall = sorted(list_cases(connection), key=lambda case: not case.drill)
        notices = {each.party: each for each in notices_of(connection, recall.id)}
        answers = answers_of(connection, recall.id)
        things = named_things(connection, recall.id)
    assert (drill.stage, recall.stage) == (Stage.PROPOSED, Stage.ISSUED)
    assert recall.origin == (spinach,)
    names = {"SPI", "SAL", "BOW"}
    assert {uri.rpartition("/")[2][:3] for uri in things} == names, "what the spinach went into"
    seller, canteen = (notices[at_work.parties[key]] for key in ("supermarket", "canteen"))
    assert seller.acknowledged_by == at_work.people["retailer"].login
    assert canteen.acknowledged_ms is None
    assert {each.party for each in answers} == {at_work.parties["supermarket"]}


def test_an_inspection_has_two_samples_and_one_result_and_a_shopper_has_complained(played, at_work):
    world, _, _ = played
    with world.store.reading() as connection:
        about = at_work.lot("spinach", SPINACH_DAY).uri(world.node.name)
        (report,) = inspections_of(connection, about)
        samples = show_case(connection, world.node, report.id).samples
        (complaint,) = list_reports(connection)
    assert report.document is not None
    assert sorted(len(results) for _, results in samples) == [0, 1]
    assert all(sample.laboratory == at_work.parties["laboratory"] for sample, _ in samples)
    assert complaint.party == at_work.parties["greens"]


def deliver(world, plan, device):
    """All that a device of the journey measured until now."""
    with open_flashes(Demo(demo.folder(world.node.folder)), plan, world.now_ms) as flashes:
        key = flashes[device].key
    topic = frame_topic(demo.SITE, key.public.device_id)
    bodies = signed_frames(plan, device, key, 0, plan.now_ms)
    taken = world.ingesting.ingest([Message(topic, body) for body in bodies])
    assert {outcome.word for outcome in taken.outcomes} == {"accepted"}


def test_alarms_are_answered_as_the_watchman_raises_and_ends_them(played, at_work):
    world, plan, _ = played
    deliver(world, plan, "sensor-truck-b")
    told = demo.kept_plan(world.node.folder)
    assert told is not None
    answers = Answers(world.store, world.node, at_work.parties, at_work.people, told)
    watch = Watch(also=(Overdue(world.node),))
    packer, haulier = (at_work.parties[key] for key in ("packer", "haulier"))

    def alarms(party):
        with world.store.reading() as connection:
            found = list_own(connection, party, Wanted())
            kept = {alarm.id: record_of(connection, alarm.id) for alarm in found}
        return [(a.kind, a.stream, a.ended_ms is not None, kept[a.id]) for a in found]

    look(world.store, watch, ())
    assert not answers.step(), "the room's sensor still has no valid certificate"
    ((kind, room, over, record),) = alarms(packer)
    assert (kind, room, over) == (OVER, plan.asset("cold-room").uri, False)
    assert record.report is not None
    assert record.verification is None
    look(world.store, watch, ())
    answers.step()
    ((_, _, over, record),) = alarms(packer)
    assert over
    assert record.verification is not None
    assert record.verification.by != record.report.by
    before = trail_length(world)
    answers.step()
    assert trail_length(world) == before, "nothing is said twice"
    found = {kind: (stream, over, record) for kind, stream, over, record in alarms(haulier)}
    assert found[DUE] == (plan.asset("truck-a").uri, False, Record())
    warm, over, record = found["excursion"]
    assert (warm, over) == (plan.asset("truck-b").uri, False)
    assert record.report is not None
    assert record.verification is None, "that is left to a visitor"


def test_who_is_ended_in_the_casework_goes_on_there_and_nothing_is_done_twice(played, at_work):
    before = trail_length(at_work)
    at_work.do()
    assert trail_length(at_work) == before


def test_everybody_with_a_task_has_a_new_link_each_time(played):
    world, _, _ = played
    first, second = (dict(new_links(world.store, world.node)) for _ in range(2))
    assert set(first) == {each for each in PEOPLE if each.what}
    assert set(first.values()).isdisjoint(second.values())
