"""Simulated devices on a real broker: one by hand, and the whole program through a kill."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from firmware_sim.cast import HOUR_MS
from firmware_sim.demo import Demo
from firmware_sim.device import Device, Pack, Told
from firmware_sim.enrolment import Enrolment
from firmware_sim.flash import Flash
from firmware_sim.journey import plan, start_of
from firmware_sim.link import Arrival, Happened, Link
from firmware_sim.plan import Plan
from firmware_sim.sender import Verdict
from tests.support.broker import Broker
from tests.support.fakenode import NODE, FakeNode
from traceability import media
from traceability.identifiers import asset_uri
from traceability.sensing import topics
from traceability.sensing.config import Config, encode_config
from traceability.sensing.senml import Reading
from traceability.signing.keys import PublicKey
from traceability.signing.keystatement import parse_key_statement

TIMEOUT_S = 20.0
START_MS = 1_764_000_000_000
REPOSITORY = Path(__file__).resolve().parent.parent.parent


class Gateway:
    """A fake node on the broker: takes statements of one site when told to, and answers receipts."""

    def __init__(self, broker: Broker, site: str) -> None:
        self.node, self.site = FakeNode(), site
        self.statements: queue.Queue[bytes] = queue.Queue()
        self.statuses: queue.Queue[dict[str, Any]] = queue.Queue()
        self._ready: queue.Queue[bool] = queue.Queue()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=uuid.uuid4().hex)
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda *_: self._ready.put(True)
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()
        self.client.subscribe([(f"ft/v1/{site}/+/frame", 1), (f"ft/v1/{site}/+/status", 1)])
        self._ready.get(timeout=TIMEOUT_S)

    def enrol(self, key: PublicKey) -> Enrolment:
        return replace(self.node.enrol(key), site=self.site)

    def answer_one(self) -> None:
        """Take one statement and answer it."""
        body = self.statements.get(timeout=TIMEOUT_S)
        answer = self.node.take(body)
        device = self.node.received[-1].device
        if answer is not None:
            self.client.publish(topics.receipt_topic(self.site, device), answer, qos=1)

    def status(self) -> dict[str, Any]:
        return self.statuses.get(timeout=TIMEOUT_S)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        if message.topic.endswith("/frame"):
            self.statements.put(bytes(message.payload))
        else:
            self.statuses.put(json.loads(message.payload))


@dataclass
class Radioed:
    """A device with its link, handled by the test's own thread."""

    device: Device
    link: Link
    arrivals: SimpleQueue[Arrival]

    def await_arrival(self, happened: Happened) -> Arrival:
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            arrival = self.arrivals.get(timeout=max(deadline - time.monotonic(), 0.001))
            if arrival.happened is happened:
                return arrival

    def come_up(self) -> None:
        self.await_arrival(Happened.CONNECTED)
        self.device.connected(time.monotonic())
        self.link.report(self.device.status)

    def send_due(self) -> int:
        bodies = self.device.due(time.monotonic())
        for body in bodies:
            self.link.send(body)
        return len(bodies)

    def hear(self) -> Verdict:
        return self.device.receive(self.await_arrival(Happened.RECEIPT).payload, time.monotonic())


def packs(first: int, count: int) -> list[Pack]:
    times = [START_MS + i * 60_000 for i in range(first, first + count)]
    return [Pack(t + 60_000, (Reading("air", "Cel", t, 2.5),)) for t in times]


@contextmanager
def radioed(folder: Path, gateway: Gateway, broker: Broker) -> Iterator[Radioed]:
    flash = Flash(folder)
    flash.start(START_MS)
    enrolment, arrivals = gateway.enrol(flash.key.public), SimpleQueue[Arrival]()
    link = Link("sensor", enrolment, broker.url, arrivals)
    try:
        link.open()
        yield Radioed(Device(flash, enrolment, asset_uri("9520002TRUCKA")), link, arrivals)
    finally:
        link.close()
        flash.close()


@pytest.fixture
def gateway(broker: Broker) -> Iterator[Gateway]:
    made = Gateway(broker, f"t{uuid.uuid4().hex[:12]}")
    yield made
    made.close()


def test_device_delivers_hears_receipts_and_forgets(broker, gateway, tmp_path):
    with radioed(tmp_path, gateway, broker) as sensor:
        sensor.come_up()
        assert gateway.status() == {"state": "online", "boot": 1}
        sensor.device.measure(packs(0, 3))
        assert sensor.send_due() == 3
        for _ in range(3):
            gateway.answer_one()
        assert [sensor.hear() for _ in range(3)] == [Verdict.SETTLED] * 3
        assert sensor.device.flash.waiting() == 0
    assert gateway.status() == {"state": "offline"}
    assert [s.counter for s in gateway.node.received] == [0, 1, 2]


def test_a_radio_that_sleeps_ends_its_session_and_hears_again_when_it_wakes(broker, gateway, tmp_path):
    with radioed(tmp_path, gateway, broker) as sensor:
        sensor.come_up()
        assert gateway.status() == {"state": "online", "boot": 1}
        sensor.link.rest()
        assert gateway.status() == {"state": "asleep"}, "and no last will behind it"
        sensor.await_arrival(Happened.DISCONNECTED)
        sensor.device.measure(packs(0, 2))
        sensor.link.wake(0.05)
        sensor.come_up()
        assert gateway.status() == {"state": "online", "boot": 1}
        assert sensor.send_due() == 2
        for _ in range(2):
            gateway.answer_one()
        assert [sensor.hear() for _ in range(2)] == [Verdict.SETTLED] * 2
        sensor.link.rest()
        assert gateway.status() == {"state": "asleep"}
        sensor.link.wake(60.0)
    assert [gateway.statuses.get() for _ in range(gateway.statuses.qsize())] == [], (
        "who sleeps says no other goodbye"
    )


def test_forged_receipt_on_the_real_topic_changes_nothing(broker, gateway, tmp_path):
    with radioed(tmp_path, gateway, broker) as sensor:
        sensor.come_up()
        sensor.device.measure(packs(0, 1))
        sensor.send_due()
        gateway.answer_one()
        assert sensor.hear() is Verdict.SETTLED, "so it has subscribed"
        sensor.device.measure(packs(1, 1))
        device = sensor.device.enrolment.device
        gateway.client.publish(topics.receipt_topic(gateway.site, device), b"\xd1\x84", qos=1)
        assert sensor.hear() is Verdict.FORGED
        assert sensor.device.flash.waiting() == 1


def test_a_configuration_on_the_real_topic_is_taken(broker, gateway, tmp_path):
    with radioed(tmp_path, gateway, broker) as sensor:
        sensor.come_up()
        device = sensor.device
        config = Config(device.enrolment.device, 1, 60, 600)
        topic = topics.config_topic(gateway.site, device.enrolment.device)
        device.measure(packs(0, 1))
        assert sensor.send_due() == 1
        gateway.answer_one()
        assert sensor.hear() is Verdict.SETTLED, "so it has subscribed"
        gateway.client.publish(topic, encode_config(device.enrolment.receipt_key, config), qos=0)
        assert device.configure(sensor.await_arrival(Happened.CONFIG).payload) is Told.TAKEN
        assert device.flash.memory.config == 1


def test_statements_and_receipts_survive_a_killed_broker(tmp_path):
    own = Broker()
    try:
        own.start()
        gateway = Gateway(own, "t1")
        with radioed(tmp_path, gateway, own) as sensor:
            sensor.come_up()
            sensor.device.measure(packs(0, 2))
            own.kill()
            sensor.await_arrival(Happened.DISCONNECTED)
            sensor.device.measure(packs(2, 2))
            own.start()
            gateway.close()
            gateway = Gateway(own, "t1")
            sensor.come_up()
            assert sensor.send_due() == 4
            while sensor.device.flash.waiting():
                gateway.answer_one()
                sensor.hear()
        gateway.close()
    finally:
        own.close()
    assert {s.counter for s in gateway.node.received} == {0, 1, 2, 3}
    assert gateway.node.equivocations == []


def start_program(data: Path, broker: Broker) -> subprocess.Popen[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FT_")}
    environ |= {"FT_DATA": str(data), "FT_MQTT_URL": broker.url}
    command = [sys.executable, "-m", "firmware_sim"]
    return subprocess.Popen(
        command, cwd=REPOSITORY, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def await_line(program: subprocess.Popen[str], beginning: str) -> None:
    assert program.stdout is not None
    for line in program.stdout:
        if line.startswith(beginning):
            return
    raise AssertionError(f"the program ended with {program.wait()} before it said {beginning!r}")


def short_plan() -> Plan:
    """The journey as planned just now, of which two devices have measured for six hours."""
    now_ms = time.time_ns() // 1_000_000
    whole = plan(start_of(now_ms), now_ms, 1, NODE)
    begun_ms = now_ms // 600_000 * 600_000 - 6 * HOUR_MS
    devices = [replace(whole.device(name), from_ms=begun_ms) for name in ("sensor-shelf", "sensor-truck-b")]
    ended = replace(devices[0], until_ms=begun_ms + 5 * HOUR_MS)
    return replace(whole, devices=(ended, devices[1]))


def await_true(check: Callable[[], bool], gateway: Gateway) -> None:
    """Answer statements until something holds."""
    deadline = time.monotonic() + TIMEOUT_S
    while not check():
        assert time.monotonic() < deadline
        gateway.answer_one()


def test_program_asks_waits_catches_up_over_a_kill_and_goes_on_live(broker, gateway, tmp_path):
    demo, planned = Demo(tmp_path / "demo"), short_plan()
    demo.folder.mkdir()
    demo.plan_path.write_text(planned.to_json())
    (tmp_path / "node.json").write_text(json.dumps({"format": 1, "name": NODE}))
    program = start_program(tmp_path, broker)
    watchdog = threading.Timer(60, lambda: program.kill())
    watchdog.start()
    try:
        await_line(program, "waiting for the parties")
        for device in planned.devices:
            request = parse_key_statement((demo.device(device.key) / "request.json").read_bytes())
            told = gateway.enrol(request.key)
            answer = {"device": told.device, "uri": told.uri, "node": told.node, "site": told.site}
            text = json.dumps(answer | {"receipt_key": told.receipt_key.hex(), "password": "open"})
            demo.enrolled(device.key).write_text(text)
        (demo.folder / "ready").touch()
        await_true(lambda: len(gateway.node.received) >= 25, gateway)
        program.kill()
        assert program.wait(TIMEOUT_S) == -signal.SIGKILL
        assert program.stdout is not None
        program.stdout.close()
        in_the_middle = len(gateway.node.received)
        program = start_program(tmp_path, broker)
        with answering(gateway):
            await_line(program, "caught up")
        program.terminate()
        assert program.wait(TIMEOUT_S) == 0
    finally:
        watchdog.cancel()
        program.kill()
        program.wait()
        assert program.stdout is not None
        program.stdout.close()
    assert 25 <= in_the_middle < 60
    assert gateway.node.equivocations == []
    ended, live = by_device(gateway, 2)
    assert ended == list(range(30))
    assert live == list(range(len(live)))
    assert len(live) >= 36


@contextmanager
def answering(gateway: Gateway) -> Iterator[None]:
    """Answer whatever comes, beside what the test does."""
    done = threading.Event()

    def answer() -> None:
        while not done.is_set():
            if not gateway.statements.empty():
                gateway.answer_one()
            done.wait(0.001)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def by_device(gateway: Gateway, wanted: int) -> list[list[int]]:
    """Counters of each device, fewest first, that were frames."""
    found = [
        sorted(c for c, s in taken.items() if s.media_type == media.FRAME)
        for taken in gateway.node.taken.values()
    ]
    return sorted([*found, *[[]] * (wanted - len(found))], key=len)
