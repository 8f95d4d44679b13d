"""A device that was out of reach for a month: all it kept comes at once, shuffled and doubled.

The stay that it measured was closed without it long ago, and is amended while the backlog comes.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from bench.faults import Came
from tests.support.outcome import Outcome
from tests.support.world import MINUTE_MS, World, make_world
from traceability import media
from traceability.errors import NotInstalledError
from traceability.operations import ingest
from traceability.operations.admission import Admission, Known, decide
from traceability.operations.audit import audit
from traceability.operations.ingest import Message
from traceability.operations.tally import QUARANTINED
from traceability.sensing.frame import DeviceStatement, parse_statement
from traceability.sensing.senml import Reading
from traceability.store import models
from traceability.verification.verdict import check

DAY_MS = 24 * 60 * MINUTE_MS
EVERY_MS = 10 * MINUTE_MS
READINGS = 5
HANDFUL = 500

Truth = Counter[tuple[int, float]]
"""Time in milliseconds and value of each reading."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    yield made
    made.store.close()


class Month:
    """A batch that was in a truck for so many days, and what the device there kept of it."""

    def __init__(self, world: World, days: int, dice: random.Random) -> None:
        self.world, self.dice = world, dice
        farm, truck = world.party("Farm"), world.asset("TRUCK1")
        self.probe = world.device(farm)
        world.install(farm, self.probe, truck)
        self.batch = world.harvest(farm, "L1")
        world.event("load", farm, self.batch, asset=truck)
        began_ms = world.now_ms
        self.truth: Truth = Counter()
        self.frames = [self._frame(began_ms + at_ms) for at_ms in range(0, days * DAY_MS, EVERY_MS)]
        world.wait(ms=days * DAY_MS)
        world.event("unload", farm, self.batch, asset=truck)
        world.wait(minutes=60)
        world.publish()

    def _frame(self, at_ms: int) -> bytes:
        step = EVERY_MS // READINGS
        readings = [
            Reading("air", "Cel", at_ms + i * step + 1, self.dice.randrange(-100, 700) / 100)
            for i in range(READINGS)
        ]
        self.truth.update((r.at_ms, r.value) for r in readings)
        return self.probe.frame(readings)

    def come(self) -> None:
        """All of it twice, in any order; the publisher is at work meanwhile."""
        again = [*self.frames, *self.frames]
        self.dice.shuffle(again)
        messages = [Message(self.probe.topic, body) for body in again]
        for begin in range(0, len(messages), HANDFUL):
            self.world.ingesting.ingest(messages[begin : begin + HANDFUL])
            self.world.publish()

    def told(self) -> Truth:
        """The readings of all records of the truck's stream."""
        record, statement = models.Record, models.Statement
        query = select(statement.body).join(record, record.statement == statement.sha256)
        with self.world.store.reading() as connection:
            bodies = connection.execute(query.where(record.media_type == media.FRAME)).scalars().all()
        found: Truth = Counter()
        for body in bodies:
            columns = parse_statement(body).columns()
            found.update(zip(columns.at_ms, columns.values, strict=True))
        return found

    def came(self, what: str, rounds: int) -> Came:
        told = self.told()
        lost, doubled = (self.truth - told).total(), (told - self.truth).total()
        return Came(what, rounds, self.truth.total(), lost, doubled, unit="readings")


@pytest.mark.fault("backlog", short=2, long=30)
def test_a_backlog_shuffled_and_doubled_is_there_reading_by_reading(
    world: World, rounds: int, dice: random.Random, outcome: Outcome
):
    month = Month(world, rounds, dice)
    month.come()
    outcome.held(month.came("days of backlog, shuffled and doubled", rounds))
    verdict = check(world.bundle(month.batch), world.node.policy)
    assert verdict.exit_code == 0, verdict.lines()
    assert audit(world.store, world.node, workers=1).ok


def in_order(statement: DeviceStatement, known: Known, now_ms: int) -> Admission:
    """Only what comes behind all that came before it."""
    if any(counter > statement.counter for counter in known.seen):
        refusal = NotInstalledError("late")
        return Admission(QUARANTINED, refusal.code, refusal, settles=False)
    return decide(statement, known, now_ms)


@pytest.mark.fault("backlog")
def test_a_gateway_that_takes_only_what_comes_in_order_would_lose_readings(
    world: World, dice: random.Random, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ingest, "decide", in_order)
    month = Month(world, 1, dice)
    month.come()
    outcome.control(month.came("only what comes in order is taken", 1))
