"""A TCP relay between a client and a server, for links that are cut, slow, hung or half open."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress
from enum import Enum
from urllib.parse import urlsplit

TURN_S = 0.005
TRICKLE = 400
"""Bytes a turn and direction of a slow link: some 80 kB/s at most."""
ALL = 65_536


class Way(Enum):
    """How a link is."""

    FLOWS = "flows"
    CUT = "cut"
    SLOW = "slow"
    HUNG = "hung"
    HALF_OPEN = "half open"


FAULTS = (Way.CUT, Way.SLOW, Way.HUNG, Way.HALF_OPEN)


class Proxy:
    """Relays to the server of a URL until ``close``.

    Cut: every connection is closed, a new one at once. Slow: little at a time. Hung: connections
    stay open and new ones are taken, and nothing comes through. Half open: the server's ends of the
    connections are closed, of which their clients hear nothing; new connections flow.

    Attributes:
        url: where clients connect.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname, parts.port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"{parts.scheme}://127.0.0.1:{self._listening.getsockname()[1]}"
        self._other: dict[socket.socket, socket.socket] = {}
        self._clients: set[socket.socket] = set()
        self._forgotten: list[socket.socket] = []
        self._way, self._lock, self._ended = Way.FLOWS, threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy")
        self._thread.start()

    def become(self, way: Way) -> None:
        """From now on the link is like this."""
        with self._lock:
            self._way = way
            if way is Way.CUT:
                for connection in list(self._clients):
                    self._drop(connection)
            if way is Way.HALF_OPEN:
                for connection in list(self._clients):
                    self._forget(connection)

    def close(self) -> None:
        """End the relay and all its connections."""
        self._ended.set()
        self._thread.join()
        for each in (*self._other, *self._forgotten, self._listening):
            each.close()

    def _run(self) -> None:
        while not self._ended.wait(TURN_S):
            with self._lock:
                self._turn()

    def _turn(self) -> None:
        idle = self._way is Way.HUNG
        for each in select.select([self._listening, *(() if idle else self._other)], [], [], 0)[0]:
            if each is self._listening:
                self._accept()
            elif each in self._other:
                self._relay(each)

    def _accept(self) -> None:
        client, _ = self._listening.accept()
        if self._way is Way.CUT:
            client.close()
            return
        server = socket.create_connection(self._target)
        self._other |= {client: server, server: client}
        self._clients.add(client)

    def _relay(self, source: socket.socket) -> None:
        data = b""
        with suppress(OSError):
            data = source.recv(TRICKLE if self._way is Way.SLOW else ALL)
            self._other[source].sendall(data)
        if not data:
            self._drop(source)

    def _drop(self, connection: socket.socket) -> None:
        for each in (connection, self._other.pop(connection)):
            self._other.pop(each, None)
            self._clients.discard(each)
            each.close()

    def _forget(self, client: socket.socket) -> None:
        """Close the server's end; the client's stays open, unread."""
        server = self._other.pop(client)
        del self._other[server]
        self._clients.discard(client)
        self._forgotten.append(client)
        server.close()
