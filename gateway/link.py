"""The connection to the broker: deliveries in the order they came, each acknowledged at most once.

One thread does everything: nothing happens to a connection except inside ``turn``, ``publish``
and ``acknowledge``, so a PUBACK is never sent on another connection than its PUBLISH came on.
The session is persistent: what was not acknowledged when a connection ends comes again.

It reads MQTT itself, many messages at a time (ADR 55).
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from gateway import packets
from gateway.packets import Kind, Packet
from traceability.errors import BrokerUnavailableError, MalformedError
from traceability.operations.ingest import Message

KEEPALIVE_S: Final = 15
CONNECT_TIMEOUT_S: Final = 5.0
FIRST_DELAY_S: Final = 0.25
LONGEST_DELAY_S: Final = 8.0
STALLED_S: Final = 5.0
"""So long a broker may take nothing before its connection is given up."""
STEADY_S: Final = 10.0
"""A connection that lasted so long begins again with the first delay when it is lost."""
FLUSH_S: Final = 2.0
CHUNK: Final = 262_144
"""More than a TLS record holds, so that none is left half read where ``select`` does not see it."""
PIECE: Final = 16_384
"""So much is sent at a time, a TLS record: of more, OpenSSL tells only when all of it is gone."""
FULL: Final = 2_048
"""So many deliveries may wait; with more nothing is read. The embedded broker hands out fewer, and copies
of them, which are to be read; Mosquitto hands out all that it has, gigabytes after a while."""
PORTS: Final = {"mqtt": 1883, "mqtts": 8883}

now_s = time.monotonic
log = logging.getLogger(__name__)

_LATER: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Delivery(NamedTuple):
    """A message, its packet identifier (0 without acknowledgement) and its connection's number."""

    message: Message
    mid: int
    generation: int


class Link:
    """One MQTT 3.1.1 client with a persistent session, which acknowledges when it is told to.

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
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        self._tls = tls() if parts.scheme == "mqtts" else None
        self._client_id, self._filters, self._user = client_id, tuple(filters), user
        self.waiting: deque[Delivery] = deque()
        self.subscribed, self.generation = False, 0
        self._socket: socket.socket | None = None
        self._delay_s, self._due_s, self._since_s, self._said_lost = FIRST_DELAY_S, 0.0, 0.0, False
        self._forget()

    def turn(self, wait_s: float, enough: int) -> None:
        """Read and write what the network has, connecting first where that is due.

        Args:
            wait_s: how long to wait for something to happen.
            enough: stop reading when so many deliveries wait.
        """
        if self._socket is None:
            self._connect(wait_s)
            return
        try:
            if self._ready(self._socket, wait_s):
                self._read(self._socket, enough)
            self._write(self._socket)
            self._look_alive()
        except (OSError, MalformedError, BrokerUnavailableError) as error:
            self._lost(str(error))

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message at QoS 0 (ADR 42) with the next ``turn``: a device asks again by sending again."""
        self._out += packets.publish(topic, payload)

    def acknowledge(self, deliveries: Iterable[Delivery]) -> None:
        """Tell the broker that deliveries need no repeating, unless their connection is gone."""
        self._out += packets.pubacks([d.mid for d in deliveries if d.mid and d.generation == self.generation])
        if self._socket is not None:
            with contextlib.suppress(OSError):  # the next turn meets it again
                self._write(self._socket)

    def close(self) -> None:
        """Send what is still to be sent, and leave; the broker keeps the session."""
        if self._socket is None:
            return
        until_s = now_s() + FLUSH_S
        self._out += packets.DISCONNECT
        with contextlib.suppress(OSError):
            while self._out and now_s() < until_s:
                select.select([], [self._socket], [], 0.1)
                self._write(self._socket)
        self._socket.close()
        self._socket = None
        self._forget()

    def _connect(self, wait_s: float) -> None:
        early_s = self._due_s - now_s()
        if early_s > 0:
            time.sleep(min(early_s, wait_s))
            return
        self._forget()
        self._since_s = self._heard_s = self._sent_s = now_s()
        try:
            self._socket = self._open()
        except (OSError, ValueError) as error:  # ValueError: what is no host's name
            self._lost(str(error))
            return
        self._out += packets.connect(self._client_id, KEEPALIVE_S, self._user)

    def _open(self) -> socket.socket:
        opened = socket.create_connection((self._host, self._port), CONNECT_TIMEOUT_S)
        try:
            if self._tls is not None:
                opened = self._tls.wrap_socket(opened, server_hostname=self._host)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened.setblocking(False)
        except BaseException:
            opened.close()
            raise
        return opened

    def _forget(self) -> None:
        """Begin a new generation: what waits was never acknowledged, so the broker sends it again."""
        self.generation += 1
        self.subscribed = False
        self.waiting.clear()
        self._taken: dict[int, int] = {}
        self._in, self._needed, self._out = bytearray(), 2, bytearray()
        self._heard_s = self._sent_s = self._asked_s = self._stuck_s = 0.0

    def _lost(self, why: str) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._forget()
        at_s = now_s()
        if at_s - self._since_s > STEADY_S:
            self._delay_s = FIRST_DELAY_S
        self._due_s = at_s + self._delay_s
        self._delay_s = min(2 * self._delay_s, LONGEST_DELAY_S)
        if not self._said_lost:
            log.error(
                "no connection to the broker",
                extra={"data": {"code": BrokerUnavailableError.code, "why": why}},
            )
            self._said_lost = True

    def _ready(self, connection: socket.socket, wait_s: float) -> bool:
        """Wait until something came that is to be read, or what is to go can go; whether something came."""
        reading, writing = [] if self._full else [connection], [connection] if self._out else []
        return bool(select.select(reading, writing, [], wait_s)[0])

    @property
    def _full(self) -> bool:
        return len(self.waiting) >= FULL

    def _read(self, connection: socket.socket, enough: int) -> None:
        while True:
            try:
                data = connection.recv(CHUNK)
            except _LATER:
                return
            if not data:
                raise BrokerUnavailableError("it ended the connection")
            self._heard_s = now_s()
            self._in += data
            if len(self._in) >= self._needed:
                found, taken, more = packets.split(bytes(self._in))
                del self._in[:taken]
                self._needed = more
                for packet in found:
                    self._hear(packet)
            if len(self.waiting) >= enough:
                return

    def _hear(self, packet: Packet) -> None:
        if packet.kind == Kind.PUBLISH:
            self.subscribed = True  # before: Mosquitto sends all that waited, and then its SUBACK
            self._deliver(*packets.published(packet))
        elif packet.kind == Kind.CONNACK:
            if code := packets.connected(packet):
                raise BrokerUnavailableError(packets.REFUSALS.get(code, f"it refuses, code {code}"))
            self._out += packets.subscribe(1, self._filters)
        elif packet.kind == Kind.SUBACK:
            if not packets.granted(packet, len(self._filters)):
                raise BrokerUnavailableError("it refuses the subscription")
            self.subscribed, self._said_lost = True, False
            log.info("connected to the broker", extra={"data": {"connection": self.generation}})
        elif packet.kind != Kind.PINGRESP:
            raise MalformedError(f"it sent a packet of type {packet.kind}")

    def _deliver(self, name: bytes, payload: bytes, mid: int, dup: bool) -> None:
        try:
            topic = name.decode()
        except UnicodeDecodeError:
            topic = ""  # no device's topic: it will be refused and kept as such
        if mid:
            # A copy of what this connection delivered already is settled by the acknowledgement of
            # the first; a second one could reach the broker when the number stands for another message.
            known = hash((topic, payload))
            if dup and self._taken.get(mid) == known:
                return
            self._taken[mid] = known
        self.waiting.append(Delivery(Message(topic, payload), mid, self.generation))

    def _write(self, connection: socket.socket) -> None:
        """Send what can be sent at once."""
        while self._out:
            try:
                sent = connection.send(self._out[:PIECE])
            except _LATER:
                self._stuck_s = self._stuck_s or now_s()
                return
            del self._out[:sent]
            self._sent_s, self._stuck_s = now_s(), 0.0

    def _look_alive(self) -> None:
        """Ask the broker when it was long silent, or we were.

        Raises:
            BrokerUnavailableError: it takes nothing, or answers nothing.
        """
        at_s = now_s()
        if self._stuck_s and at_s - self._stuck_s > STALLED_S:
            raise BrokerUnavailableError("it takes nothing")
        if not KEEPALIVE_S:
            return
        if self._full:
            self._heard_s = at_s  # its answers are not read
        if self._asked_s <= self._heard_s:
            self._asked_s = 0.0
        if at_s - (self._asked_s or (at_s if self.subscribed else self._since_s)) > KEEPALIVE_S:
            raise BrokerUnavailableError("it answers nothing")
        if self.subscribed and not self._asked_s and at_s - min(self._heard_s, self._sent_s) > KEEPALIVE_S:
            self._out += packets.PINGREQ
            self._asked_s = at_s
