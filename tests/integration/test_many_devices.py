"""What thousands of devices need of a node's own broker, and of its enrolment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from sqlalchemy import func, select

from tests.support.broker import Broker
from tests.support.gateway import DEADLINE_S
from tests.support.world import World, make_world
from traceability.errors import ConflictError, SignatureMismatchError, UnknownSignerError
from traceability.operations.credentials import admit
from traceability.operations.enrol import enrol_device, enrol_devices
from traceability.signing.keys import PrivateKey
from traceability.signing.keystatement import device_request
from traceability.store import models

NATS_DEFAULT = 1_000
"""Subscriptions at QoS 1 that the broker would take without being told otherwise."""


def test_the_broker_takes_more_subscriptions_than_nats_does_by_itself():
    broker = Broker()
    broker.start()
    client_takes, granted, clients = 15, 0, list[mqtt.Client]()
    parts, reasons = urlsplit(broker.url), list[bool]()
    try:
        while granted <= NATS_DEFAULT:
            client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
            clients.append(client)
            names = range(granted, granted + client_takes)
            wanted = [(f"ft/v1/many/{number:032x}/receipt", 1) for number in names]
            client.on_connect = lambda c, *_, wanted=wanted: c.subscribe(wanted)
            client.on_subscribe = lambda c, _, __, said, *___: reasons.extend(r.is_failure for r in said)
            client.connect(str(parts.hostname), parts.port or 1883)
            granted += client_takes
            while len(reasons) < granted:
                assert client.loop(DEADLINE_S) == MQTTErrorCode.MQTT_ERR_SUCCESS
    finally:
        broker.kill()  # a thousand subscriptions take it long to end in order
        broker.close()
        for client in clients:
            client.loop()
    assert not any(reasons)


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    made = make_world(tmp_path / "node", database_url)
    yield made
    made.store.close()


def request_of(world: World, owner: str, key: PrivateKey | None = None) -> bytes:
    key = key or PrivateKey.generate()
    return device_request(key, node=world.node.name, owner=owner, model="FT-1", iat=world.now_ms // 1000)


def devices_of(world: World) -> int:
    with world.store.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(models.Device)).scalar_one())


def test_many_devices_are_enrolled_at_once_and_each_is_let_in_with_its_own_password(world: World):
    owners = [world.party("Farm"), world.party("Carrier")]
    requests = [request_of(world, owner) for owner in owners for _ in range(3)]
    enrolled = enrol_devices(world.store, world.node, requests, "dali")
    assert [each.owner for each in enrolled] == [owner for owner in owners for _ in range(3)]
    with world.store.reading() as connection:
        guests = [
            admit(connection, world.node, e.credential, e.device, world.store.clock()) for e in enrolled
        ]
    assert [(guest.site, guest.device) for guest in guests] == [("dali", each.device) for each in enrolled]
    assert devices_of(world) == 6
    assert enrol_devices(world.store, world.node, []) == []


def test_of_many_devices_none_is_enrolled_if_one_is_refused(world: World):
    farm, key = world.party("Farm"), PrivateKey.generate()
    good, again = request_of(world, farm), request_of(world, farm, key)
    enrol_device(world.store, world.node, again)
    stranger = f"https://{world.node.name}/party/0123456789abcdef"
    forged = json.loads(request_of(world, farm))
    forged["signatures"][0]["signature"] = json.loads(good)["signatures"][0]["signature"]
    for bad, refusal in (
        (again, ConflictError),
        (good, ConflictError),
        (request_of(world, stranger), UnknownSignerError),
        (json.dumps(forged, separators=(",", ":")).encode(), SignatureMismatchError),
    ):
        with pytest.raises(refusal):
            enrol_devices(world.store, world.node, [good, bad])
    assert devices_of(world) == 1
