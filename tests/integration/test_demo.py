"""The people of the demo journey: what the plan says becomes events of its firms, each of them once."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from firmware_sim.demo import Demo, load_or_make_plan, open_flashes
from tests.support.world import make_world
from traceability.errors import TokenError
from traceability.operations.audit import audit
from traceability.operations.credentials import Credential, admit
from traceability.operations.events import Reader
from traceability.operations.prefixes import list_prefixes
from traceability.operations.publish import publish
from traceability.operations.query import run
from traceability.running.demo import journey as demo
from traceability.supply.epcis.context import read_context
from traceability.supply.epcis.events import CONTEXT, inputs_of
from traceability.supply.notice import Purpose
from traceability.supply.queries.query import parse_query
from traceability.verification.verdict import check


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """A node, the plan of its journey, and how many steps were recorded; no device has measured anything."""
    folder = tmp_path_factory.mktemp("demo")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    world.now[0] = time.time_ns() // 1_000_000
    place = Demo(demo.folder(world.node.folder))
    plan = load_or_make_plan(place, world.node.name, world.now_ms)
    with open_flashes(place, plan, world.now_ms), pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "PATIENCE_S", 0)
        recorded = demo.play(world.store, world.node), demo.play(world.store, world.node)
    world.wait(minutes=1)
    publish(world.store, world.node)
    yield world, plan, recorded
    world.store.close()


def test_every_step_is_recorded_once_and_all_of_it_holds(played):
    world, plan, recorded = played
    assert recorded == (len(plan.steps) - len(plan.devices), 0), (
        "devices are installed when they are enrolled"
    )
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
    assert demo.play(world.store, world.node) == 0
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
    assert held == {party.uri: party.prefix for party in plan.parties}
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
