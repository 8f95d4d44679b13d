"""The radio: carries statements up and receipts down over MQTT, and decides nothing.

MQTT 3.1.1 through paho's own network thread: QoS 1 up, QoS 0 down, and nothing that the broker
keeps for a device that is away (ADR 42). What happens is put on a queue as an ``Arrival``; no
callback touches a device, so none can raise and end the network thread unseen. Between two
attempts to connect it waits by ``backoff``. A radio that goes to sleep says so and disconnects, so that
nobody takes it for lost; when it wakes it waits at random before it connects, as others wake at that time.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from firmware_sim.backoff import Backoff
from firmware_sim.enrolment import Enrolment
from firmware_sim.sender import WINDOW, status
from traceability.sensing import topics
from traceability.settings import tls_context

KEEPALIVE_S: Final = 30
POLL_S: Final = 0.2
GOODBYE_S: Final = 2.0
PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


class Happened(Enum):
    """What a link reports, or what whoever runs the program wants of it."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    RECEIPT = "receipt"
    CONFIG = "config"
    ROTATE = "rotate"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Arrival:
    """Something happened on the link of the device called ``name``."""

    name: str
    happened: Happened
    payload: bytes = b""


def wait_for(is_there: Callable[[], bool], what: str, arrivals: SimpleQueue[Arrival]) -> bool:
    """Look until something is there; False once a STOP arrived."""
    if is_there():
        return True
    print(f"waiting for {what}", flush=True)
    while not is_there():
        try:
            arrivals.get(timeout=POLL_S)
        except Empty:
            continue
        return False
    return True


class Link:
    """One device's connection; opened by ``open``, ended by ``close``.

    Args:
        url: ``mqtt://host:port`` or ``mqtts://host:port``.
        arrivals: where everything that happens is put.
        tls: folder of certificates for mqtts; the machine's own authorities if not given.
        backoff: its waits between attempts; seeded by the device's id if not given.
    """

    def __init__(
        self,
        name: str,
        enrolment: Enrolment,
        url: str,
        arrivals: SimpleQueue[Arrival],
        tls: Path | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self._name, self._url, self._arrivals = name, urlsplit(url), arrivals
        site, device = enrolment.site, enrolment.device
        self._frames, self._receipts = topics.frame_topic(site, device), topics.receipt_topic(site, device)
        self._backoff, self._leaving = backoff or Backoff(device), threading.Event()
        self._configs = topics.config_topic(site, device)
        self._status = topics.status_topic(site, device)
        self._enrolment, self._tls = enrolment, tls
        self._client = self._make()
        self._waking: threading.Timer | None = None

    def _make(self) -> mqtt.Client:
        """A client for one time awake: paho's leaves sockets behind when its thread is started twice."""
        enrolment = self._enrolment
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=enrolment.device, clean_session=True)
        client.max_inflight_messages_set(WINDOW)
        client.reconnect_delay_set(0, 0)  # it waits in `_wait`, at random
        client.will_set(self._status, status("offline"), qos=1, retain=True)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_connect_fail = self._on_connect_fail
        client.on_message, client.on_subscribe = self._on_message, self._on_subscribe
        if enrolment.username:
            client.username_pw_set(enrolment.username, enrolment.password)
        if self._url.scheme == "mqtts":
            client.tls_set_context(tls_context(self._tls))
        return client

    def open(self) -> None:
        """Start connecting; goes on trying until ``close``."""
        port = self._url.port or PORTS[self._url.scheme]
        self._client.connect_async(self._url.hostname or "", port, keepalive=KEEPALIVE_S)
        self._client.loop_start()

    def rest(self) -> None:
        """Say that it sleeps, and disconnect, until ``wake``."""
        self._part("asleep")

    def wake(self, after_s: float) -> None:
        """Connect again, after a while."""
        self._leaving.clear()
        self._client = self._make()
        self._waking = threading.Timer(after_s, self.open)
        self._waking.daemon = True
        self._waking.start()

    def send(self, statement: bytes) -> None:
        """Hand a statement to the broker; whether it came through, only a receipt tells."""
        self._client.publish(self._frames, statement, qos=1)

    def report(self, message: bytes) -> None:
        """Say on the status topic how the device is; retained."""
        self._client.publish(self._status, message, qos=1, retain=True)

    def close(self) -> None:
        """Say goodbye, disconnect, and end the network thread."""
        self._part("offline")

    def _part(self, state: str) -> None:
        if self._waking is not None:
            self._waking.cancel()
            self._waking.join()
            self._waking = None
        if self._client.is_connected():
            said = self._client.publish(self._status, status(state), qos=1, retain=True)
            with suppress(RuntimeError, ValueError):
                # A socket closed with a PUBACK unread is reset, and the last will sent as if it had broken.
                said.wait_for_publish(GOODBYE_S)
        self._leaving.set()
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
        if reason.is_failure:
            return  # paho tries again
        client.subscribe([(self._receipts, 0), (self._configs, 0)])
        self._arrivals.put(Arrival(self._name, Happened.CONNECTED))

    def _on_subscribe(self, client: mqtt.Client, _data: Any, _mid: int, reasons: Any, _more: Any) -> None:
        """Connect anew, after a while, if receipts would not be heard: a cluster may have no leader now."""
        connection = client.socket()
        if not any(reason.is_failure for reason in reasons):
            self._backoff.reset()
        elif isinstance(connection, socket.socket):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _on_disconnect(self, *_: Any) -> None:
        self._arrivals.put(Arrival(self._name, Happened.DISCONNECTED))
        self._wait()

    def _on_connect_fail(self, *_: Any) -> None:
        self._wait()

    def _wait(self) -> None:
        """Keep the network thread, which does nothing else now, from trying again at once."""
        self._leaving.wait(self._backoff.next_s())

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        happened = Happened.CONFIG if message.topic == self._configs else Happened.RECEIPT
        self._arrivals.put(Arrival(self._name, happened, bytes(message.payload)))
