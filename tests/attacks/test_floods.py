"""Floods: one device, or a stranger on an open broker, sends more than anybody can look at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from firmware_sim.device import Device, Pack
from firmware_sim.enrolment import Enrolment
from firmware_sim.flash import Flash
from firmware_sim.sender import WINDOW, Verdict
from gateway.flood import LEFT, LEFT_IN_ALL, Gate, Limits
from tests.support.sensor import SITE, Sensor, World, make_world
from tests.support.wire import Gated
from traceability.errors import StoreUnavailableError
from traceability.operations.audit import audit
from traceability.operations.heartbeat import newest_beats
from traceability.operations.ingest import Message
from traceability.operations.opening import Claim
from traceability.operations.watching import FLOODED_MS, Watch
from traceability.sensing import topics
from traceability.sensing.senml import Reading
from traceability.store import models

FEW = Limits(10, 20)
OPEN = Limits(1_000_000, 1_000_000)
"""No limits: what the attack does without the buckets."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    yield made
    made.store.close()


def junk(sensor: Sensor, count: int) -> list[Message]:
    return [Message(sensor.topic, b"junk %d" % number) for number in range(count)]


def forged(sensor: Sensor, count: int) -> list[Message]:
    """Frames as the device makes them, whose signatures do not hold."""
    frame = sensor.frame()
    return [Message(sensor.topic, frame[:-4] + number.to_bytes(4, "big")) for number in range(count)]


def of(world: World, sensor: Sensor, *names: str) -> tuple[int, ...]:
    tally = world.tallies().get(sensor.device, {})
    return tuple(tally.get(name, 0) for name in names)


@pytest.mark.parametrize(("limits", "taken"), [(FEW, 20), (OPEN, 64)])
def test_new_frames_without_end_are_taken_at_a_rate_and_leave_room_for_others(
    world: World, limits: Limits, taken: int
):
    flooder, honest = world.sensor(), world.sensor()
    gated = Gated(world, limits)
    gated.wire.put(*map(flooder.message, flooder.frames(150)), honest.message(honest.frame()))
    gated.turns()
    assert of(world, honest, "accepted") == (1,), "it is in the first handful, however many came before"
    assert len(gated.wire.receipts[honest.device]) == 1
    assert of(world, flooder, "accepted") == (taken,)
    gated.turns(10)
    flooded = 0 if limits is OPEN else 150 - 20 - LEFT
    assert of(world, flooder, "flooded") == (flooded,)
    assert of(world, flooder, "accepted") == ((150,) if limits is OPEN else (20 + 10,)), "ten a second"
    assert len(gated.wire.acknowledged) == 1 + 30 + flooded if limits is FEW else 151


@pytest.mark.parametrize(("limits", "opened"), [(FEW, 20 + 4), (OPEN, 200)])
def test_its_own_frames_again_and_again_are_not_opened_again_and_again(
    world: World, limits: Limits, opened: int
):
    sensor = world.sensor()
    gated = Gated(world, limits)
    gated.wire.put(sensor.message(sensor.frame()))
    gated.turns()
    gated.wire.put(*[sensor.message(sensor.made[0])] * 200)
    gated.turns(5)
    assert of(world, sensor, "accepted", "duplicate") == (1, opened)


@pytest.mark.parametrize("limits", [FEW, OPEN])
def test_forged_frames_are_verified_at_a_rate(world: World, limits: Limits):
    sensor = world.sensor()
    gated = Gated(world, limits)
    gated.wire.put(*forged(sensor, 200))
    gated.turns(5)
    (rejected, flooded) = of(world, sensor, "rejected", "flooded")
    assert (rejected, flooded) == ((20 + 4, 200 - 20 - LEFT) if limits is FEW else (200, 0))


def test_noise_on_the_topic_of_another_keeps_nothing_of_it_out(world: World):
    """On an open broker: among the noise the device's own are known by its key's id, and go first."""
    sensor = world.sensor()
    gated = Gated(world, FEW)
    for _ in range(8):
        gated.wire.put(*junk(sensor, 200), sensor.message(sensor.frame()))
        gated.turns()
    assert of(world, sensor, "accepted") == (8,)
    assert of(world, sensor, "flooded")[0] > 1_000


def test_the_control_without_looking_for_the_key_noise_keeps_it_out(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    sensor = world.sensor()
    gated = Gated(world, FEW)
    claims = gated.gateway.ingest.claims

    def unlikely(messages: Any) -> list[Claim]:
        return [Claim(claim.source, False) for claim in claims(messages)]

    monkeypatch.setattr(gated.gateway.ingest, "claims", unlikely)
    for _ in range(8):
        gated.wire.put(*junk(sensor, 200), sensor.message(sensor.frame()))
        gated.turns()
    assert of(world, sensor, "accepted") < (8,)


def test_noise_spends_nothing_of_what_the_device_needs_for_its_own(world: World):
    """Its bucket behind verification is as full as before: once the noise ends, so are both."""
    sensor, now_s = world.sensor(), [0.0]
    gate, claims = Gate(FEW, lambda: now_s[0]), [Claim(sensor.device, True)] * 20
    for word in ("rejected", "duplicate"):
        gate.charge([(sensor.device, word, 0)] * 20)
        assert gate.part(claims, 500).taken == (), word
        now_s[0] += 1.0
        gate.charge([(sensor.device, "accepted", 0)] * 10)
        assert len(gate.part(claims, 500).taken) == 10, "both have ten, one had them all along"
        gate.charge([(sensor.device, "quarantined", 0)] * 10)
        assert gate.part(claims, 500).taken == (), "the control: what is new and genuine spends it"
        now_s[0] += 2.0


def test_names_that_nobody_enrolled_share_one_bucket_and_one_row(world: World):
    honest = world.sensor()
    gated = Gated(world, FEW)
    names = [topics.frame_topic(SITE, f"{number:032x}") for number in range(300)]
    gated.wire.put(*[Message(name, b"junk") for name in names], honest.message(honest.frame()))
    gated.turns(3)
    tallies = world.tallies()
    assert set(tallies) == {"unknown", honest.device}
    assert (tallies["unknown"]["rejected"], tallies["unknown"]["flooded"]) == (20 + 2, 300 - 20 - LEFT)
    assert len(gated.gateway.gate._credential._full_at_s) == 1, "what is remembered does not grow either"
    assert of(world, honest, "accepted") == (1,)


def test_what_waits_for_tokens_leaves_most_of_the_brokers_window_to_others():
    """It is not acknowledged, and a broker hands out only so many unacknowledged."""
    gate = Gate(Limits(1, 1), lambda: 0.0)
    parted = gate.part([Claim(f"{number % 20}", True) for number in range(2_000)], 500)
    assert len(parted.taken) == 20
    assert len(parted.left) == LEFT_IN_ALL
    assert len(parted.refused) == 2_000 - 20 - LEFT_IN_ALL
    sources = [place % 20 for place in parted.left]
    assert max(map(sources.count, range(20))) - min(map(sources.count, range(20))) <= 1, "the same of each"


def test_what_is_refused_is_counted_told_and_leaves_nothing_else(world: World):
    sensor = world.sensor()
    gated = Gated(world, FEW)
    gated.wire.put(*junk(sensor, 300))
    gated.turns()
    assert of(world, sensor, "received", "rejected", "flooded") == (300 - LEFT, 20, 300 - 20 - LEFT)
    assert len(world.quarantined()) == 20
    assert audit(world.store, world.node).ok
    with world.store.reading() as connection:
        beat = newest_beats(connection)["gateway"]
        found = Watch().look(connection, world.store.clock())
        later = Watch().look(connection, world.store.clock() + FLOODED_MS)
    assert beat.detail["flooding"] == {sensor.device: 300 - 20 - LEFT}
    assert beat.detail["flooded"] == 300 - 20 - LEFT
    assert [(device, kind) for _, device, kind in found] == [(sensor.device, "flood")]
    assert later == {}, "a minute without ends the alarm"
    with world.store.transaction() as tx:
        tx.connection.execute(update(models.Tally).values(flooded=models.Tally.flooded - 1))
    assert not audit(world.store, world.node).ok


@contextmanager
def measured(world: World, folder: Path, count: int, window: int) -> Iterator[tuple[Sensor, Device]]:
    """A device that has kept so many frames, one reading in each."""
    sensor = world.sensor()
    with closing(Flash(folder, key=sensor.key)) as flash:
        flash.start(sensor.began_ms)
        told = Enrolment(sensor.device, sensor.uri, world.node.name, SITE, sensor.receipt_key)
        device = Device(flash, told, sensor.stream, window=window)
        times = [sensor.at_ms(number) for number in range(count)]
        device.measure([Pack(at_ms + 1, (Reading("air", "Cel", at_ms, 4.0),)) for at_ms in times])
        device.connected(0.0)
        yield sensor, device


def deliver(gated: Gated, sensor: Sensor, device: Device, count: int) -> None:
    """Let a device send what it has, and hear receipts, until all of it is taken in."""
    while of(gated.world, sensor, "accepted") < (count,):
        gated.wire.put(*map(sensor.message, device.due(gated.now_s)))
        gated.turns()
        for receipt in gated.wire.receipts.pop(sensor.device, ()):
            assert device.receive(receipt, gated.now_s) in {Verdict.SETTLED, Verdict.STALE}
        assert gated.now_s < 120


def test_thirty_days_without_a_network_are_taken_in_without_a_word_of_a_flood(world: World, tmp_path: Path):
    """An honest device has no more under way than its window, so it is only slowed down."""
    gated = Gated(world, Limits(50, 100))
    with measured(world, tmp_path / "flash", 400, WINDOW) as (sensor, device):
        deliver(gated, sensor, device, 400)
    assert of(world, sensor, "received", "duplicate", "flooded") == (400, 0, 0)
    assert gated.now_s == pytest.approx((400 - 100) / 50, abs=2.0)
    assert device.resends == 0


def test_what_was_refused_comes_again_when_its_device_has_waited(world: World, tmp_path: Path):
    """No receipt comes for it, though the broker was told that it is had."""
    gated = Gated(world, Limits(50, 100))
    with measured(world, tmp_path / "flash", 400, 200) as (sensor, device):
        deliver(gated, sensor, device, 400)
        assert device.flash.next_to_send(1) == []
    assert of(world, sensor, "accepted") == (400,)
    assert of(world, sensor, "flooded") > (0,), "this one has more under way than it should"
    assert device.resends > 0


def test_while_the_store_is_away_nothing_of_a_flood_is_acknowledged_or_spent(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    sensor, gated = world.sensor(), Gated(world, FEW)
    gated.wire.put(*junk(sensor, 120))
    ingest = gated.gateway.ingest

    def away(*_: Any) -> Any:
        raise StoreUnavailableError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(ingest, "ingest", away)
        gated.gateway._take()
    assert (gated.wire.acknowledged, len(gated.wire.waiting)) == ([], 120)
    gated.gateway._take()
    assert len(gated.wire.acknowledged) == 120 - LEFT
    assert of(world, sensor, "rejected", "flooded") == (20, 120 - 20 - LEFT)


def test_a_connection_that_is_lost_takes_what_waits_with_it(world: World):
    """The broker sends it again: kept, it would be there twice."""
    sensor, gated = world.sensor(), Gated(world, FEW)
    gated.wire.put(*map(sensor.message, sensor.frames(60)))
    gated.turns()
    assert of(world, sensor, "received", "accepted") == (20, 20)
    gated.wire.generation += 1
    gated.turns(20)
    assert of(world, sensor, "received", "accepted") == (20, 20)
