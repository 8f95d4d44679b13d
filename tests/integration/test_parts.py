"""The real parts that other tests stand on start, answer and come back."""

from __future__ import annotations

import queue
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import create_engine, text

from tests.support.broker import Broker, free_port
from traceability.broker import answers_mqtt, wait_until_ready
from traceability.errors import BrokerUnavailableError

TIMEOUT_S = 10.0


@contextmanager
def connected(broker: Broker, name: str, *, clean_session: bool = True) -> Iterator[mqtt.Client]:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=clean_session)
    client.connect(broker.host, broker.port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def listen(client: mqtt.Client, topic: str) -> queue.Queue[bytes]:
    arrived: queue.Queue[bytes] = queue.Queue()
    granted: queue.Queue[bool] = queue.Queue()
    client.on_message = lambda _client, _data, message: arrived.put(bytes(message.payload))
    client.on_subscribe = lambda _client, _data, _mid, codes, _properties: granted.put(
        not codes[0].is_failure
    )
    client.subscribe(topic, qos=1)
    assert granted.get(timeout=TIMEOUT_S), f"the broker refused a subscription to {topic}"
    return arrived


def publish(broker: Broker, topic: str, payload: bytes) -> None:
    with connected(broker, uuid.uuid4().hex) as client:
        sent = client.publish(topic, payload, qos=1)
        sent.wait_for_publish(TIMEOUT_S)
        assert sent.is_published()


def test_broker_hands_on_a_message(broker):
    topic = f"parts/{uuid.uuid4().hex}"
    with connected(broker, uuid.uuid4().hex) as client:
        arrived = listen(client, topic)
        publish(broker, topic, b"21.5")
        assert arrived.get(timeout=TIMEOUT_S) == b"21.5"


def test_broker_keeps_acknowledged_messages_over_a_kill():
    own = Broker()
    try:
        own.start()
        with connected(own, "sleeper", clean_session=False) as client:
            listen(client, "parts/kept")
        publish(own, "parts/kept", b"kept")
        own.kill()
        own.start()
        arrived: queue.Queue[bytes] = queue.Queue()
        late = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="sleeper", clean_session=False)
        late.on_message = lambda _client, _data, message: arrived.put(bytes(message.payload))
        late.connect(own.host, own.port)
        late.loop_start()
        try:
            assert arrived.get(timeout=TIMEOUT_S) == b"kept"
        finally:
            late.disconnect()
            late.loop_stop()
    finally:
        own.close()


def test_waiting_for_an_absent_broker_ends_at_the_deadline(tmp_path):
    port = free_port()
    assert not answers_mqtt("127.0.0.1", port)
    with pytest.raises(BrokerUnavailableError, match="does not get ready"):
        wait_until_ready(tmp_path, 0.0, lambda: True)


def test_waiting_for_a_broker_that_ended_stops_at_once(tmp_path):
    with pytest.raises(BrokerUnavailableError, match="ended"):
        wait_until_ready(tmp_path, float("inf"), lambda: False)


def test_postgresql_answers(postgres_url):
    engine = create_engine(postgres_url)
    with engine.connect() as connection:
        assert str(connection.scalar(text("SELECT version()"))).startswith("PostgreSQL 18")
    engine.dispose()


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_gets_a_database_of_its_own(database_url, turn):
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE only_once (turn INTEGER)"))
        connection.execute(text("INSERT INTO only_once VALUES (:turn)"), {"turn": turn})
        assert connection.scalar(text("SELECT turn FROM only_once")) == turn
    engine.dispose()


@pytest.mark.browser
def test_chromium_shows_a_page(chromium):
    page = chromium.new_page()
    page.goto("data:text/html;charset=utf-8,<h1>大理草莓</h1>")
    assert page.inner_text("h1") == "大理草莓"
    page.close()
