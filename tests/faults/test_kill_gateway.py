"""kill -9 of the gateway in the middle of its work: nothing is lost, nothing is doubled.

The devices here publish each frame exactly once: nothing but the broker's session, and a
PUBACK that waits for the commit, brings a frame back that a killed gateway held.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from firmware_sim.journey import plan, start_of
from firmware_sim.sampling import frames, signed_frames
from tests.support.broker import Broker
from tests.support.gateway import REAL, GatewayProcess, Publisher, publishing, wait_until
from tests.support.sensor import Sensor, World, make_world
from traceability.sensing.receipt import open_receipt

KILLS = 10
BURST = 60

SMALL_HANDFULS = REAL.replace("sys.stdin", "program.Gateway.run.__globals__.update(HANDFUL=4); sys.stdin", 1)
"""The real gateway, with many short transactions instead of few long ones to be killed between."""

EARLY_ACK = """
import sys
import gateway.__main__ as program
from gateway.service import Gateway

class EarlyGateway(Gateway):
    def _take(self):
        self.link.acknowledge(self.link.waiting)
        print("acknowledged before the commit", file=sys.stderr, flush=True)
        super()._take()

program.Gateway = EarlyGateway
sys.stdin.readline()
sys.exit(program.main())
"""
"""The safeguard taken out: PUBACK first, commit afterwards."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    yield made
    made.store.close()


Moment = tuple[Sensor, bytes]
"""A device, and the frame that it sends."""


def journey_of(world: World) -> Iterator[Moment]:
    """The strawberries' journey: what its sensors sent, from field to shop, in order of time."""
    now_ms = int(time.time() * 1000)
    journey = plan(start_of(now_ms), now_ms, 1, world.node.name)
    moments = []
    for device in journey.devices:
        sensor = world.sensor(on=journey.asset(device.asset).uri)
        packs = frames(journey, device.key, 0, now_ms)
        bodies = signed_frames(journey, device.key, sensor.key, 0, now_ms)
        moments += [(pack.to_ms, sensor, body) for pack, body in zip(packs, bodies, strict=True)]
    for _, sensor, body in sorted(moments, key=lambda moment: moment[0]):
        yield sensor, body


def publish(publisher: Publisher, moments: Sequence[Moment]) -> None:
    """Each frame exactly once; returns when the broker has them all."""
    sent = [publisher.send(sensor.topic, body) for sensor, body in moments]
    wait_until(lambda: all(s.is_published() for s in sent), "the broker takes the frames")


def receipted(publisher: Publisher, sensors: Collection[Sensor]) -> int:
    """How many frames the devices hold a receipt for."""
    return sum(
        max((open_receipt(s.receipt_key, r).counter + 1 for r in publisher.receipts[s.device]), default=0)
        for s in sensors
    )


def wait_until_accepted(world: World, count: int) -> None:
    wait_until(lambda: world.accepted_count() >= count, f"{count} frames are accepted")


@pytest.mark.slow
def test_ten_kills_in_the_middle_lose_and_double_nothing(world: World, broker: Broker, tmp_path: Path):
    journey = list(journey_of(world))
    sensors = list({sensor.device: sensor for sensor, _ in journey}.values())
    dice, fallen = random.Random(2), []
    running = GatewayProcess(world, broker.url, tmp_path, SMALL_HANDFULS)
    waiting = GatewayProcess(world, broker.url, tmp_path, SMALL_HANDFULS)
    try:
        with publishing(broker.url) as publisher:
            running.go()
            running.wait_connected()
            for attempt in range(len(journey) // BURST):
                before = world.accepted_count()
                aim = before + dice.randrange(1, BURST // 2)
                moments = journey[attempt * BURST : (attempt + 1) * BURST]
                for sensor, body in moments:
                    sensor.made.append(body)
                burst = threading.Thread(target=publish, args=(publisher, moments))
                burst.start()
                wait_until_accepted(world, aim)
                running.kill()
                burst.join()
                after, published = world.accepted_count(), sum(len(s.made) for s in sensors)
                answered = receipted(publisher, sensors)
                if before < after < published:
                    assert answered < published
                    fallen.append((before, after, published))
                running, waiting = waiting, GatewayProcess(world, broker.url, tmp_path, SMALL_HANDFULS)
                running.go()
                running.wait_connected()
                if len(fallen) == KILLS:
                    break
            assert len(fallen) == KILLS, fallen
            total = sum(len(s.made) for s in sensors)
            wait_until_accepted(world, total)
            wait_until(lambda: receipted(publisher, sensors) == total, "every frame is receipted")
            assert running.stop() == 0
    finally:
        running.kill()
        waiting.kill()
    for sensor in sensors:
        assert world.accepted(sensor) == sensor.made
    tallies = world.tallies()
    assert sum(t["accepted"] for t in tallies.values()) == total
    assert sum(t["rejected"] + t["quarantined"] for t in tallies.values()) == 0
    assert world.quarantined() == []


@contextmanager
def locked(world: World) -> Iterator[None]:
    """Nobody can commit meanwhile."""
    path = world.store.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def killed_before_the_commit(program: str, world: World, broker: Broker, folder: Path) -> list[bytes]:
    """Frames published once to a gateway that dies before its commit; what its successor never gets."""
    sensor = world.sensor()
    first = GatewayProcess(world, broker.url, folder, program)
    second = GatewayProcess(world, broker.url, folder)
    try:
        with publishing(broker.url) as publisher:
            first.go()
            first.wait_connected()
            with locked(world):
                publish(publisher, [(sensor, sensor.frame()) for _ in range(10)])
                if program == EARLY_ACK:
                    wait_until(lambda: "acknowledged before" in first.log, "the early acknowledgement")
                first.kill()
            second.go()
            second.wait_connected()
            publish(publisher, [(sensor, sensor.frame())])
            wait_until(lambda: sensor.made[-1] in world.accepted(sensor), "the last frame")
            if program == REAL:
                wait_until(lambda: len(world.accepted(sensor)) == 11, "the first frames come again")
    finally:
        first.kill()
        second.kill()
    return [body for body in sensor.made if body not in world.accepted(sensor)]


def test_a_gateway_killed_before_its_commit_loses_nothing(world: World, broker: Broker, tmp_path: Path):
    assert killed_before_the_commit(REAL, world, broker, tmp_path) == []


def test_acknowledging_before_the_commit_would_lose_frames(world: World, broker: Broker, tmp_path: Path):
    """The negative control: without the safeguard the same kill loses what was never sent twice."""
    assert killed_before_the_commit(EARLY_ACK, world, broker, tmp_path) != []
