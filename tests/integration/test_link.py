"""The gateway's connection to a broker that says what a test wants, good or bad."""

from __future__ import annotations

import contextlib
import logging
import random
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import packets
from gateway.link import CHUNK, Delivery, Link
from gateway.service import Gateway
from tests.support.gateway import DEADLINE_S, wait_until
from tests.support.sensor import World, make_world
from traceability.certificates import Authority
from traceability.operations.ingest import Ingest, Message
from traceability.sensing.topics import frame_filters


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    yield made
    made.store.close()


CONNACK, SUBACK, PINGRESP = b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x01", b"\xd0\x00"
WELL_FORMED = bytes.fromhex("100d 0004 4d515454 04 00 000f 0001 67")
"""A CONNECT whose keepalive is a whole number of seconds, for tests that are quicker."""


class ScriptedBroker:
    """A peer that accepts a session and then says and hears exactly what a test asks for.

    Attributes:
        heard: for each connection the types and bodies of its packets.
        silent: the type of packet that is not answered.
    """

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self._listening.settimeout(DEADLINE_S)
        self.url = f"mqtt://127.0.0.1:{self._listening.getsockname()[1]}"
        self.heard: list[list[tuple[int, bytes]]] = []
        self._connection: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self.silent, self._answers = 0, {1: CONNACK, 8: SUBACK, 12: PINGRESP}
        self.listening = threading.Event()
        self.listening.set()

    def accept(self) -> None:
        """Take the next connection, and answer CONNECT, SUBSCRIBE and PING on it."""
        if self._connection is not None:
            self.hang_up()
        connection, _ = self._listening.accept()
        self._connection = connection
        packets: list[tuple[int, bytes]] = []
        self.heard.append(packets)
        thread = threading.Thread(target=self._listen, args=(connection, packets))
        thread.start()
        self._threads.append(thread)

    def deliver(self, mid: int, topic: bytes, payload: bytes, *, dup: bool = False) -> None:
        """Send one PUBLISH at QoS 1."""
        body = len(topic).to_bytes(2, "big") + topic + mid.to_bytes(2, "big") + payload
        size, length = len(body), b""
        while True:
            size, digit = divmod(size, 128)
            length += bytes([digit | (0x80 if size else 0)])
            if not size:
                break
        assert self._connection is not None
        self._connection.sendall(bytes([0x3A if dup else 0x32]) + length + body)

    def say(self, data: bytes) -> None:
        """Send just that."""
        assert self._connection is not None
        self._connection.sendall(data)

    def acknowledged(self, connection: int) -> list[int]:
        """The packet identifiers that were acknowledged on a connection, in order."""
        return [int.from_bytes(body, "big") for kind, body in self.heard[connection] if kind == 4]

    def hang_up(self) -> None:
        assert self._connection is not None
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def close(self) -> None:
        self.listening.set()
        if self._connection is not None:
            self.hang_up()
        self._listening.close()
        for thread in self._threads:
            thread.join()

    def _listen(self, connection: socket.socket, packets: list[tuple[int, bytes]]) -> None:
        with contextlib.suppress(OSError), connection.makefile("rb") as stream:
            while self.listening.wait(DEADLINE_S) and (first := stream.read(1)):
                size = shift = 0
                while True:
                    digit = stream.read(1)[0]
                    size, shift = size | (digit & 0x7F) << shift, shift + 7
                    if digit < 0x80:
                        break
                body, kind = stream.read(size), first[0] >> 4
                packets.append((kind, body))
                if kind != self.silent:
                    connection.sendall(
                        {1: CONNACK, 8: b"\x90\x03" + body[:2] + b"\x01", 12: PINGRESP}.get(kind, b"")
                    )


@pytest.fixture
def peer() -> Iterator[ScriptedBroker]:
    made = ScriptedBroker()
    yield made
    made.close()


@pytest.fixture
def link(peer: ScriptedBroker) -> Iterator[Link]:
    made = Link(peer.url, "scripted", frame_filters(()))
    made.turn(0.1, 1)
    peer.accept()
    turns(made, lambda: made.subscribed)
    yield made
    made.close()


def turns(link: Link, until: Callable[[], Any]) -> None:
    """Let a link work until a condition holds."""

    def turned() -> Any:
        link.turn(0.05, 9)
        return until()

    wait_until(turned, "something on the link")


def takes(gateway: Gateway, until: Callable[[], Any]) -> None:
    """Let a gateway work until a condition holds."""

    def turned() -> Any:
        gateway.turn()
        return until()

    wait_until(turned, "something of the gateway")


def listen(link: Link, count: int) -> None:
    turns(link, lambda: len(link.waiting) >= count)


def test_an_acknowledgement_never_crosses_to_another_connection(link: Link, peer: ScriptedBroker):
    peer.deliver(1, b"ft/v1/a/b/frame", b"first")
    listen(link, 1)
    old = link.waiting[0]
    peer.hang_up()
    turns(link, lambda: not link.subscribed)
    assert not link.waiting
    accepting = threading.Thread(target=peer.accept)
    accepting.start()
    turns(link, lambda: link.subscribed)
    accepting.join()
    peer.deliver(1, b"ft/v1/a/b/frame", b"quite another")
    peer.deliver(2, b"ft/v1/a/b/frame", b"and one more")
    listen(link, 2)
    link.acknowledge([old, link.waiting[1]])
    turns(link, lambda: peer.acknowledged(1))
    assert peer.acknowledged(1) == [2]


def acknowledging(link: Link, *mids: int) -> None:
    link.acknowledge([Delivery(Message("t", b""), mid, link.generation) for mid in mids])


def narrow(link: Link) -> None:
    """Let the operating system take little at a time."""
    connection = link._socket
    assert connection is not None
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)


def test_more_acknowledgements_than_can_be_sent_at_once_all_arrive_in_order(link: Link, peer: ScriptedBroker):
    narrow(link)
    acknowledging(link, *range(1, 60_000))
    turns(link, lambda: len(peer.acknowledged(0)) == 59_999)
    assert peer.acknowledged(0) == list(range(1, 60_000))


def test_an_acknowledgement_waits_behind_a_message_that_is_half_sent(link: Link, peer: ScriptedBroker):
    narrow(link)
    peer.listening.clear()
    link.publish("big", bytes(8_000_000))
    link.turn(0.0, 9)
    assert link._out
    acknowledging(link, 7)
    peer.listening.set()
    turns(link, lambda: peer.acknowledged(0))
    assert [(kind, len(body)) for kind, body in peer.heard[0]][-2:] == [(3, 8_000_005), (4, 2)]


def test_a_broker_that_takes_no_acknowledgements_is_left(
    link: Link, peer: ScriptedBroker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gateway.link.STALLED_S", 0.05)
    narrow(link)
    peer.listening.clear()
    acknowledging(link, *range(1, 60_000))
    turns(link, lambda: not link.subscribed)


def test_a_copy_in_one_connection_is_neither_taken_nor_acknowledged_twice(link: Link, peer: ScriptedBroker):
    peer.deliver(1, b"t", b"same")
    peer.deliver(1, b"t", b"same", dup=True)
    peer.deliver(2, b"t", b"next")
    listen(link, 2)
    first, second = link.waiting
    assert (first.message.payload, second.message.payload) == (b"same", b"next")
    peer.deliver(1, b"t", b"same")  # no copy: a new message under a number that is free again
    peer.deliver(1, b"t", b"other", dup=True)  # nor this one: its first delivery was lost with a connection
    peer.deliver(1, b"u", b"other", dup=True)
    listen(link, 5)


def test_a_topic_that_is_no_text_is_refused_like_any_foreign_one(
    lite: World, link: Link, peer: ScriptedBroker
):
    peer.deliver(7, b"ft/v1/\xff/x/frame", b"noise")
    gateway = Gateway(Ingest(lite.store, lite.node), link)
    takes(gateway, lambda: peer.acknowledged(0) == [7])
    assert [code for _, code, _ in lite.quarantined()] == ["foreign-topic"]


def test_receipts_go_out_before_acknowledgements_and_those_in_order(
    lite: World, link: Link, peer: ScriptedBroker
):
    sensor = lite.sensor()
    for mid, body in enumerate(sensor.frames(4), start=11):
        peer.deliver(mid, sensor.topic.encode(), body)
    listen(link, 4)
    gateway = Gateway(Ingest(lite.store, lite.node), link)
    takes(gateway, lambda: len(peer.acknowledged(0)) == 4)
    assert peer.acknowledged(0) == [11, 12, 13, 14]
    assert [kind for kind, _ in peer.heard[0] if kind in {3, 4}] == [3, 4, 4, 4, 4]


def lost(link: Link, peer: ScriptedBroker, caplog: pytest.LogCaptureFixture) -> str:
    """Let a link find that its connection is of no use; why, as it was logged."""
    caplog.set_level(logging.INFO)
    before = link.generation
    turns(link, lambda: link.generation > before)
    assert not link.subscribed
    assert not link.waiting
    (record,) = [r for r in caplog.records if r.getMessage() == "no connection to the broker"]
    caplog.clear()
    data: dict[str, str] = vars(record)["data"]
    return data["why"]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"\x20\x02\x00\x05", "this client may not connect"),
        (b"\x20\x02\x00\x09", "it refuses, code 9"),
        (b"\x20\x00", "an answer to CONNECT that is none of MQTT 3.1.1"),
        (b"\x90\x03\x00\x01\x80", "it refuses the subscription"),
        (b"\x34\x05\x00\x01t\x00\x01", "a message that is none of MQTT"),
        (b"\x32\x05\x00\x01t\x00\x00", "a message at QoS 1 without a number"),
        (b"\x30\xff\xff\xff\xff\xff", "a packet whose length has more than four bytes"),
        (b"\x62\x02\x00\x01", "it sent a packet of type 6"),
        (b"", "it ended the connection"),
    ],
)
def test_a_broker_that_refuses_or_speaks_nonsense_is_left_and_why_is_said(
    link: Link, peer: ScriptedBroker, caplog: pytest.LogCaptureFixture, said: bytes, why: str
):
    peer.deliver(1, b"t", b"first")
    listen(link, 1)
    if said:
        peer.say(said)
    else:
        peer.hang_up()
    assert lost(link, peer, caplog) == why
    accepting = threading.Thread(target=peer.accept)
    accepting.start()
    turns(link, lambda: link.subscribed)
    accepting.join()


def test_noise_of_a_broker_never_ends_the_gateway(link: Link, peer: ScriptedBroker):
    dice = random.Random(20261130)
    for _ in range(40):
        with contextlib.suppress(OSError):
            peer.say(b"\x30\x03\x00\x01t" + dice.randbytes(dice.randrange(1, 400)))
            peer.hang_up()
        turns(link, lambda: not link.subscribed)
        link._due_s = 0.0
        accepting = threading.Thread(target=peer.accept)
        accepting.start()
        turns(link, lambda: link.subscribed)
        accepting.join()


def test_a_message_arrives_whole_however_it_is_cut_and_however_long_it_is(link: Link, peer: ScriptedBroker):
    peer.deliver(1, b"t", bytes(3_000_000))
    peer.deliver(2, b"t", b"short")
    listen(link, 2)
    assert [len(d.message.payload) for d in link.waiting] == [3_000_000, 5]


def test_of_a_stream_without_a_pause_no_more_is_read_than_is_asked_for(link: Link, peer: ScriptedBroker):
    """Else a broker with much to hand out would keep the gateway from committing anything."""

    def deliver() -> None:
        for number in range(1, 61):
            peer.deliver(number, b"t", bytes(100_000))

    delivering = threading.Thread(target=deliver)
    delivering.start()
    most = 0
    while len(link.waiting) < 60:
        before = len(link.waiting)
        link.turn(DEADLINE_S, before + 1)
        most = max(most, len(link.waiting) - before)
    delivering.join()
    assert 0 < most <= 1 + CHUNK // 100_000


@pytest.mark.parametrize("silent", [b"\x10", b"\x82", b"\xc0"], ids=["CONNECT", "SUBSCRIBE", "PINGREQ"])
def test_a_broker_that_does_not_answer_is_left(
    peer: ScriptedBroker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, silent: bytes
):
    monkeypatch.setattr("gateway.link.KEEPALIVE_S", 0.2)
    monkeypatch.setattr("gateway.packets.connect", lambda name, _, user: WELL_FORMED)
    peer.silent = silent[0] >> 4
    with contextlib.closing(Link(peer.url, "silent", frame_filters(()))) as link:
        link.turn(0.1, 1)
        peer.accept()
        if silent == b"\xc0":
            turns(link, lambda: link.subscribed)
        assert lost(link, peer, caplog) == "it answers nothing"


def test_a_broker_that_answers_is_kept_however_quiet_it_is(
    peer: ScriptedBroker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gateway.link.KEEPALIVE_S", 0.1)
    monkeypatch.setattr("gateway.packets.connect", lambda name, _, user: WELL_FORMED)
    with contextlib.closing(Link(peer.url, "quiet", frame_filters(()))) as link:
        link.turn(0.1, 1)
        peer.accept()
        turns(link, lambda: [kind for kind, _ in peer.heard[0]].count(12) >= 4)
        assert link.subscribed


def quick_link(peer: ScriptedBroker, monkeypatch: pytest.MonkeyPatch) -> Link:
    """One whose keepalive is a tenth of a second, connecting to a peer."""
    monkeypatch.setattr("gateway.link.KEEPALIVE_S", 0.1)
    monkeypatch.setattr("gateway.packets.connect", lambda name, _, user: WELL_FORMED)
    link = Link(peer.url, "quick", frame_filters(()))
    link.turn(0.1, 1)
    peer.accept()
    return link


def pings(peer: ScriptedBroker) -> int:
    return [kind for kind, _ in peer.heard[0]].count(12)


def test_while_enough_waits_nothing_more_is_read_and_the_connection_is_kept(
    peer: ScriptedBroker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gateway.link.FULL", 9)
    monkeypatch.setattr("gateway.link.CHUNK", 32)
    with contextlib.closing(quick_link(peer, monkeypatch)) as link:
        turns(link, lambda: link.subscribed)
        for mid in range(1, 41):
            peer.deliver(mid, b"t", b"x")
        turns(link, lambda: pings(peer) >= 6)
        assert 9 <= len(link.waiting) <= 12
        found = list[int]()
        while len(found) < 40:
            listen(link, 1)
            found.append(link.waiting.popleft().mid)
        assert found == list(range(1, 41))
        turns(link, lambda: pings(peer) >= 9)
        assert link.generation == 2, "it is the first connection still"


def test_a_broker_that_sends_what_waited_before_it_answers_is_kept(
    peer: ScriptedBroker, monkeypatch: pytest.MonkeyPatch
):
    peer.silent = 8
    with contextlib.closing(quick_link(peer, monkeypatch)) as link:
        turns(link, lambda: peer.heard[0][1:])
        before = link.subscribed
        peer.deliver(1, b"t", b"x")
        turns(link, lambda: pings(peer) >= 3)
        assert (before, link.subscribed) == (False, True)
        assert [delivery.mid for delivery in link.waiting] == [1]


def test_a_host_that_can_have_no_such_name_is_said_and_ends_nothing(caplog: pytest.LogCaptureFixture):
    with contextlib.closing(Link("mqtt://a..b:1883", "nowhere", frame_filters(()))) as link:
        link.turn(0.0, 1)
    (record,) = [r for r in caplog.records if r.getMessage() == "no connection to the broker"]
    assert "label" in vars(record)["data"]["why"]


def test_a_broker_that_takes_little_at_a_time_over_tls_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gateway.link.STALLED_S", 1.0)
    certificate = Authority(tmp_path).server(["localhost"], 1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, tmp_path / "server.key")
    listening, taken = socket.create_server(("127.0.0.1", 0)), bytearray()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)

    def serve() -> None:
        with listening, context.wrap_socket(listening.accept()[0], server_side=True) as connection:
            for answer in (CONNACK, SUBACK):
                connection.recv(1024)
                connection.sendall(answer)
            while more := connection.recv(16_384):
                taken.extend(more)
                time.sleep(0.01)

    thread = threading.Thread(target=serve)
    thread.start()
    url, parts = f"mqtts://localhost:{listening.getsockname()[1]}", [secrets.token_bytes(50_000)] * 60
    trust = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    with contextlib.closing(Link(url, "slow", ["t"], tls=lambda: trust)) as link:
        turns(link, lambda: link.subscribed)
        narrow(link)
        for part in parts:
            link.publish("t", part)
            link.turn(0.0, 9)
        turns(link, lambda: not link._out)
        assert link.subscribed
    thread.join()
    whole = b"".join(packets.publish("t", part) for part in parts) + packets.DISCONNECT
    assert bytes(taken) == whole
