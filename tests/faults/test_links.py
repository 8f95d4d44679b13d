"""Links that are cut, slow, hung or half open, between gateway and broker and between device and broker.

The gateway, the device and the broker are the real ones, with the times to wait that they have; only
for their MQTT client seconds pass forty times as fast.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from bench.faults import Came
from firmware_sim.device import Device, Pack
from firmware_sim.enrolment import Enrolment
from firmware_sim.flash import Flash
from firmware_sim.link import Arrival, Happened
from firmware_sim.link import Link as Radio
from gateway import link
from gateway.service import Gateway
from tests.support.broker import Broker
from tests.support.databases import prepare
from tests.support.gateway import DEADLINE_S, publishing
from tests.support.outcome import Outcome
from tests.support.proxy import FAULTS, Proxy, Way
from tests.support.sensor import PERIOD_MS, SITE, World, make_world
from tests.support.witnessed import doubled, lost
from traceability.operations.ingest import Ingest
from traceability.sensing.senml import Reading
from traceability.sensing.topics import frame_filters

FASTER = 40
FOUND_S = 2 * link.KEEPALIVE_S + 30
"""By the client's seconds: silence, then no answer to a ping, and what a busy machine takes."""
BURST = 20
UNFELT = (Way.FLOWS, Way.SLOW)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    url = f"sqlite:///{tmp_path / 'node.sqlite'}"
    prepare(url)
    made = make_world(tmp_path / "node", url)
    yield made
    made.store.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paho.mqtt.client.time_func", lambda: time.monotonic() * FASTER)
    monkeypatch.setattr("gateway.service.IDLE_S", 0.02)
    monkeypatch.setattr(link, "now_s", lambda: time.monotonic() * FASTER)


class Field:
    """A device with its flash and its radio."""

    def __init__(self, world: World, folder: Path, url: str) -> None:
        self.sensor = world.sensor()
        flash = Flash(folder, key=self.sensor.key)
        flash.start(self.sensor.began_ms)
        enrolment = Enrolment(
            self.sensor.device, self.sensor.uri, world.node.name, SITE, self.sensor.receipt_key
        )
        self.device = Device(flash, enrolment, self.sensor.stream)
        self.arrivals: SimpleQueue[Arrival] = SimpleQueue()
        self.radio = Radio("probe", enrolment, url, self.arrivals)
        self.lost_link = 0
        self.radio.open()

    def measure(self, count: int) -> None:
        sensor = self.sensor
        for _ in range(count):
            sensor.counter += 1
            at_ms = sensor.at_ms(sensor.counter)
            self.device.measure([Pack(at_ms + PERIOD_MS, (Reading("air", "Cel", at_ms, 4.0),))])

    def turn(self) -> None:
        """Do what happened on the link, and send what is due."""
        now_s = time.monotonic()
        try:
            arrival = self.arrivals.get_nowait()
        except Empty:
            pass
        else:
            if arrival.happened is Happened.CONNECTED:
                self.device.connected(now_s)
            elif arrival.happened is Happened.RECEIPT:
                self.device.receive(arrival.payload, now_s)
            self.lost_link += arrival.happened is Happened.DISCONNECTED
        for body in self.device.due(now_s):
            if body not in self.sensor.made:
                self.sensor.made.append(body)
            self.radio.send(body)

    @property
    def settled(self) -> bool:
        memory = self.device.flash.memory
        return memory.settled + 1 == memory.counter

    def close(self) -> None:
        self.radio.close()
        self.device.flash.close()


class Night:
    """A gateway and a device, each behind a link of its own, and devices beside the broker."""

    def __init__(self, world: World, broker: Broker, folder: Path) -> None:
        self.world, self.near, self.far = world, Proxy(broker.url), Proxy(broker.url)
        session = link.Link(self.near.url, f"test-{secrets.token_hex(6)}", frame_filters(()))
        self.gateway = Gateway(Ingest(world.store, world.node), session)
        self.field = Field(world, folder / "flash", self.far.url)
        self.others = [world.sensor() for _ in range(2)]
        self.found_s: list[float] = []

    @property
    def made(self) -> int:
        return sum(len(s.made) for s in self.others) + self.field.device.flash.memory.counter

    @property
    def whole(self) -> bool:
        return self.field.settled and self.world.accepted_count() == self.made

    def drive(self, until: Callable[[], Any], what: str) -> float:
        """Let all work until a condition holds; how long it took by the client's seconds."""
        began = time.monotonic()
        while not until():
            assert time.monotonic() < began + DEADLINE_S, f"waited in vain: {what}"
            self.gateway.turn()
            self.field.turn()
        return (time.monotonic() - began) * FASTER

    def burst(self, publisher: Any) -> None:
        for _ in range(BURST):
            for sensor in self.others:
                publisher.send(sensor.topic, sensor.frame())
        self.field.measure(BURST // 2)

    def suffer(self, publisher: Any, near: Way, far: Way) -> None:
        """Both links become bad in the middle of a burst; once that is felt they become good again."""
        session, field, before = self.gateway.link, self.field, self.world.accepted_count()
        connection, radio = session.generation, field.lost_link
        self.burst(publisher)
        self.drive(lambda: self.world.accepted_count() > before, "some frames are accepted")
        self.near.become(near)
        self.far.become(far)
        self.burst(publisher)
        if near not in UNFELT:
            self.found_s.append(self.drive(lambda: session.generation > connection, "the gateway notices"))
        if far not in UNFELT:
            self.drive(lambda: field.lost_link > radio, "the device notices")
        if Way.SLOW in (near, far) and {near, far} <= {*UNFELT, Way.HALF_OPEN}:
            self.drive(lambda: self.whole, "slow links carry all")
        self.near.become(Way.FLOWS)
        self.far.become(Way.FLOWS)
        self.drive(lambda: self.whole, "all is there and answered")

    def close(self) -> None:
        self.gateway.link.close()
        self.field.close()
        self.near.close()
        self.far.close()


@pytest.mark.fault("links", short=4, long=400)
@pytest.mark.usefixtures("quick")
def test_links_cut_slow_hung_and_half_open_lose_and_double_nothing(
    world: World, broker: Broker, tmp_path: Path, rounds: int, dice: random.Random, outcome: Outcome
):
    with (
        closing(Night(world, broker, tmp_path)) as night,
        publishing(broker.url) as publisher,
    ):
        night.drive(lambda: night.gateway.link.subscribed, "the gateway connects")
        for number in range(rounds):
            near = FAULTS[number % len(FAULTS)]
            night.suffer(publisher, near, dice.choice(FAULTS))
        sensors = [*night.others, night.field.sensor]
    assert max(night.found_s) <= FOUND_S
    assert world.quarantined() == []
    what = "both links cut, slow, hung, half open in turn"
    outcome.held(Came(what, rounds, night.made, lost(world, sensors), doubled(world)))


@pytest.mark.fault("links")
@pytest.mark.usefixtures("quick")
def test_without_keepalive_a_hung_link_would_never_be_found(
    world: World,
    broker: Broker,
    tmp_path: Path,
    outcome: Outcome,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("gateway.link.KEEPALIVE_S", 0)
    with (
        closing(Night(world, broker, tmp_path)) as night,
        publishing(broker.url) as publisher,
    ):
        night.drive(lambda: night.gateway.link.subscribed, "the gateway connects")
        night.near.become(Way.HALF_OPEN)
        night.burst(publisher)
        until_s = time.monotonic() + FOUND_S / FASTER
        night.drive(lambda: time.monotonic() > until_s, "the time in which a silent link is found")
        late = lost(world, night.others)
    outcome.control(Came("without keepalive", 1, 2 * BURST, late))
