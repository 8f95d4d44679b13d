"""The MQTT connections of a fleet, one a device: MQTT 3.1.1, QoS 1 up and QoS 0 down (ADR 42).

paho's own calls for an outside loop do the protocol, one selector waits for them all; nothing here has a
thread. A connection that is lost is made anew after a wait: twice as long at each attempt, and between
half of it and all of it by chance, so that those that were lost together do not come back together.
"""

from __future__ import annotations

import contextlib
import random
import resource
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Any, Final
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from firmware_sim.enrolment import Enrolment
from firmware_sim.link import PORTS
from traceability.errors import SettingsError
from traceability.sensing import topics

KEEPALIVE_S: Final = 60
ROUTINE_S: Final = 10.0
"""In so many seconds the keep-alives of all are looked after."""
CONNECT_TIMEOUT_S: Final = 2.0
LONGEST_WAIT_S: Final = 60.0
MOST_OPENED: Final = 20
"""Connections begun in one turn, so that what arrives on others is taken meanwhile."""
OTHER_FILES: Final = 64
"""Files that a process has open beside its connections."""


def allow_files(connections: int) -> None:
    """Let this process have so many connections open, if its hard limit allows it (setrlimit(2)).

    Raises:
        SettingsError: it does not.
    """
    wanted, (soft, hard) = connections + OTHER_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise SettingsError(
            f"{connections:,} connections need {wanted:,} open files, and the hard limit is {hard:,}",
            remedy=f"Raise it (as root: ulimit -Hn {wanted}; with systemd: LimitNOFILE={wanted}), "
            f"or sign a fleet of at most {max(hard - OTHER_FILES, 0):,} devices",
        )
    if soft != resource.RLIM_INFINITY and soft < wanted:
        limit = wanted if hard == resource.RLIM_INFINITY else hard
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


@dataclass(frozen=True, slots=True)
class Coming:
    """How devices connect: so many a second at first, and when they were lost, within ``back_s``.

    ``tls`` is there for mqtts.
    """

    url: str
    rate: float
    back_s: float
    seed: int
    tls: ssl.SSLContext | None = None


@dataclass(slots=True)
class Traffic:
    """What all connections did: publishes handed over, and answered by the broker; devices that tried to
    connect, are connected, and lost it; attempts that failed, and why the last of them did."""

    sent: int = 0
    acknowledged: int = 0
    tried: int = 0
    connected: int = 0
    lost: int = 0
    failed: int = 0
    trouble: str = ""


class Connection:
    """One device's connection.

    Attributes:
        ready: whether it is connected, and hears its receipts.
    """

    def __init__(self, among: Connections, place: int, told: Enrolment) -> None:
        self.ready = self._has_tried = False
        self._among, self._place, self._told = among, place, told
        self._frames = topics.frame_topic(told.site, told.device)
        self._wait_s = among.coming.back_s
        self._client: mqtt.Client | None = None

    def open(self) -> None:
        """Begin to connect; never raises for what the network does.

        A new client for each attempt: what was under way is for the device to send again.
        """
        url, client = (
            self._among.url,
            mqtt.Client(CallbackAPIVersion.VERSION2, client_id=self._told.device, clean_session=True),
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(0)
        if self._told.username:
            client.username_pw_set(self._told.username, self._told.password)
        if self._among.coming.tls is not None:
            client.tls_set_context(self._among.coming.tls)
        client.on_connect, client.on_subscribe = self._on_connect, self._on_subscribe
        client.on_disconnect, client.on_message = self._on_disconnect, self._on_message
        client.on_publish = self._on_publish
        client.on_socket_open, client.on_socket_close = self._on_socket_open, self._on_socket_close
        client.on_socket_register_write = self._on_register_write
        client.on_socket_unregister_write = self._on_unregister_write
        self._client = client
        try:
            client.connect(url.hostname or "", url.port or PORTS[url.scheme], KEEPALIVE_S)
        except OSError as error:
            self._failed(error)
            self._gone()

    def send(self, statement: bytes) -> None:
        """Hand a statement to the broker; only while ``ready``."""
        if self._client is not None:
            self._client.publish(self._frames, statement, qos=1)
            self._among.traffic.sent += 1

    def work(self, events: int) -> None:
        """Take what the network has, and give it what waits for it."""
        if self._client is not None and events & selectors.EVENT_READ:
            _read(self._client)
        if self._client is not None and events & selectors.EVENT_WRITE:
            self._client.loop_write()

    def routine(self) -> None:
        """Keep it alive, or give it up."""
        if self._client is not None:
            self._client.loop_misc()

    def cut(self) -> None:
        """Lose the connection, as by a network that fails: no goodbye."""
        plug = None if self._client is None else self._client.socket()
        if isinstance(plug, socket.socket):
            with contextlib.suppress(OSError):
                plug.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Say goodbye."""
        if self._client is not None:
            self._client.on_disconnect = None
            self._client.disconnect()
            self._client.loop_write()
            self.cut()
            self._client.loop_read()

    def _gone(self) -> None:
        among = self._among
        if self.ready:
            among.traffic.lost += 1
            among.traffic.connected -= 1
        self.ready, self._client = False, None
        self._note_tried()
        among.open_later(self._place, self._wait_s * (0.5 + among.chance.random() / 2))
        self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)

    def _note_tried(self) -> None:
        self._among.traffic.tried += not self._has_tried
        self._has_tried = True

    def _failed(self, why: object) -> None:
        self._among.traffic.failed += 1
        self._among.traffic.trouble = str(why)

    def _on_connect(self, client: mqtt.Client, _: Any, flags: Any, reason: Any, *__: Any) -> None:
        if reason.is_failure:
            self._failed(reason)
        else:
            client.subscribe(topics.receipt_topic(self._told.site, self._told.device), qos=0)

    def _on_subscribe(self, client: mqtt.Client, _: Any, mid: int, reasons: Any, *__: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            self._failed(reasons[0])
            client.disconnect()
            return
        self.ready, self._wait_s = True, self._among.coming.back_s
        self._note_tried()
        self._among.traffic.connected += 1
        self._among.on_ready(self._place)

    def _on_disconnect(self, *_: Any) -> None:
        self._gone()

    def _on_message(self, _: mqtt.Client, __: Any, message: mqtt.MQTTMessage) -> None:
        self._among.on_receipt(self._place, bytes(message.payload))

    def _on_publish(self, *_: Any) -> None:
        self._among.traffic.acknowledged += 1

    def _on_socket_open(self, _: mqtt.Client, __: Any, plug: Any) -> None:
        self._among.selector.register(plug, selectors.EVENT_READ, self)

    def _on_socket_close(self, _: mqtt.Client, __: Any, plug: Any) -> None:
        self._among.selector.unregister(plug)

    def _on_register_write(self, _: mqtt.Client, __: Any, plug: Any) -> None:
        self._among.selector.modify(plug, selectors.EVENT_READ | selectors.EVENT_WRITE, self)

    def _on_unregister_write(self, _: mqtt.Client, __: Any, plug: Any) -> None:
        self._among.selector.modify(plug, selectors.EVENT_READ, self)


def _read(client: mqtt.Client) -> None:
    """What TLS has decrypted already no selector tells of."""
    client.loop_read()
    while isinstance(plug := client.socket(), ssl.SSLSocket) and plug.pending():
        client.loop_read()


class Connections:
    """All connections of a fleet. One thread; callbacks come from ``turn``.

    Args:
        on_ready: told the place of a device that can send from now on.
        on_receipt: told the place of a device and what came on its receipt topic.

    Attributes:
        traffic: what they did so far.
    """

    def __init__(
        self,
        coming: Coming,
        enrolments: Sequence[Enrolment],
        on_ready: Callable[[int], None],
        on_receipt: Callable[[int, bytes], None],
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.coming, self.url = coming, urlsplit(coming.url)
        self.on_ready, self.on_receipt, self._clock_s = on_ready, on_receipt, clock_s
        self.selector, self.chance = selectors.DefaultSelector(), random.Random(coming.seed)
        self.traffic = Traffic()
        self.all = [Connection(self, place, told) for place, told in enumerate(enrolments)]
        now_s = clock_s()
        self._closed = [(now_s + place / coming.rate, place) for place in range(len(self.all))]
        heapify(self._closed)
        self._looked_after, self._looked_s = 0, now_s

    def turn(self, wait_s: float) -> None:
        """Connect where that is due; read and write what the network has, after at most so long a wait."""
        now_s = self._clock_s()
        for _ in range(MOST_OPENED):
            if not self._closed or self._closed[0][0] > now_s:
                break
            self.all[heappop(self._closed)[1]].open()
        for key, events in self.selector.select(wait_s):
            key.data.work(events)
        self._look_after(now_s)

    def open_later(self, place: int, wait_s: float) -> None:
        """Have a connection opened after a while."""
        heappush(self._closed, (self._clock_s() + wait_s, place))

    def behind_s(self, now_s: float) -> float:
        """For how long the most overdue connection has been waiting to be begun."""
        return max(now_s - self._closed[0][0], 0.0) if self._closed else 0.0

    def cut(self) -> None:
        """Lose every connection at once."""
        for each in self.all:
            each.cut()

    def close(self) -> None:
        """Leave."""
        for each in self.all:
            each.close()
        self.selector.close()

    def _look_after(self, now_s: float) -> None:
        """Some of them at each turn, so that no turn is long."""
        share = int(len(self.all) * (now_s - self._looked_s) / ROUTINE_S)
        if share:
            self._looked_s = now_s
            first, self._looked_after = self._looked_after, (self._looked_after + share) % len(self.all)
            for number in range(first, first + min(share, len(self.all))):
                self.all[number % len(self.all)].routine()
