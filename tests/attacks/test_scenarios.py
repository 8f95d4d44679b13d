"""The simulator's attacks against a real node: what a clone and a thief say is kept, and not believed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from firmware_sim.staging.actor import Said
from firmware_sim.staging.library import load_scenario
from firmware_sim.staging.model import Scenario
from firmware_sim.staging.offline import key_of, said
from firmware_sim.staging.planned import plan_of
from firmware_sim.staging.truth import TruthFile
from tests.support.sensor import World, make_world
from traceability.operations.enrol import enrol_device
from traceability.operations.ingest import Ingest, Message
from traceability.operations.record import make_event, record_event
from traceability.sensing.topics import frame_topic
from traceability.signing.keystatement import device_request


@pytest.fixture
def world(tmp_path):
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    yield made
    made.store.close()


def peopled(world: World, scenario: Scenario) -> None:
    """Enrol the scenario's devices, and record who is installed where, and removed."""
    plan = plan_of(scenario, world.node.name)
    uris = {}
    for name in scenario.devices:
        key = key_of(scenario, name)
        request = device_request(
            key, node=world.node.name, owner=world.party, model="sim", iat=plan.now_ms // 1000
        )
        uris[name] = enrol_device(world.store, world.node, request).uri
    for step in plan.steps:
        if step.device is not None:
            asset = plan.asset(str(step.asset)).uri
            members: dict[str, Any] = {}
            if step.step == "install":
                members = {"ft:channels": plan.device(step.device).channels}
            event = make_event(
                step.step, step.at_ms, parentID=asset, childEPCs=[uris[step.device]], **members
            )
            record_event(world.store, world.node, world.party, event)


def test_clone_is_seen_at_its_first_frame_and_a_thief_is_refused_once_the_key_is_ended(world):
    scenario = load_scenario("clone-and-thief")
    peopled(world, scenario)
    statements = list(said(scenario, TruthFile(None), world.node.name))
    outcomes = Ingest(world.store, world.node).ingest([message(scenario, s) for s in statements]).outcomes
    found = Counter(
        (s.by, outcome.word, outcome.code) for s, outcome in zip(statements, outcomes, strict=True)
    )
    revoked_ms = scenario.at_ms(18 * 3600)
    before = [s for s in statements if s.by == "thief" and s.sends_ms <= revoked_ms]
    assert found[("device", "accepted", None)] == 72 + 96
    assert found[("clone", "quarantined", "equivocation")] == 39
    assert found[("thief", "accepted", None)] == len(before) == 12, "nobody can tell yet"
    assert found[("thief", "quarantined", "not-installed")] == 18
    assert sum(found.values()) == 237


def message(scenario: Scenario, statement: Said) -> Message:
    device = key_of(scenario, statement.device).public.device_id
    return Message(frame_topic("test", device), statement.body)
