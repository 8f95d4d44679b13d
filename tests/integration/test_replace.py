"""A dead sensor's place is taken by another one in mid-journey: what is recorded, refused and shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.support.web import site_of
from tests.support.world import LIMITS, MINUTE_MS, Probe, World, copy_world, make_world
from traceability.errors import (
    ClockAheadError,
    ConflictError,
    KeyNotInForceError,
    RefusedError,
    TraceabilityError,
    UnknownSubjectError,
)
from traceability.operations.audit import audit
from traceability.operations.farewell import say_farewell
from traceability.operations.replace import Replacement, replace_device
from traceability.sensing.coldchain import Limits
from traceability.store import models
from traceability.verification.journey import Journey
from traceability.verification.verdict import check
from webapp.consumer.chart import draw
from webapp.consumer.cold import relays
from webapp.consumer.keeping import keeping


@dataclass
class Scene:
    """A truck with a lot in it, whose sensor dies after half an hour; 40 minutes later somebody notices."""

    world: World
    carrier: str
    truck: str
    old: Probe
    new: Probe
    batch: str

    def replace(
        self, at_ms: int | None = None, *, farewell: bool = False, preview: bool = False
    ) -> Replacement:
        world, when = self.world, self.world.now_ms if at_ms is None else at_ms
        old, new, self.new.stream = self.old.device, self.new.device, self.truck
        return replace_device(world.store, world.node, old, new, when, farewell=farewell, preview=preview)

    def journey(self) -> Journey:
        """What everybody is shown; the store is in order too."""
        self.world.publish()
        assert audit(self.world.store, self.world.node).lines()[:-1] == []
        verdict = check(self.world.bundle(self.batch), self.world.node.policy)
        assert verdict.exit_code == 0, verdict.lines()
        assert verdict.journey is not None
        return verdict.journey

    def installed(self) -> list[tuple[str, int | None]]:
        table = models.Installation
        with self.world.store.reading() as connection:
            rows = connection.execute(select(table.device, table.to_ms).order_by(table.from_ms, table.to_ms))
            return [(row.device, row.to_ms) for row in rows]


def make_scene(world: World) -> Scene:
    carrier = world.party("Carrier")
    ilmd: dict[str, Any] = {"ft:temperature": LIMITS | {"profile": "strawberry"}}
    truck, old, new = world.asset("TRUCK1"), world.device(carrier), world.device(carrier)
    world.install(carrier, old, truck)
    batch = world.harvest(carrier, "L1", **ilmd)
    world.event("load", carrier, batch, asset=truck)
    for _ in range(3):
        world.wait(minutes=10)
        world.measure(old, 4.0)
    world.wait(minutes=40)
    return Scene(world, carrier, truck, old, new, batch)


@pytest.fixture
def scene(world: World) -> Scene:
    return make_scene(world)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A scene that nothing is done with; tests get copies."""
    folder = tmp_path_factory.mktemp("once")
    made = make_scene(make_world(folder / "node", f"sqlite:///{folder / 'store.sqlite'}"))
    yield made
    made.world.store.close()


@pytest.fixture
def one(once: Scene, tmp_path: Path) -> Iterator[Scene]:
    """For what does not depend on the database."""
    world = copy_world(once.world, tmp_path)
    yield replace(once, world=world, old=replace(once.old), new=replace(once.new))
    world.store.close()


def drive_on(scene: Scene) -> None:
    """The new sensor measures for half an hour, and the lot is unloaded."""
    for _ in range(3):
        scene.world.wait(minutes=10)
        scene.world.measure(scene.new, 4.5)
    scene.world.event("unload", scene.carrier, scene.batch, asset=scene.truck)
    scene.world.measure(scene.new, 4.5)
    scene.world.wait(minutes=31)


def test_a_preview_leaves_nothing_and_after_the_act_the_stay_goes_on_and_verifies_with_the_gap(scene: Scene):
    before = scene.installed()
    previewed = scene.replace(preview=True)
    assert previewed == scene.replace(preview=True)
    with pytest.raises(ClockAheadError):
        scene.replace(scene.world.now_ms + 60 * MINUTE_MS, preview=True)
    assert scene.installed() == before == [(scene.old.device, None)]
    done = scene.replace()
    assert done == previewed
    assert scene.installed() == [(scene.old.device, scene.world.now_ms), (scene.new.device, None)]
    assert (done.gap_ms, done.target, done.party) == (40 * MINUTE_MS, scene.truck, scene.carrier)
    (inside,) = done.batches
    assert (inside.batch, inside.gap_ms, inside.allowed_ms) == (
        scene.batch, 40 * MINUTE_MS, 30 * MINUTE_MS,
    )  # fmt: skip
    drive_on(scene)
    (stay,) = scene.journey().stays
    assert stay.closed is not None
    assert {d.device: d.end for d in stay.closed.devices} == {
        scene.old.device: "uninstalled",
        scene.new.device: "delivered",
    }
    assert {c.device: c.exposure.unknown_ms // MINUTE_MS for c in stay.curves} == {
        scene.old.device: 10 + 70,
        scene.new.device: 80,
    }


def test_the_page_names_the_time_in_which_neither_measured_and_no_other(one: Scene):
    one.replace()
    drive_on(one)
    journey = one.journey()
    with site_of(one.world) as app:
        with app.test_request_context("/?lang=en"):
            chart = draw(journey, "+00:00")
        assert chart is not None
        assert len(chart.unknown) == 2, "before the first reading, and between the two sensors"
        page = app.test_client().get(f"{one.batch[one.batch.index('/01/') :]}?lang=en").text
    assert "Without data for 1 h 0 min, the longest gap 50 min." in page


def test_what_is_left_of_a_life_is_estimated_from_both_sensors(one: Scene):
    one.replace()
    drive_on(one)
    kept = keeping(one.journey())
    assert kept is not None
    assert 4000 < kept.mean_milli_c < 4500


def test_between_two_sensors_no_line_is_drawn_however_short_the_gap(one: Scene):
    one.replace()
    one.world.wait(minutes=1)
    one.world.measure(one.new, 4.0)
    (stay,) = one.journey().stays
    (turns,) = relays(stay, Limits(0, 5000, 120 * MINUTE_MS))
    assert [turn.curve.device for turn in turns] == [one.old.device, one.new.device]
    assert [turn.curve.exposure.unknown_ms // MINUTE_MS for turn in turns] == [10 + 41, 0]
    assert turns[0].to_ms == turns[1].from_ms


def test_two_sensors_that_measure_side_by_side_stay_two(one: Scene):
    one.world.install(one.carrier, one.new, one.truck)
    for probe in (one.new, one.old, one.new):
        one.world.wait(minutes=5)
        one.world.measure(probe, 4.0)
    (stay,) = one.journey().stays
    assert len(relays(stay, Limits(0, 5000, 30 * MINUTE_MS))) == 2


def test_a_replacement_by_mistake_is_taken_back_at_the_same_time_and_leaves_no_gap(one: Scene):
    at_ms = one.replace().at_ms
    one.old, one.new = one.new, one.old
    one.replace(at_ms)
    one.old, one.new = one.new, one.old
    one.world.measure(one.old, 4.0)
    (stay,) = one.journey().stays
    assert [curve.device for curve in stay.curves] == [one.old.device]
    with pytest.raises(ConflictError, match="recorded already"):
        one.replace(at_ms)
    one.replace(at_ms + 1000)
    assert one.installed()[-1] == (one.new.device, None)


def test_with_a_farewell_the_old_key_is_ended_in_the_same_act_or_nothing_is(one: Scene):
    with pytest.raises(ConflictError):
        one.replace(one.world.now_ms - 60 * MINUTE_MS, farewell=True)
    assert one.installed() == [(one.old.device, None)]
    done = one.replace(farewell=True)
    assert done.parting is not None
    assert done.parting.last == one.old.counter - 1
    (outcome,) = one.world.measure(one.old, 4.0).outcomes
    assert outcome.code == KeyNotInForceError.code
    drive_on(one)
    assert one.journey().stays[0].left


def unknown(scene: Scene) -> None:
    scene.new.uri = scene.new.uri[:-32] + "0" * 32


def of_another(scene: Scene) -> None:
    scene.new = scene.world.device(scene.world.party("Other"))


def elsewhere(scene: Scene) -> None:
    scene.world.install(scene.carrier, scene.new, scene.world.asset("ROOM1"))


def revoked(scene: Scene) -> None:
    scene.world.revoke(scene.new)


def parted(scene: Scene) -> None:
    say_farewell(scene.world.store, scene.world.node, scene.new.device)


def itself(scene: Scene) -> None:
    scene.new = scene.old


def nowhere(scene: Scene) -> None:
    scene.world.remove(scene.carrier, scene.old)


@pytest.mark.parametrize(
    ("spoil", "minutes", "error"),
    [
        (unknown, 0, UnknownSubjectError),
        (of_another, 0, RefusedError),
        (elsewhere, 0, ConflictError),
        (revoked, 0, KeyNotInForceError),
        (parted, 0, KeyNotInForceError),
        (itself, 0, ConflictError),
        (nowhere, 0, ConflictError),
        (None, -41, ConflictError),
        (None, 10, ClockAheadError),
    ],
)
def test_what_may_not_take_the_place_is_refused_and_nothing_is_recorded(one: Scene, spoil, minutes, error):
    if spoil is not None:
        spoil(one)
    before = one.installed()
    with pytest.raises(TraceabilityError) as refused:
        one.replace(one.world.now_ms + minutes * MINUTE_MS)
    assert type(refused.value) is error
    assert refused.value.remedy()
    assert one.installed() == before
