"""What thousands of devices need of a node's own broker."""

from __future__ import annotations

from urllib.parse import urlsplit

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from tests.support.broker import Broker
from tests.support.gateway import DEADLINE_S

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
