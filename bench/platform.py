"""Stands in for a ThingsBoard server: lets a gateway connect, and confirms nothing that it sends.

thingsboard-gateway fills its storage only after it was connected once. What is not confirmed stays there.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Final

HOST: Final = "127.0.0.1"
CONNECT: Final = 1
SUBSCRIBE: Final = 8
PINGREQ: Final = 12
CONNACK: Final = bytes.fromhex("2003000000")
"""MQTT 5: no session, success, no properties."""
PINGRESP: Final = bytes.fromhex("d000")


class Platform:
    """One MQTT 5 server on a port of the loopback, until it is closed.

    Attributes:
        port: where it listens.
    """

    def __init__(self) -> None:
        self._listening = socket.create_server((HOST, 0))
        self.port: int = self._listening.getsockname()[1]
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End all connections; nobody listens afterwards."""
        for one in (self._listening, *self._connections):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
            finally:
                one.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection.makefile("rb") as stream:
                while head := stream.read(1):
                    body = stream.read(_length(stream.read))
                    if reply := answer(head[0] >> 4, body):
                        connection.sendall(reply)
        except (OSError, ValueError):
            return


def _length(read: Callable[[int], bytes]) -> int:
    """The remaining length of a packet: seven bits a byte, the lowest first."""
    length = shift = 0
    while True:
        (byte,) = read(1)
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            return length
        shift += 7


def answer(kind: int, body: bytes) -> bytes:
    """What a server says to a packet; nothing to most.

    Args:
        kind: its control packet type.
        body: what follows the fixed header.
    """
    if kind == CONNECT:
        return CONNACK
    if kind == PINGREQ:
        return PINGRESP
    if kind != SUBSCRIBE:
        return b""
    begin, topics = 3 + body[2], 0
    while begin < len(body):
        begin += 2 + int.from_bytes(body[begin : begin + 2], "big") + 1
        topics += 1
    return bytes([0x90, 3 + topics]) + body[:2] + b"\0" + bytes(topics)
