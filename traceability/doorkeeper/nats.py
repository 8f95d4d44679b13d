"""A connection in NATS' own protocol: enough to hear requests, answer them and ask some.

One thread. The other side is a broker that its operator named; what it sends is bounded all the same.

Source: docs.nats.io, "Client protocol"; the nonce is signed with the user's key ("NKeys").
"""

from __future__ import annotations

import json
import secrets
import select
import socket
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final
from urllib.parse import urlsplit

from traceability.doorkeeper.nkeys import Role, name_of
from traceability.errors import BrokerUnavailableError
from traceability.signing.keys import PrivateKey
from traceability.signing.strictjson import b64url

CONNECT_TIMEOUT_S: Final = 5.0
MAX_LINE: Final = 16_384
MAX_MESSAGE: Final = 1_048_576
CHUNK: Final = 65_536


@dataclass(frozen=True, slots=True)
class Message:
    """One message; ``reply`` is where its answer goes, empty if none is wanted."""

    subject: str
    reply: str
    payload: bytes


class Connection:
    """A user's connection, open from the beginning.

    Args:
        url: ``nats://host:port``.
        key: the user's key.

    Raises:
        BrokerUnavailableError: nobody answers there, or not to this user; so does every method
            once the connection is lost.
    """

    def __init__(self, url: str, key: PrivateKey) -> None:
        parts = urlsplit(url)
        self._buffer, self._out = bytearray(), bytearray()
        self._inbox = f"_INBOX.{secrets.token_hex(12)}"
        self._asked = 0
        try:
            self._socket = socket.create_connection(
                (parts.hostname or "", parts.port or 4222), timeout=CONNECT_TIMEOUT_S
            )
        except OSError as error:
            raise BrokerUnavailableError(f"no NATS at {url}: {error}") from error
        try:
            self._greet(key)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def subscribe(self, subject: str, number: int) -> None:
        """Hear what is published there; ``number`` is this connection's own for it, from 2 on."""
        self._out += f"SUB {subject} {number}\r\n".encode()

    def publish(self, subject: str, payload: bytes, reply: str = "") -> None:
        """Publish when ``flush`` is called, or the next ``receive``."""
        head = f"PUB {subject} {reply + ' ' if reply else ''}{len(payload)}\r\n"
        self._out += head.encode() + payload + b"\r\n"

    def ask(self, subject: str, request: dict[str, Any]) -> str:
        """Publish a request; the answers come as messages whose subject is what is returned."""
        self._asked += 1
        reply = f"{self._inbox}.{self._asked}"
        self.publish(subject, json.dumps(request).encode(), reply)
        return reply

    def flush(self) -> None:
        """Send what was published."""
        data, self._out = bytes(self._out), bytearray()
        try:
            self._socket.settimeout(CONNECT_TIMEOUT_S)
            self._socket.sendall(data)
        except OSError as error:
            raise BrokerUnavailableError(f"the broker takes nothing: {error}") from error

    def receive(self, wait_s: float) -> list[Message]:
        """Everything that has arrived; waits at most so long for the first."""
        found = self._messages()
        if not found:
            self.flush()
            self._read(wait_s)
            found = self._messages()
        self.flush()
        return found

    def _greet(self, key: PrivateKey) -> None:
        deadline = time.monotonic() + CONNECT_TIMEOUT_S
        info = json.loads(self._line(deadline).removeprefix(b"INFO "))
        nonce = str(info.get("nonce", "")).encode()
        hello = {
            "verbose": False,
            "pedantic": False,
            "lang": "python",
            "version": "1",
            "name": "doorkeeper",
            "protocol": 1,
            "headers": True,
            "nkey": name_of(key.public, Role.USER),
            "sig": b64url(key.sign(nonce)),
        }
        self._out += b"CONNECT " + json.dumps(hello).encode() + b"\r\nPING\r\n"
        self._out += f"SUB {self._inbox}.* 1\r\n".encode()
        self.flush()
        while (line := self._line(deadline)) != b"PONG":
            if line.startswith(b"-ERR"):
                raise BrokerUnavailableError(f"the broker refuses the doorkeeper: {line.decode()}")

    def _line(self, deadline: float) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if time.monotonic() > deadline:
                raise BrokerUnavailableError("the broker does not greet")
            self._read(max(deadline - time.monotonic(), 0))
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _read(self, wait_s: float) -> None:
        if not select.select([self._socket], [], [], wait_s)[0]:
            return
        try:
            data = self._socket.recv(CHUNK)
        except OSError as error:
            raise BrokerUnavailableError(f"the broker is gone: {error}") from error
        if not data:
            raise BrokerUnavailableError("the broker has ended the connection")
        self._buffer += data

    def _messages(self) -> list[Message]:
        """The whole messages in the buffer; a PING among them is answered."""
        found, at = [], 0
        while (end := self._buffer.find(b"\r\n", at)) >= 0:
            line = bytes(self._buffer[at:end])
            if not line.startswith((b"MSG ", b"HMSG ")):
                self._note(line)
                at = end + 2
                continue
            words = line.decode().split(" ")
            size, skip = int(words[-1]), int(words[-2]) if words[0] == "HMSG" else 0
            if size > MAX_MESSAGE:
                raise BrokerUnavailableError(f"the broker sends a message of {size} bytes")
            if len(self._buffer) < end + 4 + size:
                break
            reply = words[3] if len(words) == (5 if skip == 0 else 6) else ""
            found.append(Message(words[1], reply, bytes(self._buffer[end + 2 + skip : end + 2 + size])))
            at = end + 4 + size
        del self._buffer[:at]
        if len(self._buffer) > MAX_LINE + MAX_MESSAGE:
            raise BrokerUnavailableError("the broker sends a line without an end")
        return found

    def _note(self, line: bytes) -> None:
        if line == b"PING":
            self._out += b"PONG\r\n"
        elif line.startswith(b"-ERR") and b"Permissions Violation" not in line:
            raise BrokerUnavailableError(f"the broker says {line.decode(errors='replace')}")
