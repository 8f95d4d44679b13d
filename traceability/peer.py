"""Another machine over HTTP, asked within bytes and seconds; no redirect is followed, no proxy used."""

from __future__ import annotations

import io
import socket
import time
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from types import TracebackType
from typing import Any, Final
from urllib.parse import urlsplit

from traceability.errors import SettingsError, UnreachableError

MAX_HEADERS: Final = 16_384
"""Bytes before an answer's body."""
TEXT_TYPE: Final = "text/plain; charset=utf-8"


class Inlet(io.RawIOBase):
    """What a peer sends: only so many bytes, only until a deadline."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._left = 0
        self._deadline = 0.0

    def allow(self, count: int, seconds: float) -> None:
        """Begin a request: it may have ``count`` bytes, and take so long."""
        self._left, self._deadline = count, time.monotonic() + seconds

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there, or wait for it.

        Raises:
            TimeoutError: no bytes or no seconds are left; the connection is to be closed.
        """
        seconds = self._deadline - time.monotonic()
        if seconds <= 0 or self._left <= 0:
            raise TimeoutError("a request took too long or too much")
        self._connection.settimeout(seconds)
        count = self._connection.recv_into(memoryview(buffer)[: self._left])
        self._left -= count
        return count


class Peer:
    """What stands under one address; the connection is kept while the other side keeps it."""

    def __init__(self, address: str, *, seconds: float, max_bytes: int) -> None:
        """
        Args:
            seconds: for connecting, and again for each whole answer.
            max_bytes: of the body of an answer.

        Raises:
            SettingsError: the address is none of ``http://`` or ``https://``.
        """
        parts = urlsplit(require_address(address))
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self.address = address.rstrip("/")
        self._path, self._max_bytes, self._seconds = parts.path.rstrip("/"), max_bytes, seconds
        port = parts.port or kind.default_port  # without one it would take the end of an IPv6 address
        self._connection = kind(parts.hostname or "", port, timeout=seconds)
        self._connection.response_class = bounded(max_bytes + MAX_HEADERS, seconds)

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of what is there; raises as ``ask``."""
        return self.ask("GET", path)

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """One request, and status and body of its answer.

        Args:
            path: below the address, beginning with a slash.

        Raises:
            UnreachableError: nobody answers there, or not in time, or at too great a length.
        """
        kept = self._connection.sock is not None
        try:
            return self._ask(method, path, body)
        except (OSError, HTTPException, ValueError) as error:  # ValueError: a chunk of -5 bytes
            self._connection.close()
            if not kept or isinstance(error, TimeoutError):
                raise UnreachableError(f"{self.address}{path} does not answer: {error}") from error
        return self.ask(method, path, body)  # the other side may have ended a connection that was idle

    def _ask(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        headers = {} if body is None else {"Content-Type": TEXT_TYPE}
        self._connection.request(method, f"{self._path}{path}", body, headers)
        response = self._connection.getresponse()
        answer = response.read(self._max_bytes + 1)
        if len(answer) > self._max_bytes:
            self._connection.close()
            raise UnreachableError(f"{self.address}{path} answers with more than {self._max_bytes} bytes")
        if self._connection.sock is not None:
            self._connection.sock.settimeout(self._seconds)
        return response.status, answer


def require_address(address: str) -> str:
    """An address that can be asked, as it is.

    Raises:
        SettingsError: it is no URL of a host, or says more than a place.
    """
    try:
        parts = urlsplit(address)
        fits = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        (parts.hostname or "").encode("idna")  # as connecting does: no label is empty or too long
    except ValueError:
        fits = False
    else:
        fits = fits and not (parts.query or parts.fragment or set("@%") & set(parts.netloc))
    if not fits or not address.isascii() or not address.isprintable() or " " in address:
        raise SettingsError(f"no address of the form https://host/path: {address[:200]!r}")
    return address


def bounded(max_bytes: int, seconds: float) -> type[HTTPResponse]:
    """A class of answers of which only so many bytes are read, only so long."""

    class Bounded(HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
            super().__init__(sock, *args, **options)
            inlet = _Tied(sock, self.fp)
            inlet.allow(max_bytes, seconds)
            self.fp = io.BufferedReader(inlet)

    return Bounded


class _Tied(Inlet):
    """An inlet whose connection stays open as long as a file on it."""

    def __init__(self, connection: socket.socket, file: io.BufferedIOBase) -> None:
        super().__init__(connection)
        self._file = file

    def close(self) -> None:
        """Let the connection go."""
        self._file.close()
        super().close()
