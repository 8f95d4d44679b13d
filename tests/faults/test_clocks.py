"""Clocks that are wrong by years: the devices', and the node's own when it falls back or stands still."""

from __future__ import annotations

import random
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from bench.faults import Came
from gateway.service import Gateway
from tests.support.heap import Heap
from tests.support.outcome import Outcome
from tests.support.world import MINUTE_MS, Probe, World, make_world
from traceability import media
from traceability.errors import ClockError, ClockLeapError
from traceability.operations import chain, ingest, leap
from traceability.operations.audit import audit
from traceability.operations.ingest import Message
from traceability.operations.publish import publish
from traceability.sensing.senml import Reading
from traceability.store import models
from traceability.verification.verdict import check

YEAR_MS = 365 * 24 * 60 * MINUTE_MS


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    yield made
    made.store.close()


class Wrong:
    """A batch with two devices, one whose clock is right and one whose clock is not."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world, self.dice, self.heap = world, dice, Heap()
        self.gateway = Gateway(world.ingesting, self.heap)
        self.farm = world.party("Farm")
        self.right, self.wrong = world.device(self.farm), world.device(self.farm)
        self.batch = world.harvest(self.farm, "L1")
        for probe in (self.right, self.wrong):
            world.install(self.farm, probe, self.batch)
        world.publish()
        self.sent: set[bytes] = set()
        self.off: list[bytes] = []

    def run(self) -> None:
        """Four minutes, and during them a node whose clock is years or hours behind, or stands still."""
        world, true_ms = self.world, self.world.now_ms + 4 * MINUTE_MS
        world.harvest(self.farm, f"M{len(self.off)}")
        back_ms = self.dice.choice((YEAR_MS, 20 * YEAR_MS, 60 * MINUTE_MS, true_ms - world.now_ms))
        world.now[0] = true_ms - self.dice.choice((back_ms, back_ms, 0))
        self._put(self.right, true_ms)
        years = self.dice.choice((-20, -1, 1, 20))
        self.off.append(self._put(self.wrong, true_ms + years * YEAR_MS))
        self.gateway._take()
        if world.now_ms < true_ms - 4 * MINUTE_MS:
            with pytest.raises(ClockError):
                world.publish()
        world.now[0] = true_ms
        while self.heap.waiting:
            self.gateway._take()
        world.publish()

    def lost(self) -> int:
        with self.world.store.reading() as connection:
            rows = connection.execute(models.Record.__table__.select()).all()
        chained = {row.statement for row in rows if row.media_type == media.FRAME}
        assert len(chained) == sum(row.media_type == media.FRAME for row in rows)
        return len({sha256(body).digest() for body in self.sent} - chained)

    def _put(self, probe: Probe, at_ms: int) -> bytes:
        body = probe.frame([Reading("air", "Cel", at_ms, 4.0)])
        if probe is self.right:
            self.sent.add(body)
        self.heap.put(Message(probe.topic, body))
        return body


@pytest.mark.fault("clocks", short=12, long=1_000)
def test_clocks_wrong_by_years_lose_nothing_that_is_right_and_let_in_nothing_that_is_not(
    world: World, rounds: int, dice: random.Random, outcome: Outcome
):
    wrong = Wrong(world, dice)
    for _ in range(rounds):
        wrong.run()
    outcome.held(Came("clocks of devices and node wrong by years", rounds, len(wrong.sent), wrong.lost()))
    with world.store.reading() as connection:
        rows = connection.execute(models.Quarantine.__table__.select()).all()
    assert {row.body for row in rows} == set(wrong.off)
    assert {row.code for row in rows} <= {"clock-ahead", "not-installed"}
    assert check(world.bundle(wrong.batch), world.node.policy).exit_code == 0
    assert audit(world.store, world.node, workers=1).ok


@pytest.mark.fault("clocks")
def test_a_node_that_believes_its_own_clock_would_lose_what_right_ones_say(
    world: World, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ingest, "_check_clock", lambda tx: None)
    wrong = Wrong(world, random.Random(1))
    for _ in range(12):
        wrong.run()
    outcome.control(Came("a node that believes its own clock", 12, len(wrong.sent), wrong.lost()))


def leapt(world: World) -> Wrong:
    """A node that nobody confirmed, whose clock is suddenly twenty years ahead; a frame waits."""
    (world.node.folder / leap.CONFIRMED).unlink()
    wrong = Wrong(world, random.Random(2))
    world.wait(minutes=4)
    wrong._put(wrong.right, world.now_ms)
    world.now[0] += 20 * YEAR_MS
    return wrong


def test_a_node_whose_clock_leaps_by_years_writes_nothing_and_loses_nothing(world: World):
    wrong = leapt(world)
    wrong.gateway._take()
    assert wrong.heap.acknowledged == 0
    assert wrong.gateway._hindered == "clock-leapt"
    with pytest.raises(ClockLeapError, match="2045"):
        world.harvest(wrong.farm, "L2")
    world.now[0] -= 20 * YEAR_MS
    wrong.gateway._take()
    world.harvest(wrong.farm, "L2")
    assert (wrong.heap.acknowledged, wrong.lost()) == (1, 0)
    world.now[0] += 20 * YEAR_MS
    with pytest.raises(ClockLeapError):
        publish(world.store, world.node)
    world.now[0] -= 20 * YEAR_MS
    assert world.publish() is not None
    assert audit(world.store, world.node, workers=1).ok


def test_who_says_that_a_clock_is_right_is_believed_for_another_year(world: World):
    wrong = leapt(world)
    leap.confirm_clock(world.node.folder, world.now_ms)
    world.harvest(wrong.farm, "L2")
    assert world.publish() is not None
    world.now[0] += 2 * YEAR_MS
    with pytest.raises(ClockLeapError):
        world.harvest(wrong.farm, "L3")
    (world.node.folder / leap.CONFIRMED).write_text("soon")
    with pytest.raises(ClockLeapError):
        world.harvest(wrong.farm, "L3")


def test_without_the_guard_one_record_of_a_wrong_future_stops_the_log(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(chain, "require_plausible", lambda *_: None)
    wrong = leapt(world)
    wrong.gateway._take()
    assert wrong.heap.acknowledged == 1
    world.now[0] -= 20 * YEAR_MS
    with pytest.raises(ClockError):
        world.publish()
