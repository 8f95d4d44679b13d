"""The gateway between a real broker and a real database, and against a broker that says what a test wants."""

from __future__ import annotations

import contextlib
import json
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware_sim.device import Device, Pack
from firmware_sim.enrolment import Enrolment
from firmware_sim.flash import Flash
from firmware_sim.sender import Verdict
from gateway.flood import Limits
from gateway.link import Delivery, Link
from gateway.log import JsonLines
from gateway.service import HANDFUL, Gateway
from tests.support.broker import Broker
from tests.support.gateway import DEADLINE_S, GatewayProcess, publishing, wait_until
from tests.support.heap import Heap
from tests.support.sensor import SITE, World, make_world
from tests.support.telling import http_server
from tests.support.world import GTIN, LIMITS
from traceability.broker import MAX_UNACKNOWLEDGED
from traceability.errors import SettingsError, StoreUnavailableError
from traceability.identifiers import Batch
from traceability.operations.export import export_bundle
from traceability.operations.heartbeat import newest_beats
from traceability.operations.ingest import Ingest, Ingested, Message
from traceability.operations.publish import publish
from traceability.operations.record import make_event, record_event
from traceability.operations.tally import NOTHING
from traceability.sensing.frame import parse_statement
from traceability.sensing.receipt import open_receipt
from traceability.sensing.senml import Reading
from traceability.sensing.topics import frame_filters
from traceability.verification.bundle import encode_bundle
from traceability.verification.verdict import check


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    made = make_world(tmp_path / "node", database_url)
    yield made
    made.store.close()


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[World]:
    """A world on SQLite, where the database makes no difference."""
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    yield made
    made.store.close()


def drive(gateway: Gateway, until: Callable[[], Any]) -> None:
    """Let a gateway work until a condition holds."""
    deadline = time.monotonic() + DEADLINE_S
    while not until():
        assert time.monotonic() < deadline, "waited in vain"
        gateway.turn()


class RecordingLink(Link):
    """Remembers what was acknowledged."""

    def __init__(self, url: str, client_id: str) -> None:
        super().__init__(url, client_id, frame_filters(()))
        self.acknowledged: list[int] = []

    def acknowledge(self, deliveries: Iterable[Delivery]) -> None:
        some = list(deliveries)
        self.acknowledged += [delivery.mid for delivery in some]
        super().acknowledge(some)


@contextlib.contextmanager
def connected(ingest: Ingest, url: str) -> Iterator[Gateway]:
    """A gateway with a session of its own, subscribed."""
    gateway = Gateway(ingest, RecordingLink(url, f"test-{secrets.token_hex(6)}"))
    drive(gateway, lambda: gateway.link.subscribed)
    try:
        yield gateway
    finally:
        gateway.link.close()


class FailingIngest(Ingest):
    """Fails as a test says."""

    def __init__(self, world: World, fails: Callable[[Message], Exception | None]) -> None:
        super().__init__(world.store, world.node)
        self.fails, self.aside_fails = fails, False

    def ingest(self, messages: Any, flooded: Any = NOTHING) -> Ingested:
        for message in messages:
            if (error := self.fails(message)) is not None:
                raise error
        return super().ingest(messages, flooded)

    def set_aside(self, message: Message, error: Exception) -> Ingested:
        if self.aside_fails:
            raise ValueError("this too")
        return super().set_aside(message, error)


def test_a_frame_is_committed_answered_and_said_in_the_heartbeat(
    world: World, broker: Broker, tmp_path: Path
):
    sensor = world.sensor()
    process = GatewayProcess(world, broker.url, tmp_path)
    try:
        process.go()
        process.wait_connected()
        with publishing(broker.url) as publisher:
            for body in sensor.frames(3):
                publisher.send(sensor.topic, body)
            publisher.send(sensor.topic, b"noise")
            answers = publisher.receipts[sensor.device]
            wait_until(
                lambda: answers and open_receipt(sensor.receipt_key, answers[-1]).counter == 2, "the receipt"
            )
            wait_until(lambda: beat_of(world).get("received") == 4, "the heartbeat")
        assert process.stop() == 0
    finally:
        process.kill()
    assert world.accepted(sensor) == sensor.made
    said = beat_of(world)
    assert (said["accepted"], said["rejected"], said["connected"], said["error"]) == (3, 1, True, None)
    assert said["newest_frame_ms"] == sensor.at_ms(2)
    assert [json.loads(line)["message"] for line in process.log.splitlines()][-1] == "stopped"


def test_the_frames_of_a_device_are_bracketed_by_what_its_receipts_told(
    lite: World, broker: Broker, tmp_path: Path
):
    batch, told = Batch(GTIN, "L1").uri(lite.node.name), list[bytes | None]()
    ilmd = {"ft:product": {"en": "Plums", "zh": "李子"}, "ft:temperature": dict(LIMITS)}
    harvest = make_event("harvest", now_ms(), quantityList=[{"epcClass": batch}], ilmd=ilmd)
    record_event(lite.store, lite.node, lite.party, harvest)
    sensor = lite.sensor(on=batch)
    enrolment = Enrolment(sensor.device, sensor.uri, lite.node.name, SITE, sensor.receipt_key)
    with connected(Ingest(lite.store, lite.node), broker.url) as gateway, publishing(broker.url) as publisher:
        answers = publisher.receipts[sensor.device]
        for _ in range(3):  # each in a boot of its own
            assert publish(lite.store, lite.node) is not None
            with contextlib.closing(Flash(tmp_path / "flash", key=sensor.key)) as flash:
                flash.start(now_ms())
                device = Device(flash, enrolment, batch)
                device.measure([Pack(now_ms(), (Reading("air", "Cel", now_ms() - 1, 4.0),))])
                (body,) = device.due(0)
                publisher.send(sensor.topic, body)
                drive(gateway, lambda: len(answers) > len(told))
                assert device.receive(answers[-1], 0, now_ms()) is Verdict.SETTLED
            told.append(parse_statement(body).beacon)
    assert publish(lite.store, lite.node) is not None
    receipts = [open_receipt(sensor.receipt_key, answer).beacon for answer in answers]
    assert told == [None, *receipts[:2]]
    with lite.store.reading() as connection:
        data = encode_bundle(export_bundle(connection, lite.node, batch))
    times = check(data, lite.node.policy).to_json()["times"]
    assert (times["frames"], times["bracketed"], times["unknown_beacons"]) == (3, 2, 0)


def test_the_gateway_tells_of_a_device_whose_clock_is_wrong(lite: World, broker: Broker, tmp_path: Path):
    sensor = lite.sensor()
    ahead = sensor.frame(at_ms=now_ms() + 3_600_000)
    Ingest(lite.store, lite.node).ingest([sensor.message(ahead)])
    with http_server() as taker:
        settings = {"FT_WEBHOOK_URL": taker.url, "FT_WEBHOOK_PRIVATE": "1"}
        process = GatewayProcess(lite, broker.url, tmp_path, **settings, FT_WEBHOOK_SECRET="sixteen letters!")
        try:
            process.go()
            wait_until(lambda: taker.given, "word of the alarm")
            process.wait_connected()
            assert process.stop() == 0
        finally:
            process.kill()
    (posted,) = taker.given
    said = json.loads(posted.body)
    assert (said["event"], said["kind"], said["device"]) == ("raised", "clock", sensor.device)
    logged = [json.loads(line) for line in process.log.splitlines()]
    assert [line["device"] for line in logged if line["message"] == "alarm raised: clock"] == [sensor.device]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def beat_of(world: World) -> dict[str, Any]:
    with world.store.reading() as connection:
        beats = newest_beats(connection)
    return dict(beats["gateway"].detail) if "gateway" in beats else {}


def test_it_says_why_it_cannot_start(lite: World, tmp_path: Path):
    (lite.node.folder / "keys" / "secret").chmod(0o644)
    process = GatewayProcess(lite, "mqtt://127.0.0.1:1", tmp_path)
    process.go()
    assert process.process.wait(DEADLINE_S) == 1
    assert json.loads(process.log)["code"] == "bad-setting"


def test_while_the_store_is_away_nothing_is_acknowledged_and_nothing_is_lost(
    lite: World, broker: Broker, caplog: pytest.LogCaptureFixture
):
    sensor = lite.sensor()
    away = [True]
    tries: list[Message] = []

    def fails(message: Message) -> Exception | None:
        tries.append(message)
        return StoreUnavailableError("gone") if away[0] else None

    with connected(FailingIngest(lite, fails), broker.url) as gateway, publishing(broker.url) as publisher:
        link = gateway.link
        assert isinstance(link, RecordingLink)
        for body in sensor.frames(5):
            publisher.send(sensor.topic, body)
        # Longer than the broker waits for an acknowledgement: copies come, and are not taken twice.
        drive(gateway, lambda: len(tries) >= 5)
        assert link.acknowledged == []
        assert link.waiting
        away[0] = False
        drive(gateway, lambda: lite.accepted(sensor) == sensor.made)
        drive(gateway, lambda: len(link.acknowledged) == 5)
    assert lite.tallies()[sensor.device]["duplicate"] == 0
    said = [r.getMessage() for r in caplog.records if r.name == "gateway.service"]
    assert said == ["gone", "nothing hinders any more"]


@pytest.mark.parametrize("fault", [SettingsError("gone"), OSError("gone"), MemoryError("gone")], ids=repr)
def test_no_frame_is_refused_for_what_this_machine_is_at_fault_for(
    lite: World, broker: Broker, fault: Exception
):
    sensor, faults = lite.sensor(), iter([fault, fault])
    ingest = FailingIngest(lite, lambda _: next(faults, None))
    with connected(ingest, broker.url) as gateway, publishing(broker.url) as publisher:
        publisher.send(sensor.topic, sensor.frame())
        drive(gateway, lambda: lite.accepted(sensor) == sensor.made)
    assert lite.quarantined() == []
    assert lite.tallies()[sensor.device]["rejected"] == 0


def test_the_broker_hands_out_what_a_gateway_works_on_and_the_next_of_it_and_no_more():
    """All that it hands out must be settled within its ack wait, or it comes again."""
    assert 2 * HANDFUL <= MAX_UNACKNOWLEDGED < 3 * HANDFUL


def test_a_message_that_breaks_the_program_is_found_and_set_aside(lite: World, broker: Broker):
    sensor = lite.sensor()
    ingest = FailingIngest(lite, lambda m: ZeroDivisionError("bug") if m.payload == b"poison" else None)
    with connected(ingest, broker.url) as gateway, publishing(broker.url) as publisher:
        frames = sensor.frames(4)
        for body in [*frames[:2], b"poison", *frames[2:]]:
            publisher.send(sensor.topic, body)
        drive(gateway, lambda: lite.accepted(sensor) == frames and len(lite.quarantined()) == 1)
    assert [(code, body) for _, code, body in lite.quarantined()] == [("error", b"poison")]


class Uncounting(FailingIngest):
    """Cannot count what nobody looks at, as long as ``broken``."""

    broken = True

    def ingest(self, messages: Any, flooded: Any = NOTHING) -> Ingested:
        if flooded and self.broken:
            raise ZeroDivisionError("bug")
        return super().ingest(messages, flooded)


def test_a_flood_that_cannot_be_counted_ends_nothing_and_loses_nothing(
    lite: World, caplog: pytest.LogCaptureFixture
):
    flooder, other, heap = lite.sensor(), lite.sensor(), Heap()
    ingest = Uncounting(lite, lambda _: None)
    gateway = Gateway(ingest, heap, Limits(1, 1))
    for body in flooder.frames(70):
        heap.put(Message(flooder.topic, body))
    heap.put(Message(other.topic, other.frame()))
    gateway._take()
    assert lite.accepted(flooder) == flooder.made[:1]
    assert lite.accepted(other) == other.made, "others are taken and answered"
    assert heap.acknowledged == 2
    assert gateway._detail()["error"] == "surroundings"
    assert "what is too much could not be counted" in caplog.text
    ingest.broken = False
    gateway._take()
    assert not gateway._hindered
    assert lite.tallies()[flooder.device]["flooded"] > 0
    assert heap.acknowledged + len(gateway._left) == 71, "each is committed, counted, or still there"


def test_what_cannot_even_be_set_aside_stays_with_the_broker(lite: World, broker: Broker):
    sensor = lite.sensor()
    broken = [True]
    ingest = FailingIngest(lite, lambda m: ZeroDivisionError("bug") if broken[0] else None)
    ingest.aside_fails = True
    with connected(ingest, broker.url) as gateway, publishing(broker.url) as publisher:
        publisher.send(sensor.topic, sensor.frame())
        drive(gateway, lambda: gateway._hindered)
        assert gateway.link.waiting
        broken[0] = False
        drive(gateway, lambda: lite.accepted(sensor) == sensor.made)


def test_a_broker_that_goes_away_is_said_once_and_found_again(
    lite: World, broker: Broker, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    sensor = lite.sensor()
    with connected(Ingest(lite.store, lite.node), broker.url) as gateway:
        broker.kill()
        try:
            drive(gateway, lambda: not gateway.link.subscribed)
            attempt = gateway.link.generation
            drive(gateway, lambda: gateway.link.generation > attempt + 4)
            assert gateway._detail()["error"] == "broker-unavailable"
        finally:
            broker.start()
        drive(gateway, lambda: gateway.link.subscribed)
        with publishing(broker.url) as publisher:
            publisher.send(sensor.topic, sensor.frame())
            drive(gateway, lambda: lite.accepted(sensor) == sensor.made)
    said = [r.getMessage() for r in caplog.records if r.name == "gateway.link"]
    assert said == ["connected to the broker", "no connection to the broker", "connected to the broker"]


def test_log_lines_are_json():
    record = logging.LogRecord("gateway", logging.ERROR, "", 0, "%s", ("gone",), None)
    record.data = {"code": "store-unavailable"}
    line = json.loads(JsonLines().format(record))
    assert (line["level"], line["message"], line["code"]) == ("error", "gone", "store-unavailable")
    try:
        raise ValueError("why")
    except ValueError as error:
        record.exc_info = (ValueError, error, error.__traceback__)
    assert "ValueError: why" in json.loads(JsonLines().format(record))["exception"]
