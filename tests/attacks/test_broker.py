"""Lies at the broker: what a device, or somebody without a password, tries with topics and names."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import pytest
from sqlalchemy import update

from firmware_sim.enrolment import Enrolment
from firmware_sim.link import Arrival, Happened, Link
from firmware_sim.sender import FIRST_WAIT_S, LONGEST_WAIT_S, WINDOW
from gateway.flood import Gate
from gateway.service import HANDFUL, USUAL
from tests.support.broker import Broker
from tests.support.gateway import DEADLINE_S, wait_until
from tests.support.sensor import SITE, Sensor, World, make_world
from tests.support.visitor import keeping, visits
from traceability.broker import answers_at
from traceability.doorkeeper.barring import FIRST_S, LONGEST_S, LOOKS, MOST, Barring
from traceability.doorkeeper.nats import Connection, Message
from traceability.doorkeeper.nkeys import Role, sign_claims
from traceability.doorkeeper.service import REQUESTS, Doorkeeper
from traceability.errors import BrokerUnavailableError, FloodedError
from traceability.operations.credentials import (
    GATEWAY,
    PROBE,
    Credential,
    add_credential,
    own_credential,
    renew_credential,
    revoke_credential,
)
from traceability.operations.opening import Claim
from traceability.operations.tally import count
from traceability.sensing.topics import gateway_client, receipt_topic, status_topic
from traceability.signing.keys import PrivateKey
from traceability.store import models


@dataclass
class House:
    """A node with its broker and doorkeeper, and two devices of it."""

    world: World
    broker: Broker
    come: Any
    own: Sensor
    other: Sensor
    keeper: Doorkeeper

    def shown(self, sensor: Sensor) -> Credential:
        with self.world.store.transaction() as tx:
            return add_credential(tx, sensor.device, self.world.party, SITE)

    def gateway(self, sites: tuple[str, ...]) -> Any:
        """The gateway of some sites that takes from all, for a session of its own."""
        node = self.world.node
        made = self.come(gateway_client(node.name, sites), own_credential(node, GATEWAY), clean=False)
        assert made.let_in
        assert made.may_subscribe("ft/v1/+/+/frame")
        return made


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Broker, Doorkeeper]]:
    folder = tmp_path_factory.mktemp("house")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    broker = Broker(world.node)
    broker.start()
    try:
        with keeping(world, broker.nats_url) as keeper:
            yield world, broker, keeper
    finally:
        broker.close()
        world.store.close()


@pytest.fixture
def house(running: tuple[World, Broker, Doorkeeper]) -> Iterator[House]:
    world, broker, keeper = running
    with visits(broker.url) as come:
        yield House(world, broker, come, world.sensor(), world.sensor(), keeper)


def test_a_device_says_and_hears_what_is_its_own_and_nothing_else(house: House):
    own, other, gateway = house.own, house.other, house.gateway(("one",))
    device = house.come(own.device, house.shown(own))
    assert device.let_in
    for kind in ("receipt", "config"):
        assert device.may_subscribe(f"ft/v1/{SITE}/{own.device}/{kind}")
    for topic in (
        receipt_topic(SITE, other.device),
        receipt_topic("elsewhere", own.device),
        own.topic,
        f"ft/v1/{SITE}/+/receipt",
        f"ft/v1/+/{own.device}/receipt",
        f"ft/v1/{SITE}/{own.device}/#",
        "#",
        "+/v1/#",
        "$JS/#",
        "$SYS/#",
        "$MQTT/#",
    ):
        assert not device.may_subscribe(topic), topic
    for topic in (other.topic, own.topic.replace(SITE, "elsewhere"), receipt_topic(SITE, own.device)):
        device.publish(topic, b"not mine")
    gateway.publish(receipt_topic(SITE, other.device), b"for the other")
    gateway.publish(receipt_topic(SITE, own.device), b"for me")
    assert device.next() == (receipt_topic(SITE, own.device), b"for me")
    device.publish(own.topic, b"mine")
    assert gateway.next() == (own.topic, b"mine")
    assert gateway.messages.empty()
    assert device.messages.empty()


def test_the_gateway_hears_frames_and_answers_and_can_do_nothing_else(house: House):
    gateway = house.gateway(("two",))
    device = house.come(house.own.device, house.shown(house.own))
    assert device.may_subscribe(receipt_topic(SITE, house.own.device))
    for topic in ("#", "ft/v1/+/+/receipt", "ft/v1/+/+/status", "$JS/#"):
        assert not gateway.may_subscribe(topic), topic
    gateway.publish(house.own.topic, b"forged frame")
    gateway.publish(status_topic(SITE, house.own.device), b"forged status")
    gateway.publish("$JS/API/STREAM/PURGE/$MQTT_msgs", b"")
    gateway.publish(receipt_topic(SITE, house.own.device), b"last")
    assert device.next()[1] == b"last"
    assert gateway.messages.empty()


def test_nobody_comes_in_without_a_password_of_his_own(house: House):
    own, other = house.shown(house.own), house.shown(house.other)
    gateway = own_credential(house.world.node, GATEWAY)
    for client, shown in (
        (house.own.device, None),
        (house.own.device, Credential("", "")),
        (house.own.device, Credential(own.username, "")),
        (house.own.device, Credential(own.username, "x" * 4000)),
        (house.own.device, Credential(own.username, other.password)),
        (house.own.device, Credential(f"elsewhere/{house.own.device}", own.password)),
        (house.own.device, Credential(GATEWAY, own.password)),
        (gateway_client(house.world.node.name), Credential(GATEWAY, gateway.password[:-1])),
        (gateway_client(house.world.node.name), Credential(PROBE, gateway.password)),
    ):
        assert not house.come(client, shown).let_in, (client, shown)


def test_no_device_takes_the_session_of_the_gateway_or_of_another_device(house: House):
    gateway = house.gateway(())
    other = house.come(house.other.device, house.shown(house.other))
    shown = house.shown(house.own)
    for client in (gateway_client(house.world.node.name), house.other.device, "anything", ""):
        assert not house.come(client, shown).let_in
    assert not house.come(house.own.device, own_credential(house.world.node, GATEWAY)).let_in
    assert not gateway.gone.is_set()
    assert not other.gone.is_set()


def test_who_only_looks_whether_the_broker_answers_can_do_nothing(house: House):
    probe = own_credential(house.world.node, PROBE)
    assert answers_at(house.broker.url, 5.0, (probe.username, probe.password))
    visitor = house.come("probe-1", probe)
    assert visitor.let_in
    assert not visitor.may_subscribe("ft/v1/+/+/frame")
    assert not house.come(house.own.device, probe).let_in


def test_a_revoked_device_is_thrown_out_and_stays_outside_without_a_restart(house: House):
    sensor = house.world.sensor()
    shown = house.shown(sensor)
    stays = house.come(house.own.device, house.shown(house.own))
    device = house.come(sensor.device, shown)
    assert device.let_in
    revoke_credential(house.world.store, sensor.device)
    wait_until(device.gone.is_set, "the device is thrown out")
    assert not house.come(sensor.device, shown).let_in
    renewed = renew_credential(house.world.store, sensor.device, house.world.party, SITE)
    assert not house.come(sensor.device, shown).let_in
    inside = house.come(sensor.device, renewed)
    assert inside.let_in
    looked = house.keeper._connection._asked
    wait_until(lambda: house.keeper._connection._asked > looked + 3, "the doorkeeper looks again")
    assert inside.may_subscribe(receipt_topic(SITE, sensor.device))
    renew_credential(house.world.store, sensor.device, house.world.party, SITE)
    wait_until(inside.gone.is_set, "who has the password before is thrown out")
    assert not house.come(sensor.device, renewed).let_in
    assert not stays.gone.is_set()


def test_a_device_that_floods_without_end_is_thrown_out_and_stays_outside_for_a_while(house: House):
    sensor, store = house.world.sensor(), house.world.store
    shown = house.shown(sensor)
    stays, device = house.come(house.own.device, house.shown(house.own)), house.come(sensor.device, shown)
    looking = house.keeper._floods_at_s

    def flooded(**by_device: int) -> None:
        with store.transaction() as tx:
            count(tx, (), by_device)

    flooded(**{sensor.device: MOST, house.own.device: MOST})
    wait_until(lambda: house.keeper._floods_at_s > looking, "a look")
    assert not device.gone.is_set(), "the control: so much is only refused"
    flooded(**{sensor.device: MOST + 1})
    wait_until(device.gone.is_set, "the device is thrown out")
    assert not house.come(sensor.device, shown).let_in
    assert not stays.gone.is_set()
    term = house.keeper._barring.terms[sensor.device]
    now_s = [term.until_s - 1]
    barring = Barring(store, lambda: now_s[0])
    barring.terms = {sensor.device: term}
    with pytest.raises(FloodedError, match=f"{sensor.device} .* within 1 min"):
        barring.check(sensor.device)
    now_s[0] = term.until_s
    barring.check(sensor.device)
    with store.reading() as reading:
        assert barring.look(reading) == [], "what was before it began is no flood of now"


def test_who_floods_again_stays_outside_for_twice_as_long(house: House):
    store, device, now_s = house.world.store, house.own.device, [0.0]
    barring = Barring(store, lambda: now_s[0])

    def flood() -> float:
        with store.transaction() as tx:
            count(tx, (), {device: MOST + 1})
        with store.reading() as reading:
            assert barring.look(reading) == [device]
            for _ in range(LOOKS):
                barring.look(reading)
        return barring.terms[device].until_s - now_s[0]

    lasted = []
    for _ in range(7):
        lasted.append(flood())
        now_s[0] += 1
        assert flood() == lasted[-1] - 1, "what is still at the broker makes it no longer"
        now_s[0] = barring.terms[device].until_s
    assert lasted == [60, 120, 240, 480, 960, LONGEST_S, LONGEST_S]
    now_s[0] += LONGEST_S
    assert flood() == FIRST_S
    assert barring.barred == {device}


def test_who_is_thrown_out_floods_within_a_second_and_is_no_device_that_was_long_unheard(house: House):
    store, device = house.world.store, house.own.device
    barring = Barring(store)

    def look(flooded: int) -> list[str]:
        with store.transaction() as tx:
            count(tx, (), {device: flooded})
        with store.reading() as reading:
            return barring.look(reading)

    away_s, attempts, wait_s = 3 * 3600.0, 1, FIRST_WAIT_S
    while away_s > wait_s:
        away_s, attempts, wait_s = away_s - wait_s, attempts + 1, min(2 * wait_s, LONGEST_WAIT_S)
    gate, claims = Gate(USUAL, lambda: 0.0), [Claim(device, True)] * (attempts * WINDOW)
    unread = len(gate.part(claims, HANDFUL).refused)
    assert unread > MOST / 2
    assert [look(unread), *(look(0) for _ in range(LOOKS))] == [[]] * (LOOKS + 1)
    assert [look(MOST // LOOKS) for _ in range(3 * LOOKS)] == [[]] * 3 * LOOKS
    assert look(MOST // LOOKS + 1) == [device]


def test_a_device_whose_key_ended_is_thrown_out(house: House):
    sensor = house.world.sensor()
    shown = house.shown(sensor)
    device = house.come(sensor.device, shown)
    assert device.let_in
    with house.world.store.transaction() as tx:
        ends = update(models.Key).where(models.Key.kid == sensor.key.public.kid)
        tx.connection.execute(ends.values(until_ms=tx.now_ms))
    wait_until(device.gone.is_set, "the device is thrown out")
    assert not house.come(sensor.device, shown).let_in


def test_a_device_that_may_not_hear_its_receipts_connects_anew(house: House):
    shown, own = house.shown(house.own), house.own
    told = (own.device, own.uri, house.world.node.name, "elsewhere", own.receipt_key)
    arrivals: SimpleQueue[Arrival] = SimpleQueue()
    enrolment = Enrolment(*told, username=shown.username, password=shown.password)
    link = Link("sensor", enrolment, house.broker.url, arrivals)
    link.open()
    try:
        heard = [arrivals.get(timeout=DEADLINE_S).happened for _ in range(3)]
    finally:
        link.close()
    assert heard == [Happened.CONNECTED, Happened.DISCONNECTED, Happened.CONNECTED]


def test_who_does_not_wait_any_more_is_not_answered(house: House):
    own = house.shown(house.own)
    shown = {"user": own.username, "pass": own.password}
    asked = {"server_id": {"id": "N"}, "user_nkey": "U", "connect_opts": shown}
    asked["client_info"] = {"mqtt_id": house.own.device}
    with house.world.store.reading() as reading:
        for late_s, answered in ((-60, True), (60, False)):
            claims = {"exp": int(time.time()) - late_s, "nats": asked}
            text = sign_claims(PrivateKey.generate(), Role.ACCOUNT, claims)
            message = Message(REQUESTS, "_INBOX.x", text.encode())
            assert bool(house.keeper._answer(reading, message)) is answered


def test_who_has_not_the_doorkeepers_key_does_not_get_behind_the_broker(house: House):
    with pytest.raises(BrokerUnavailableError, match="refuses"):
        Connection(house.broker.nats_url, PrivateKey.generate())


def test_a_thousand_devices_get_their_passwords_in_a_moment(house: House):
    began = time.monotonic()
    with house.world.store.transaction() as tx:
        made = [add_credential(tx, f"{n:032x}", house.world.party, SITE) for n in range(1000)]
    assert len({each.password for each in made}) == 1000
    assert time.monotonic() - began < 5


def test_the_configuration_and_the_store_hold_no_secret(house: House):
    shown = house.shown(house.own)
    held = (house.broker.data / "broker.conf").read_text("utf-8")
    with house.world.store.reading() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM tokens").all()
    held += json.dumps([list(map(str, row)) for row in rows])
    gateway = own_credential(house.world.node, GATEWAY).password
    for secret in (shown.password, gateway, house.world.node.secret.hex()):
        assert secret not in held
