"""Asks who comes, answers, and throws out who was revoked or floods. One thread, one connection.

While no doorkeeper works nobody new is let in; who is connected stays. Several may work at once,
each request goes to one of them. An admission ends by itself within a day, so that one who starts
need not look back further than that.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Any, Final

from sqlalchemy import Connection as Reading

from traceability.doorkeeper.barring import Barring
from traceability.doorkeeper.config import issuer_key, user_key
from traceability.doorkeeper.connections import permissions
from traceability.doorkeeper.nats import Connection, Message
from traceability.doorkeeper.nkeys import Role, read_claims, sign_claims
from traceability.errors import (
    BrokerUnavailableError,
    FloodedError,
    MalformedError,
    StoreUnavailableError,
    TokenError,
    TraceabilityError,
)
from traceability.operations.credentials import Credential, Guest, admit, device_of, revoked_since
from traceability.operations.node import Node
from traceability.store.engine import Store

REQUESTS: Final = "$SYS.REQ.USER.AUTH"
QUEUE: Final = "doorkeepers"
LOOK_S: Final = 1.0
"""So often it looks for credentials that were revoked."""
FLOODS_S: Final = 0.2
"""So often it looks for floods: everybody stands in line behind one."""
TURN_S: Final = 0.1
"""So long it waits for something to happen before it looks whether it is to stop."""
DAY_S: Final = 86_400
AGAIN_S: Final = 0.5
AGAIN_MS: Final = 10_000
"""So long it looks again for a device that was revoked: it may just have been coming in."""
OPEN: Final = "the doorkeeper lets in who may come in"
"""What it says when it is at work."""
ACCOUNT: Final = "$G"
"""NATS' global account: where devices and gateway meet."""


def serve(
    make: Callable[[], Doorkeeper],
    stop: threading.Event,
    say: Callable[[str, TraceabilityError | None], None],
) -> None:
    """Keep a doorkeeper at work until told to stop; what hinders it is said once, and tried again.

    Args:
        make: a new one, connected; raises as ``Doorkeeper``.
        say: told of what hinders, and, without an error, of what goes on.
    """
    hindered: str | None = ""
    while not stop.is_set():
        try:
            with closing(make()) as keeper:
                if hindered is not None:
                    say(OPEN, None)
                    hindered = None
                keeper.run(stop.is_set)
        except (BrokerUnavailableError, StoreUnavailableError) as error:
            if error.code != hindered:
                say(f"nobody new can connect: {error}", error)
            hindered = error.code
            stop.wait(AGAIN_S)


class Doorkeeper:
    """The doorkeeper of one node, at one broker or cluster.

    Args:
        url: ``nats://host:port`` of one of its servers.

    Raises:
        BrokerUnavailableError: it does not answer, or not to this node; so does ``turn``, later.
    """

    def __init__(self, store: Store, node: Node, url: str) -> None:
        self._store, self._node = store, node
        self._issuer = issuer_key(node)
        self._connection = Connection(url, user_key(node))
        self._connection.subscribe(f"{REQUESTS} {QUEUE}", 2)
        self._connection.flush()
        self._seen_ms = store.clock() - DAY_S * 1000
        self._look_at_s = self._floods_at_s = 0.0
        self._revoked: Mapping[str, int] = {}
        self._barring = Barring(store)

    def close(self) -> None:
        """End the connection."""
        self._connection.__exit__(None, None, None)

    def run(self, stopping: Callable[[], bool]) -> None:
        """Work until told to stop."""
        while not stopping():
            self.turn()

    def turn(self, wait_s: float = TURN_S) -> None:
        """Answer what has arrived, and look for the revoked when that is due.

        Raises:
            StoreUnavailableError: who asked now is not answered, and comes again.
        """
        messages = self._connection.receive(wait_s)
        requests = [message for message in messages if message.subject == REQUESTS]
        if requests:
            with self._store.reading() as reading:
                for request in requests:
                    if answer := self._answer(reading, request):
                        self._connection.publish(request.reply, answer.encode())
        for message in messages:
            if message.subject != REQUESTS:
                self._throw_out(message)
        if time.monotonic() >= self._look_at_s:
            self._look_at_s = time.monotonic() + LOOK_S
            self._look()
        if time.monotonic() >= self._floods_at_s:
            self._floods_at_s = time.monotonic() + FLOODS_S
            self._look_for_floods()
        self._connection.flush()

    def _answer(self, reading: Reading, request: Message) -> str:
        """What the broker is told; nothing if it does not wait for it any more.

        So a doorkeeper that all devices come to at once works for those alone who are still there.
        """
        told = read_claims(request.payload.decode("ascii"))
        if told["exp"] < time.time():
            return ""
        asked = told["nats"]
        answer: dict[str, Any] = {"type": "authorization_response", "version": 2}
        try:
            answer["jwt"] = self._user(self._judge(reading, asked), asked)
        except (TokenError, FloodedError, MalformedError) as refusal:
            answer["error"] = str(refusal)
        claims = {"aud": asked["server_id"]["id"], "sub": asked["user_nkey"], "nats": answer}
        return sign_claims(self._issuer, Role.ACCOUNT, claims)

    def _judge(self, reading: Reading, asked: Mapping[str, Any]) -> Guest:
        client, shown = asked.get("client_info", {}), asked.get("connect_opts", {})
        credential = Credential(str(shown.get("user", "")), str(shown.get("pass", "")))
        name = str(client.get("mqtt_id", ""))
        guest = admit(reading, self._node, credential, name, self._store.clock())
        self._barring.check(guest.device)
        return guest

    def _user(self, guest: Guest, asked: Mapping[str, Any]) -> str:
        """The claims of one connection; not all that came at once are to come again at once."""
        ends_s = int(time.time()) + DAY_S // 2 + secrets.randbelow(DAY_S // 2)
        user = {"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1} | permissions(guest)
        claims = {"aud": ACCOUNT, "sub": asked["user_nkey"], "exp": ends_s, "name": guest.name, "nats": user}
        return sign_claims(self._issuer, Role.ACCOUNT, claims)

    def _look(self) -> None:
        """Ask for the connections of those who were revoked."""
        with self._store.reading() as reading:
            self._revoked = revoked_since(reading, self._seen_ms - AGAIN_MS)
        self._seek({device_of(name) for name in self._revoked})
        self._seen_ms = max([self._seen_ms, *self._revoked.values()])

    def _look_for_floods(self) -> None:
        """Ask for the connections of those who flood."""
        with self._store.reading() as reading:
            barred = self._barring.look(reading)
        self._seek(barred)

    def _seek(self, devices: Iterable[str]) -> None:
        """Ask every server for the connections of some devices."""
        for device in devices:
            self._connection.ask("$SYS.REQ.SERVER.PING.CONNZ", {"mqtt_client": device, "auth": True})

    def _throw_out(self, message: Message) -> None:
        """End the connections that a server names and that a revoked credential opened, or one that floods.

        What a KICK is answered names none.
        """
        told = json.loads(message.payload)
        server = told.get("server", {}).get("id", "")
        for found in told.get("data", {}).get("connections", []):
            name = found.get("authorized_user", "")
            if {*self._revoked, *self._barring.barred} & {name, device_of(name)}:
                self._connection.ask(f"$SYS.REQ.SERVER.{server}.KICK", {"cid": found["cid"]})
