"""A disk without room: for the database, for the broker, for logs. Nothing is lost, and it goes on by itself.

The gateway stops taking and says what a person must do; once there is room it resumes.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from bench.faults import Came
from tests.support.broker import HOST, Broker, free_port
from tests.support.bursts import (
    Watched,
    burst,
    made,
    publish,
    wait_until_accepted,
    wait_until_receipted,
)
from tests.support.disks import filled, small
from tests.support.gateway import REAL, GatewayProcess, publishing, tuned, wait_until
from tests.support.outcome import Outcome
from tests.support.sensor import World, make_world
from tests.support.witnessed import lost
from traceability.broker import STUCK, answers_mqtt, prepare_broker
from traceability.errors import StoreFullError, StoreUnavailableError
from traceability.operations.ingest import Ingest
from traceability.operations.lock import Lock
from traceability.running import children
from traceability.running.children import Child
from traceability.running.logfile import LogFile
from traceability.running.supervisor import broker_program
from traceability.store.engine import unavailable

KB = 1024
BURST = 200


def impatient(program: str) -> str:
    """A gateway that asks often whether there is room, or a broker, again."""
    program = tuned(program, "Gateway.run", HANDFUL=20, LONGEST_RETRY_S=0.25)
    return tuned(program, "Link._lost", LONGEST_DELAY_S=0.25)


CARELESS = """
import sys
import gateway.__main__ as program
from gateway.service import Gateway

class Careless(Gateway):
    def _hinder(self, error):
        super()._hinder(error)
        self.link.acknowledge(self.link.waiting)
        self.link.waiting.clear()

program.Gateway = Careless
sys.stdin.readline()
sys.exit(program.main())
"""
"""The safeguard taken out: what cannot be committed is acknowledged all the same."""


def more_of(log: Callable[[], str], words: str, than: int) -> Callable[[], bool]:
    """Whether words stand in a log more often."""
    return lambda: log().count(words) > than


@pytest.fixture
def tight(tmp_path: Path) -> Iterator[World]:
    """A node on SQLite, on a disk of its own."""
    with small(tmp_path / "disk", 64 * KB) as disk:
        made_there = make_world(disk / "node", f"sqlite:///{disk / 'node.sqlite'}")
        yield made_there
        made_there.store.close()


@pytest.mark.fault("disk_full_database", short=1, long=50)
def test_without_room_for_the_database_the_gateway_takes_nothing_and_resumes_by_itself(
    tight: World, broker: Broker, tmp_path: Path, rounds: int, dice: random.Random, outcome: Outcome
):
    watched, sensors = Watched(tight), [tight.sensor() for _ in range(4)]
    gateway = GatewayProcess(tight, broker.url, tmp_path, impatient(REAL))
    with gateway, publishing(broker.url) as publisher:
        gateway.wait_connected()
        for number in range(rounds):
            with filled(tight.node.folder.parent, dice.randrange(100 * KB)):
                publish(publisher, burst(sensors, BURST))
                wait_until(more_of(lambda: gateway.log, "store-full", number), "it says so")
                assert "Make room on the disk" in gateway.log
                with contextlib.suppress(StoreUnavailableError):
                    watched.publish()
            wait_until_accepted(tight, made(sensors))
            watched.publish()
            tight.store.scrub()
        wait_until_receipted(publisher, sensors)
        assert gateway.stop() == 0
    assert tight.quarantined() == []
    outcome.held(watched.came("disk full under the database (as root)", rounds, sensors))


@pytest.mark.fault("disk_full_database")
def test_acknowledging_what_finds_no_room_would_lose_it(
    tight: World, broker: Broker, tmp_path: Path, outcome: Outcome
):
    """The negative control."""
    sensor = tight.sensor()
    gateway = GatewayProcess(tight, broker.url, tmp_path, impatient(CARELESS))
    with gateway, publishing(broker.url) as publisher:
        gateway.wait_connected()
        with filled(tight.node.folder.parent, 0):
            publish(publisher, burst([sensor], BURST))
            wait_until(lambda: "store-full" in gateway.log, "the disk is full")
        publish(publisher, burst([sensor], 1))
        wait_until(lambda: sensor.made[-1] in tight.accepted(sensor), "there is room again")
    gone = lost(tight, [sensor])
    outcome.control(Came("acknowledged what found no room", 1, BURST + 1, lost=gone))


class Supervised:
    """A broker on a small disk, looked after as the supervisor does."""

    def __init__(self, disk: Path, logs: Path, restarted: bool) -> None:
        self.port, self.data = free_port(), disk / "broker"
        self.shown = list[str]()
        program = broker_program(prepare_broker(self.data, HOST, self.port))
        self._child = Child(program if restarted else replace(program, stuck=""), os.environ, logs)
        self._child.start()
        self._over = threading.Event()

    @property
    def url(self) -> str:
        return f"mqtt://{HOST}:{self.port}"

    @property
    def log(self) -> str:
        return self._child.log.read_text("utf-8", "replace")

    def look_after(self) -> None:
        """One turn."""
        self.shown += [*self._child.listen(), *self._child.settle()]
        if self._child.due:
            self._child.start()

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Look after it until a condition holds."""

        def turn() -> object:
            self.look_after()
            return condition()

        wait_until(turn, what)

    def end(self) -> None:
        self._child.kill()
        self._child.close()


@contextlib.contextmanager
def supervised(folder: Path, *, restarted: bool = True) -> Iterator[tuple[Supervised, Path]]:
    """Such a broker, and its disk."""
    with small(folder / "broker", 16 * KB) as disk:
        broker = Supervised(disk, folder, restarted)
        try:
            broker.wait_until(lambda: answers_mqtt(HOST, broker.port), "the broker")
            yield broker, disk
        finally:
            broker.end()


@pytest.mark.fault("disk_full_broker", short=1, long=50)
def test_without_room_for_the_broker_it_acknowledges_nothing_and_is_started_again(
    world: World, tmp_path: Path, rounds: int, dice: random.Random, outcome: Outcome, monkeypatch
):
    monkeypatch.setattr(children, "LONGEST_DELAY_S", 0.5)
    watched, sensors = Watched(world), [world.sensor() for _ in range(4)]
    with supervised(tmp_path) as (broker, disk):
        gateway = GatewayProcess(world, broker.url, tmp_path, impatient(REAL))
        with gateway, publishing(broker.url) as publisher:
            gateway.wait_connected()
            for number in range(rounds):
                with filled(disk, dice.randrange(16 * KB)):
                    for sensor, body in burst(sensors, BURST):
                        publisher.send(sensor.topic, body)
                    broker.wait_until(more_of(lambda: broker.log, STUCK, number), "it is full")
                    assert any("no space left" in line for line in broker.shown)
                broker.wait_until(lambda: publisher.kept == publisher.sent, "it takes everything")
                watched.publish()
            broker.wait_until(lambda: world.accepted_count() == made(sensors), "all is accepted")
    outcome.held(watched.came("disk full under the broker (as root)", rounds, sensors))


@pytest.mark.fault("disk_full_broker")
def test_a_broker_that_is_not_started_again_takes_nothing_though_there_is_room(
    world: World, tmp_path: Path, outcome: Outcome
):
    """The negative control."""
    sensor = world.sensor()
    with supervised(tmp_path, restarted=False) as (broker, disk):
        with GatewayProcess(world, broker.url, tmp_path) as gateway:
            gateway.wait_connected()  # from now on the broker keeps for it what comes
        with publishing(broker.url) as before, publishing(broker.url) as behind:
            with filled(disk, 0):
                for _, body in burst([sensor], BURST):
                    before.send(sensor.topic, body)
                broker.wait_until(lambda: STUCK in broker.log, "it is full")
            behind.send(sensor.topic, sensor.frame())
            assert all(answers_mqtt(HOST, broker.port) for _ in range(100)), "it has time for others"
            gone = BURST + 1 - before.kept - behind.kept
    outcome.control(Came("not started again when there is room", 1, BURST + 1, lost=gone))


def test_without_room_for_its_log_nobody_fails_and_a_person_is_told_once(tmp_path: Path):
    with small(tmp_path / "disk", 64) as disk:
        log = LogFile(disk / "child.log")
        for number in range(20):
            log.write(f"{number} {'x' * 500}")
        assert log.news() is None
        with filled(disk, 0):
            for number in range(50):
                log.write(f"{number} {'x' * 500}")
            with pytest.raises(OSError, match="No space"):  # the control: whoever just writes ends here
                (disk / "plain.log").write_text("x" * 100_000)
            assert "make room on the disk: [Errno 28]" in (log.news() or "")
            log.write("still full")
            assert log.news() is None
        log.write("room")
        assert (log.news(), log.news()) == ("its log is written again", None)
        assert (disk / "child.log").read_text("utf-8").splitlines()[-1] == "room"
        log.close()


def test_a_full_disk_has_a_code_of_its_own_wherever_it_is_met(tight: World):
    sensor = tight.sensor()
    ingest = Ingest(tight.store, tight.node)
    ingest.ingest([sensor.message(body) for body in sensor.frames(BURST)])
    with filled(tight.node.folder.parent, 0):
        with pytest.raises(StoreFullError, match="disk is full"):
            tight.store.scrub()
        with pytest.raises(StoreFullError, match="disk is full"):
            ingest.ingest([sensor.message(sensor.frame()) for _ in range(BURST)])
        with pytest.raises(StoreFullError, match="disk is full"):
            Lock(tight.node.lock_path).swap(None, bytes(100_000))
    assert isinstance(unavailable(psycopg.errors.DiskFull(), "away"), StoreFullError)
    assert not isinstance(unavailable(psycopg.errors.AdminShutdown(), "away"), StoreFullError)
    assert tight.store.scrub()
