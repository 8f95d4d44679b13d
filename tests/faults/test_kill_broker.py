"""kill -9 of the broker in the middle of its work: what it acknowledged is there when it comes back.

A device sends a frame again only if the broker has not acknowledged it.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.faults import Came
from tests.support.broker import Broker
from tests.support.bursts import (
    Watched,
    burst,
    made,
    publish,
    publishing_meanwhile,
    wait_until_accepted,
    wait_until_receipted,
)
from tests.support.gateway import SMALL_HANDFULS, GatewayProcess, publishing, tuned, wait_until
from tests.support.outcome import Outcome
from tests.support.sensor import World
from tests.support.witnessed import lost

BURST = 60
SENSORS = 6

IMPATIENT = tuned(SMALL_HANDFULS, "Link._lost", LONGEST_DELAY_S=0.25)
"""A gateway that looks for its broker often, so that hundreds of kills take minutes and not an hour."""


@pytest.fixture
def mortal() -> Iterator[Broker]:
    """A broker that no other test uses."""
    running = Broker()
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.mark.fault("kill_broker", short=2, long=200)
@pytest.mark.slow
def test_a_broker_killed_in_the_middle_loses_and_doubles_nothing(
    world: World, mortal: Broker, tmp_path: Path, rounds: int, dice: random.Random, outcome: Outcome
):
    watched, sensors, fallen = Watched(world), [world.sensor() for _ in range(SENSORS)], 0
    gateway = GatewayProcess(world, mortal.url, tmp_path, IMPATIENT)
    with gateway, publishing(mortal.url) as publisher:
        gateway.wait_connected()
        while fallen < rounds:
            before, aim = world.accepted_count(), dice.randrange(1, BURST // 2)
            with publishing_meanwhile(publisher, burst(sensors, BURST)):
                wait_until_accepted(world, before + aim)
                mortal.kill()
                fallen += world.accepted_count() < made(sensors)
                mortal.start()
            watched.publish()
        publish(publisher, burst(sensors, SENSORS))  # their receipts tell of those that nobody heard
        wait_until_accepted(world, made(sensors))
        wait_until_receipted(publisher, sensors)
        assert gateway.stop() == 0
    assert world.quarantined() == []
    outcome.held(watched.came("kill -9 of the broker while it takes and hands out frames", rounds, sensors))


@pytest.mark.fault("kill_broker")
def test_a_broker_whose_store_goes_with_it_would_lose_frames(
    world: World, mortal: Broker, tmp_path: Path, outcome: Outcome
):
    """The negative control: what it acknowledged was in its memory alone."""
    sensor = world.sensor()
    with GatewayProcess(world, mortal.url, tmp_path) as gateway:
        gateway.wait_connected()  # from now on the broker keeps for it what comes
        assert gateway.stop() == 0
    with publishing(mortal.url) as publisher:
        publish(publisher, burst([sensor], 10))
    mortal.kill()
    shutil.rmtree(mortal.data / "jetstream")
    mortal.start()
    with GatewayProcess(world, mortal.url, tmp_path) as gateway, publishing(mortal.url) as publisher:
        gateway.wait_connected()
        publish(publisher, burst([sensor], 1))
        wait_until(lambda: sensor.made[-1] in world.accepted(sensor), "the last frame")
    outcome.control(Came("a broker without files", 1, 11, lost=lost(world, [sensor])))
