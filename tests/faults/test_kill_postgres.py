"""kill -9 of PostgreSQL under load: the gateway takes nothing meanwhile, says so, and goes on by itself.

The devices here publish each frame exactly once, and a publisher signs checkpoints all the while.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bench.faults import Came
from tests.support.broker import Broker
from tests.support.gateway import GatewayProcess, Publisher, publishing, wait_until
from tests.support.outcome import Outcome
from tests.support.postgres import Postgres
from tests.support.sensor import Sensor, World, make_world
from tests.support.witnessed import Witnessed, doubled, lost
from traceability.errors import StoreUnavailableError
from traceability.operations.audit import audit
from traceability.operations.publish import publish

BURST = 60
SMALL_HANDFULS = """
import sys
import gateway.__main__ as program
program.watchman_of.__globals__.update(LOOK_S=3600)
program.Gateway.run.__globals__.update(HANDFUL=8)
sys.stdin.readline()
sys.exit(program.main())
"""
"""The real gateway, with many short transactions to be interrupted; its watchman, who would say that
the store is away too, looks once."""

CARELESS = """
import sys
import gateway.__main__ as program
program.watchman_of.__globals__.update(LOOK_S=3600)
from gateway.service import Gateway

class CarelessGateway(Gateway):
    def _hinder(self, error):
        if self.link.waiting:
            self.link.acknowledge(self.link.waiting)
            self.link.waiting.clear()
            super()._hinder(error)

program.Gateway = CarelessGateway
sys.stdin.readline()
sys.exit(program.main())
"""
"""The safeguard taken out: what the store did not take is acknowledged nevertheless."""


@pytest.fixture
def world(tmp_path: Path, postgres: Postgres, postgres_tables: str) -> Iterator[World]:
    with postgres.fresh_database(postgres_tables) as url:
        made = make_world(tmp_path / "node", url)
        yield made
        made.store.close()


@contextmanager
def signing(world: World) -> Iterator[Witnessed]:
    """A publisher at work, through every outage; what could be seen of it."""
    seen, ended = Witnessed(world.store, world.node), threading.Event()

    def work() -> None:
        while not ended.wait(0.05):
            with suppress(StoreUnavailableError):
                publish(world.store, world.node)
                seen.look()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


class Outages:
    """Bursts of frames, and in the middle of each a PostgreSQL that is gone and comes back."""

    def __init__(
        self, world: World, postgres: Postgres, running: GatewayProcess, publisher: Publisher
    ) -> None:
        self.world, self.postgres, self.running, self.publisher = world, postgres, running, publisher
        self.sensors = [world.sensor() for _ in range(3)]
        self.sent = 0

    def burst(self, count: int = BURST) -> None:
        for place in range(count):
            sensor: Sensor = self.sensors[place % len(self.sensors)]
            self.publisher.send(sensor.topic, sensor.frame())
        self.sent += count

    def run(self, number: int, dice: random.Random) -> None:
        """One outage; returns when the gateway takes again."""
        aim = self.world.accepted_count() + dice.randrange(1, BURST // 2)
        self.burst()
        wait_until(lambda: self.world.accepted_count() >= aim, "some frames are accepted")
        self.postgres.kill()
        try:
            self.burst(12)
            wait_until(lambda: self._alarms() > self._ends(), "the alarm of this outage")
            assert self.running.process.poll() is None
        finally:
            self.postgres.start()
        wait_until(lambda: self._ends() == number, "the gateway goes on by itself")

    def _alarms(self) -> int:
        return sum('"level": "error"' in line and '"store-unavailable"' in line for line in self._lines())

    def _ends(self) -> int:
        return sum("nothing hinders any more" in line for line in self._lines())

    def _lines(self) -> list[str]:
        return self.running.log.splitlines()


def last_is_taken(outages: Outages) -> None:
    """Behind everything else, one frame more of each device."""
    outages.burst(len(outages.sensors))
    last = [(sensor, sensor.made[-1]) for sensor in outages.sensors]
    world = outages.world
    wait_until(lambda: all(body in world.accepted(sensor) for sensor, body in last), "the last frames")


@pytest.mark.fault("kill_postgres", short=3, long=50)
def test_postgresql_killed_under_load_loses_doubles_and_forks_nothing(
    world: World,
    postgres: Postgres,
    broker: Broker,
    tmp_path: Path,
    rounds: int,
    dice: random.Random,
    outcome: Outcome,
):
    with (
        GatewayProcess(world, broker.url, tmp_path, SMALL_HANDFULS) as running,
        publishing(broker.url) as publisher,
        signing(world) as seen,
    ):
        running.wait_connected()
        outages = Outages(world, postgres, running, publisher)
        for number in range(1, rounds + 1):
            outages.run(number, dice)
        wait_until(lambda: world.accepted_count() == outages.sent, "every frame is accepted")
        assert running.stop() == 0
    publish(world.store, world.node)
    seen.look()
    sensors = outages.sensors
    came = Came(
        "kill -9 of PostgreSQL under load", rounds, outages.sent, lost(world, sensors), doubled(world)
    )
    outcome.held(came)
    assert world.quarantined() == []
    assert audit(world.store, world.node, workers=1).ok


@pytest.mark.fault("kill_postgres")
def test_a_gateway_that_acknowledges_what_the_store_did_not_take_would_lose_it(
    world: World, postgres: Postgres, broker: Broker, tmp_path: Path, dice: random.Random, outcome: Outcome
):
    with (
        GatewayProcess(world, broker.url, tmp_path, CARELESS) as running,
        publishing(broker.url) as publisher,
    ):
        running.wait_connected()
        outages = Outages(world, postgres, running, publisher)
        outages.run(1, dice)
        last_is_taken(outages)
    outcome.control(
        Came("acknowledged though the store is away", 1, outages.sent, lost(world, outages.sensors))
    )
