"""The connection to the broker: deliveries in the order they came, each acknowledged at most once.

One thread does everything: nothing happens to a connection except inside ``turn``, ``publish``
and ``acknowledge``, so a PUBACK is never sent on another connection than its PUBLISH came on.
The session is persistent: what was not acknowledged when a connection ends comes again.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from traceability.errors import BrokerUnavailableError
from traceability.operations.ingest import Message

KEEPALIVE_S: Final = 15
CONNECT_TIMEOUT_S: Final = 5.0
FIRST_DELAY_S: Final = 0.25
LONGEST_DELAY_S: Final = 8.0
STALLED_S: Final = 5.0
"""So long a broker may take nothing before its connection is given up."""
PUBACK: Final = b"\x40\x02"
"""Fixed header of MQTT 3.1.1 section 3.4; the packet identifier follows."""
STEADY_S: Final = 10.0
"""A connection that lasted so long begins again with the first delay when it is lost."""
FLUSH_S: Final = 2.0
PORTS: Final = {"mqtt": 1883, "mqtts": 8883}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message, its packet identifier (0 without acknowledgement) and its connection's number."""

    message: Message
    mid: int
    generation: int


class Link:
    """One MQTT 3.1.1 client with a persistent session and manual acknowledgement.

    Args:
        url: ``mqtt://host:port`` or ``mqtts://host:port``.
        client_id: names the session.
        filters: what it subscribes to.
        user: name and password for the broker.
        tls: makes the context for mqtts.

    Attributes:
        waiting: deliveries of the present connection that nobody has taken yet.
        subscribed: whether messages can arrive at this moment.
        generation: number of the present connection or attempt.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        filters: Sequence[str],
        *,
        user: tuple[str, str] | None = None,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        self._filters = [(topic, 1) for topic in filters]
        parts = urlsplit(url)
        self.waiting: deque[Delivery] = deque()
        self.subscribed, self.generation = False, 0
        self._taken: dict[int, bytes] = {}
        self._delay_s, self._due_s, self._since_s, self._said_lost = FIRST_DELAY_S, 0.0, 0.0, False
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=False,
            manual_ack=True,
            protocol=mqtt.MQTTv311,
        )
        self._client.connect_timeout = CONNECT_TIMEOUT_S
        self._client.max_inflight_messages_set(0)
        if user is not None:
            self._client.username_pw_set(*user)
        if parts.scheme == "mqtts":
            self._client.tls_set_context(tls())
        self._client.on_connect, self._client.on_subscribe = self._on_connect, self._on_subscribe
        self._client.on_message, self._client.on_disconnect = self._on_message, self._on_disconnect
        self._client.connect_async(parts.hostname or "", parts.port or PORTS[parts.scheme], KEEPALIVE_S)

    def turn(self, wait_s: float, enough: int) -> None:
        """Read and write what the network has, connecting first where that is due.

        Args:
            wait_s: how long to wait for something to happen.
            enough: stop reading when so many deliveries wait.
        """
        if self._client.socket() is None:
            self._connect(wait_s)
            return
        try:
            while self._client.loop(wait_s) == MQTTErrorCode.MQTT_ERR_SUCCESS and len(self.waiting) < enough:
                wait_s = 0.0
                connection = self._client.socket()
                if connection is None or not select.select([connection], [], [], 0)[0]:
                    break
        except Exception:
            log.exception("a packet of the broker could not be handled: connecting anew")
            self._client.disconnect()

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message at QoS 0 (ADR 42): a device asks again by sending again."""
        self._client.publish(topic, payload, qos=0)

    def acknowledge(self, deliveries: Iterable[Delivery]) -> None:
        """Tell the broker that deliveries need no repeating, unless their connection is gone.

        All go out at once: a call for each would cost as much as receiving it did.
        """
        mids = [d.mid for d in deliveries if d.mid and d.generation == self.generation]
        connection = self._client.socket()
        if not isinstance(connection, socket.socket) or self._client.want_write():
            # What waits there is to go first, and whole.
            for mid in mids:
                self._client.ack(mid, 1)
        elif not _sent(connection, b"".join(PUBACK + mid.to_bytes(2, "big") for mid in mids)):
            log.error("the broker takes no acknowledgements: connecting anew")
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Send what is still to be sent, and leave; the broker keeps the session."""
        until_s = time.monotonic() + FLUSH_S
        while self._client.want_write() and time.monotonic() < until_s:
            if self._client.loop(0.1) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
        self._said_lost = True  # leaving is not losing
        self._client.disconnect()

    def _connect(self, wait_s: float) -> None:
        early_s = self._due_s - time.monotonic()
        if early_s > 0:
            time.sleep(min(early_s, wait_s))
            return
        self._forget()
        self._since_s = time.monotonic()
        try:
            self._client.reconnect()
        except OSError as error:
            self._lost(str(error))

    def _forget(self) -> None:
        """Begin a new generation: what waits was never acknowledged, so the broker sends it again."""
        self.generation += 1
        self.subscribed = False
        self.waiting.clear()
        self._taken.clear()

    def _lost(self, why: str) -> None:
        self._forget()
        now_s = time.monotonic()
        if now_s - self._since_s > STEADY_S:
            self._delay_s = FIRST_DELAY_S
        self._due_s = now_s + self._delay_s
        self._delay_s = min(2 * self._delay_s, LONGEST_DELAY_S)
        if not self._said_lost:
            log.error(
                "no connection to the broker",
                extra={"data": {"code": BrokerUnavailableError.code, "why": why}},
            )
            self._said_lost = True

    def _on_connect(self, client: mqtt.Client, _: Any, flags: Any, reason: ReasonCode, *__: Any) -> None:
        if not reason.is_failure:
            client.subscribe(self._filters)

    def _on_subscribe(
        self, client: mqtt.Client, _: Any, mid: int, reasons: list[ReasonCode], *__: Any
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            log.error(
                "the broker refuses the subscription", extra={"data": {"code": BrokerUnavailableError.code}}
            )
            client.disconnect()
            return
        self.subscribed, self._said_lost = True, False
        log.info("connected to the broker", extra={"data": {"connection": self.generation}})

    def _on_disconnect(self, client: mqtt.Client, _: Any, flags: Any, reason: ReasonCode, *__: Any) -> None:
        self._lost(str(reason))

    def _on_message(self, client: mqtt.Client, _: Any, received: mqtt.MQTTMessage) -> None:
        try:
            topic = received.topic
        except UnicodeDecodeError:
            topic = ""  # no device's topic: it will be refused and kept as such
        payload = bytes(received.payload)
        if received.qos:
            # A copy of what this connection delivered already is settled by the acknowledgement of
            # the first; a second one could reach the broker when the number stands for another message.
            known = hashlib.sha256(topic.encode() + b"\0" + payload).digest()
            if received.dup and self._taken.get(received.mid) == known:
                return
            self._taken[received.mid] = known
        mid = received.mid if received.qos else 0
        self.waiting.append(Delivery(Message(topic, payload), mid, self.generation))


def _sent(connection: socket.socket, data: bytes) -> bool:
    """Whether all of it could be sent."""
    while data:
        try:
            data = data[connection.send(data) :]
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            if not select.select([], [connection], [], STALLED_S)[1]:
                return False
        except OSError:
            return False
    return True
