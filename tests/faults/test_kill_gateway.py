"""kill -9 of the gateway in the middle of its work: nothing is lost, nothing is doubled.

The devices here publish each frame exactly once: nothing but the broker's session, and a
PUBACK that waits for the commit, brings a frame back that a killed gateway held.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bench.faults import Came
from tests.support.broker import Broker
from tests.support.bursts import (
    Moment,
    Watched,
    burst,
    locked,
    made,
    publish,
    publishing_meanwhile,
    wait_until_accepted,
    wait_until_receipted,
)
from tests.support.gateway import REAL, SMALL_HANDFULS, GatewayProcess, Publisher, publishing, wait_until
from tests.support.outcome import Outcome
from tests.support.sensor import World

BURST = 60
SENSORS = 6

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


def kill_in_the_middle(
    running: GatewayProcess, world: World, moments: list[Moment], publisher: Publisher, aim: int
) -> None:
    """Kill a gateway once it has taken so many frames, of a burst and of what others left it."""
    before = world.accepted_count()
    with publishing_meanwhile(publisher, moments):
        wait_until_accepted(world, before + aim)
        running.kill()


@pytest.mark.fault("kill_gateway", short=3, long=500)
@pytest.mark.slow
def test_kills_in_the_middle_lose_and_double_nothing(
    world: World, broker: Broker, tmp_path: Path, rounds: int, dice: random.Random, outcome: Outcome
):
    watched, sensors, fallen = Watched(world), [world.sensor() for _ in range(SENSORS)], 0
    running = GatewayProcess(world, broker.url, tmp_path, SMALL_HANDFULS)
    waiting = GatewayProcess(world, broker.url, tmp_path, SMALL_HANDFULS)
    try:
        with publishing(broker.url) as publisher:
            running.go()
            while fallen < rounds:
                running.wait_connected()
                moments, aim = burst(sensors, BURST), dice.randrange(1, BURST // 2)
                kill_in_the_middle(running, world, moments, publisher, aim)
                fallen += world.accepted_count() < made(sensors)
                running, waiting = waiting, GatewayProcess(world, broker.url, tmp_path, SMALL_HANDFULS)
                running.go()
                watched.publish()
            wait_until_accepted(world, made(sensors))
            wait_until_receipted(publisher, sensors)
            assert running.stop() == 0
    finally:
        running.kill()
        waiting.kill()
    assert all(world.accepted(sensor) == sensor.made for sensor in sensors)
    assert world.quarantined() == []
    outcome.held(watched.came("kill -9 of the gateway while it takes frames", rounds, sensors))


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


@pytest.mark.fault("kill_gateway")
def test_acknowledging_before_the_commit_would_lose_frames(
    world: World, broker: Broker, tmp_path: Path, outcome: Outcome
):
    """The negative control: without the safeguard the same kill loses what was never sent twice."""
    gone = killed_before_the_commit(EARLY_ACK, world, broker, tmp_path)
    outcome.control(Came("acknowledged before the commit", 1, 11, lost=len(gone)))
