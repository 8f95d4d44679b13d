"""A batch's dossier and a node's health, for who judges them."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from tests.support.world import EAST, MINUTE_MS, Story, World, tell_story
from traceability.operations.accounts.trail import Actor
from traceability.operations.alarms import look
from traceability.operations.calibrations import Standing, add_certificate, day_of
from traceability.operations.cosign import cosign
from traceability.operations.dossier import Dossier, open_dossier
from traceability.operations.events import Reader
from traceability.operations.heartbeat import beat
from traceability.operations.inspecting import plan
from traceability.operations.node import Node
from traceability.operations.nodehealth import NodeHealth, Seen, look_at_node
from traceability.operations.watching import Watch
from traceability.sensing.calibration import Lack, read_typed
from traceability.store import models
from traceability.verification.policy import parse_policy
from traceability.verification.quorum import Witness

OFFICE = Reader("https://office.example", regulator=True)
POINT = {"unit": "Cel", "reference": "0", "indicated": "0.1", "uncertainty": "0.2"}


def certify(world: World, device: str, until: str) -> None:
    typed = {
        "device": device,
        "number": "K-1",
        "laboratory": "Lab",
        "accreditation": "CNAS L1",
        "calibrated": "2025-06-01",
        "validUntil": until,
        "points": [POINT],
    }
    add_certificate(world.store, world.node, device, read_typed(typed))


@pytest.fixture
def story(lone: World) -> Story:
    return tell_story(lone)


def dossier(story: Story, batch: str, reader: Reader = OFFICE) -> Dossier:
    with story.world.store.reading() as connection:
        return open_dossier(connection, story.world.node, batch, reader, story.world.now_ms)


def health(world: World, node: Node | None = None) -> NodeHealth:
    with world.store.reading() as connection:
        return look_at_node(connection, node or world.node, world.now_ms)


def test_a_dossier_says_which_instruments_measured_and_whether_they_were_calibrated(story: Story):
    probe, other = story.probes
    bare = dossier(story, story.closed)
    assert [each.device for each in bare.instruments] == sorted(p.device for p in story.probes)
    assert {each.standing for each in bare.instruments} == {Standing.NONE}
    assert all(each.uncertified[0].lack is Lack.NONE for each in bare.instruments)
    certify(story.world, probe.device, "2026-12-31")
    certify(story.world, other.device, "2025-12-31")
    by_device = {each.device: each for each in dossier(story, story.closed).instruments}
    assert (by_device[probe.device].standing, by_device[probe.device].uncertified) == (Standing.VALID, ())
    assert by_device[other.device].standing is Standing.EXPIRED
    (lack,) = by_device[other.device].uncertified
    assert (lack.lack, lack.first) == (Lack.EXPIRED, day_of(by_device[other.device].first_ms))
    assert {each.code for each in by_device[probe.device].refused} >= {"clock-ahead"}


def test_alarms_count_while_the_batch_was_there_and_only_an_authority_sees_them(story: Story):
    world = story.world
    world.wait(minutes=31)
    assert look(world.store, Watch(since_ms=0), ())
    bureau = Actor("B", world.party("Bureau"), "web")
    plan(world.store, world.node, bureau, story.opened, {"reason": "silence"})
    world.publish()
    found = dossier(story, story.opened)
    assert found.verdict.exit_code == 0
    assert {alarm.stream for alarm in found.alarms} == {story.room}
    assert len(found.inspections) == 1
    firm = dossier(story, story.opened, Reader(story.farm))
    assert (firm.alarms, firm.inspections) == ((), ())
    assert firm.verdict.journey is not None


def test_what_does_not_match_has_a_verdict_and_nothing_else(story: Story):
    with story.world.store.transaction() as tx:
        tx.connection.execute(update(models.Record).values(time_ms=models.Record.time_ms + 1))
    found = dossier(story, story.closed)
    assert found.verdict.journey is None
    assert (found.instruments, found.alarms) == ((), ())


def test_a_node_is_well_until_something_waits_or_falls_silent(lone: World):
    for program in ("gateway", "publisher"):
        beat(lone.store, program, {"error": None})
    assert health(lone).well
    lone.harvest(lone.party("Farm"), "L1")
    waiting = health(lone)
    assert waiting.log.waiting > 0
    assert not waiting.log.stale
    lone.wait(minutes=2)
    assert health(lone).log.stale
    lone.publish()
    found = health(lone)
    assert (found.log.waiting, found.log.stale) == (0, False)
    assert [each.error is None for each in found.programs] == [False, False]


def test_a_witness_is_current_then_behind_then_away(lone: World):
    witness = Witness("east", EAST.verifier, "http://east.example")
    node = Node(lone.node.folder, lone.node.name)
    pinned = lone.node.policy_text.removesuffix("quorum none\n")
    node.__dict__["policy"] = parse_policy(
        f"{pinned}witness east {witness.key.vkey()} {witness.url}\ngroup complete 1 east\nquorum east\n"
    )

    def seen() -> tuple[Seen, bool | None]:
        found = health(lone, node)
        return found.witnesses[0].seen, found.log.quorum

    assert health(lone, node).witnesses[0].full
    assert seen() == (Seen.NEVER, False)
    cosign(lone.store, witness, post=EAST.answer)
    with lone.store.transaction() as tx:
        tx.connection.execute(update(models.Cosignature).values(time_s=lone.now_ms // 1000))
    assert seen() == (Seen.CURRENT, True)
    lone.harvest(lone.party("Farm"), "L1")
    lone.publish()
    assert seen() == (Seen.BEHIND, False)
    lone.wait(ms=11 * MINUTE_MS)
    assert seen() == (Seen.AWAY, False)


def test_refusals_are_told_by_device_and_reason(story: Story):
    refused = health(story.world).refused
    probe = story.probes[0].device
    assert ("clock-ahead", 1) in {(each.code, each.count) for each in refused if each.source == probe}
