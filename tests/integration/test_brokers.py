"""A small flow, from signed frames to receipts, over brokers that a node does not start itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.brokers import Mosquitto, Process, find_mosquitto, three_servers
from tests.support.gateway import GatewayProcess, wait_until
from tests.support.sensor import SITE, Sensor, World, make_world
from tests.support.visitor import Visitor, visits
from traceability.operations.credentials import GATEWAY, Credential, add_credential, own_credential
from traceability.sensing.receipt import open_receipt
from traceability.sensing.topics import receipt_topic

FRAMES = 12


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    yield made
    made.store.close()


def shown_by(world: World, sensor: Sensor) -> Credential:
    with world.store.transaction() as tx:
        return add_credential(tx, sensor.device, world.party, SITE)


def deliver(sensor: Sensor, bodies: list[bytes], come: Callable[[], Visitor]) -> Visitor:
    """Send like a device: what the broker did not acknowledge is sent again, on a new connection."""
    visitor = come()
    for body in bodies:
        visitor.publish(sensor.topic, body)
        while visitor.gone.is_set():
            visitor = come()
            visitor.publish(sensor.topic, body)
    return visitor


def coming(make: Callable[[], Visitor], sensor: Sensor) -> Visitor:
    """A device that tries until it is let in and hears its receipts: servers may be choosing a leader."""
    made: list[Visitor] = []

    def tries() -> bool:
        made.append(make())
        if made[-1].let_in and made[-1].may_subscribe(receipt_topic(SITE, sensor.device)):
            return True
        made[-1].close()
        return False

    wait_until(tries, "the device is let in")
    return made[-1]


def await_receipt(visitor: Visitor, sensor: Sensor, counter: int) -> None:
    """Until the device hears that everything up to a counter is settled."""
    newest = -1
    while newest < counter:
        topic, payload = visitor.next()
        assert topic == receipt_topic(SITE, sensor.device)
        newest = open_receipt(sensor.receipt_key, payload).counter


@pytest.mark.slow
def test_nothing_is_lost_when_one_of_three_servers_is_killed(world: World, tmp_path: Path):
    sensor, late = world.sensor(), world.sensor()
    shown, shown_late = shown_by(world, sensor), shown_by(world, late)
    environ = {name: text for name, text in os.environ.items() if not name.startswith("FT_")}
    environ |= {"FT_DATA": str(world.node.folder), "FT_DATABASE_URL": world.store.url}
    with three_servers(tmp_path, world.node) as (first, second, third):
        admit = [sys.executable, "-m", "traceability", "broker", "admit"]
        servers = f"{first.nats_url},{second.nats_url}"
        keeper = Process([*admit, f"--nats={servers}"], tmp_path / "keeper.log", environ)
        gateway = GatewayProcess(world, second.url, tmp_path)
        try:
            wait_until(lambda: "lets in" in keeper.log, "the doorkeeper")
            with gateway, visits(third.url) as come:
                gateway.wait_connected()
                bodies = sensor.frames(FRAMES)

                def device() -> Visitor:
                    return coming(lambda: come(sensor.device, shown, clean=False), sensor)

                await_receipt(deliver(sensor, bodies[: FRAMES // 2], device), sensor, FRAMES // 2 - 1)
                first.running.kill()
                visitor = deliver(sensor, bodies[FRAMES // 2 :], device)
                await_receipt(visitor, sensor, FRAMES - 1)
                newcomer = coming(lambda: come(late.device, shown_late), late)
                newcomer.publish(late.topic, late.frame())
                await_receipt(newcomer, late, 0)
        finally:
            keeper.kill()
    assert world.accepted(sensor) == sensor.made
    assert world.accepted(late) == late.made


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    program = find_mosquitto()
    if program is None:
        pytest.skip("no Mosquitto on this machine")
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    made = Mosquitto(folder, program)
    try:
        yield made
    finally:
        made.close()


def test_mosquitto_keeps_frames_over_a_restart_and_topics_apart(
    world: World, mosquitto: Mosquitto, tmp_path: Path
):
    own, other = world.sensor(), world.sensor()
    shown = {sensor.device: shown_by(world, sensor) for sensor in (own, other)}
    for credential in (*shown.values(), own_credential(world.node, GATEWAY)):
        mosquitto.know(credential)
    mosquitto.start()
    with visits(mosquitto.gateway_url) as come:
        assert not come("gateway-x", None).let_in
    with GatewayProcess(world, mosquitto.gateway_url, tmp_path) as gateway:
        gateway.wait_connected()
        with visits(mosquitto.url) as come:
            device, thief = (come(s.device, shown[s.device], clean=False) for s in (own, other))
            for visitor, sensor in ((device, own), (thief, other)):
                assert visitor.may_subscribe(receipt_topic(SITE, sensor.device))
            assert not come(own.device, Credential(f"{SITE}/{own.device}", "wrong")).let_in
            assert not come("gateway-x", None).let_in
            assert come(f"{SITE}/{own.device}", shown[other.device]).let_in  # the same session as before
            assert not device.gone.is_set()
            wait_until(thief.gone.is_set, "the device takes its own session over")
            thief = come(other.device, shown[other.device])
            assert thief.may_subscribe(receipt_topic(SITE, other.device))
            thief.may_subscribe("#")
            device.publish(own.topic, own.frame())
            await_receipt(device, own, 0)
            thief.publish(other.topic, other.frame())
            await_receipt(thief, other, 0)
            assert thief.messages.empty()
            thief.publish(own.topic, b"not mine")
        assert gateway.stop() == 0
    with visits(mosquitto.url) as come:
        deliver(own, own.frames(3), lambda: come(own.device, shown[own.device], clean=False))
    assert mosquitto.running is not None
    mosquitto.running.stop()
    mosquitto.start()
    with GatewayProcess(world, mosquitto.gateway_url, tmp_path), visits(mosquitto.url) as come:
        await_receipt(come(own.device, shown[own.device], clean=False), own, 3)
    assert world.accepted(own) == own.made
    assert world.tallies()[own.device]["received"] == 4
