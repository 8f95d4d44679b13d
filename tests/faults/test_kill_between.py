"""The gateway dies exactly between its commit and what it owes for it: the receipts, and the PUBACKs.

What it had committed comes again, is known as a duplicate, and is answered as if nothing had happened.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bench.faults import Came
from tests.support.broker import Broker
from tests.support.bursts import (
    Watched,
    burst,
    publish,
    wait_until_accepted,
    wait_until_receipted,
)
from tests.support.gateway import DEADLINE_S, GatewayProcess, publishing, wait_until
from tests.support.outcome import Outcome
from tests.support.sensor import Sensor, World
from tests.support.witnessed import lost

FRAMES = 10

DYING = """
import os, signal, sys
import gateway.__main__ as program
from gateway.link import Link
from gateway.service import Gateway

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

class Dying(Gateway):
    def _take(self):
        %s
        super()._take()

program.Gateway = Dying
sys.stdin.readline()
sys.exit(program.main())
"""

UNANSWERED = DYING % "self.link.publish = die"
"""Dies behind the commit, before the first receipt."""

UNACKNOWLEDGED = DYING % "self.link.acknowledge = lambda _: (Link.acknowledge(self.link, ()), die())"
"""Dies behind the receipts, before the first PUBACK."""

REVERSED = DYING % "self.link.acknowledge(self.link.waiting); die()"
"""The safeguard taken out: the PUBACKs are sent, and it dies before the commit."""


def dies_taking(program: str, world: World, broker: Broker, sensor: Sensor, folder: Path) -> int:
    """A gateway takes a burst and dies of it; how many frames are committed then."""
    before = world.accepted_count()
    with (
        publishing(broker.url) as publisher,
        GatewayProcess(world, broker.url, folder, program) as dying,
    ):
        dying.wait_connected()
        publish(publisher, burst([sensor], FRAMES))
        dying.process.wait(DEADLINE_S)
        took = world.accepted_count() - before
        if took and program == UNACKNOWLEDGED:
            wait_until(lambda: publisher.receipts[sensor.device], "what it sent before it died")
    return took


@pytest.mark.fault("kill_between", short=1, long=50)
def test_what_was_committed_and_not_answered_comes_again_and_is_answered(
    world: World, broker: Broker, tmp_path: Path, rounds: int, dice: random.Random, outcome: Outcome
):
    watched, sensor, committed, died = Watched(world), world.sensor(), 0, 0
    while died < rounds:
        program = dice.choice((UNANSWERED, UNACKNOWLEDGED))
        took = dies_taking(program, world, broker, sensor, tmp_path)
        committed, died = committed + took, died + bool(took)  # or it met nothing but what came again
        with publishing(broker.url) as publisher, GatewayProcess(world, broker.url, tmp_path) as gateway:
            wait_until_receipted(publisher, [sensor])
            assert gateway.stop() == 0
        watched.publish()
    assert world.accepted(sensor) == sensor.made
    with GatewayProcess(world, broker.url, tmp_path):
        again = "all that was committed and not acknowledged comes again"
        wait_until(lambda: world.tallies()[sensor.device]["duplicate"] >= committed, again)
    outcome.held(watched.came("kill -9 of the gateway between commit and PUBACK", rounds, [sensor]))


@pytest.mark.fault("kill_between")
def test_a_gateway_that_dies_between_the_puback_and_a_later_commit_loses_frames(
    world: World, broker: Broker, tmp_path: Path, outcome: Outcome
):
    """The negative control: the two in the other order."""
    sensor = world.sensor()
    assert dies_taking(REVERSED, world, broker, sensor, tmp_path) == 0
    with publishing(broker.url) as publisher, GatewayProcess(world, broker.url, tmp_path):
        publish(publisher, burst([sensor], 1))
        wait_until_accepted(world, 1)
    gone = lost(world, [sensor])
    outcome.control(Came("PUBACK before the commit", 1, FRAMES + 1, lost=gone))
