"""Asking another machine: the connection is kept, and what the other side may cost is bounded."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from traceability.errors import SettingsError, UnreachableError
from traceability.peer import Peer, require_address

Answer = Callable[[socket.socket, int], bool]
"""From a connection and how many questions came on it so far to whether it is kept."""


@contextmanager
def answering(answer: Answer) -> Iterator[tuple[str, list[bytes]]]:
    """A peer that reads a question and lets ``answer`` do the rest; where it is, and what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, connection.makefile("rb") as lines, suppress(OSError):
                    count = 0
                    while first := lines.readline():
                        asked.append(first)
                        while lines.readline() != b"\r\n":
                            pass
                        count += 1
                        if not answer(connection, count):
                            break

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/log", asked
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_one_connection_carries_many_questions():
    counts: list[int] = []

    def answer(connection: socket.socket, count: int) -> bool:
        counts.append(count)
        connection.sendall(OK)
        return True

    with answering(answer) as (address, asked), Peer(address, seconds=5, max_bytes=9) as peer:
        assert [peer.get("/a"), peer.get("/b")] == [(200, b"ok")] * 2
        assert counts == [1, 2]
        assert [line.split()[1] for line in asked] == [b"/log/a", b"/log/b"]


def test_a_connection_that_the_other_side_ended_is_made_anew_once():
    def answer(connection: socket.socket, count: int) -> bool:
        connection.sendall(OK)
        return False

    with answering(answer) as (address, _), Peer(address, seconds=5, max_bytes=9) as peer:
        assert [peer.get(path)[0] for path in ("/a", "/b", "/c")] == [200] * 3


def test_a_whole_answer_has_its_seconds_not_each_byte_of_it():
    def drip(connection: socket.socket, count: int) -> bool:
        for byte in OK * 3:
            connection.sendall(bytes([byte]))
            time.sleep(0.02)
        return False

    begun = time.monotonic()
    with answering(drip) as (address, _), Peer(address, seconds=0.2, max_bytes=9) as peer:
        with pytest.raises(UnreachableError, match=r"timed out|too long"):
            peer.get("/a")
        assert time.monotonic() - begun < 2


def test_what_stands_before_an_answer_counts_too():
    def answer(connection: socket.socket, count: int) -> bool:
        head = b"".join(b"X-%d: %s\r\n" % (i, b"a" * 30_000) for i in range(50))
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"Content-Length: 2\r\n\r\nok")
        return False

    with (
        answering(answer) as (address, _),
        Peer(address, seconds=5, max_bytes=9) as peer,
        pytest.raises(UnreachableError, match="too much"),
    ):
        peer.get("/a")


@pytest.mark.parametrize("size", ["-5", "-1", "x", "f" * 30])
def test_an_answer_in_chunks_of_no_size_is_no_answer(size: str):
    def answer(connection: socket.socket, count: int) -> bool:
        connection.sendall(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\nok\r\n".encode())
        return False

    with (
        answering(answer) as (address, _),
        Peer(address, seconds=5, max_bytes=9) as peer,
        pytest.raises(UnreachableError, match="does not answer"),
    ):
        peer.get("/a")


def test_no_redirect_is_followed():
    def answer(connection: socket.socket, count: int) -> bool:
        connection.sendall(b"HTTP/1.1 301 M\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
        return True

    with answering(answer) as (address, asked), Peer(address, seconds=5, max_bytes=9) as peer:
        assert peer.get("/a") == (301, b"")
        assert len(asked) == 1


@pytest.mark.parametrize(
    "address",
    [
        *("", "x", "ftp://x", "//x/y", "http://", "https://:80", "http://a@x", "http://x/?y", "http://x/#y"),
        *("http://x:99999", "http://x:0", "http://x /", "http://x\n", "http://\xe9.example"),
        *("http://a..b", "http://./log", f"http://{'a' * 64}.example", "http://[::1%25x]/", "http://a%20b"),
    ],
)
def test_what_is_no_address_of_a_place_is_refused(address: str):
    with pytest.raises(SettingsError):
        require_address(address)


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/log", "https://node.example", "http://[::1]:8/log/"])
def test_addresses_are_taken_as_they_are(address: str):
    assert require_address(address) == address


def test_an_ipv6_address_without_a_port_is_asked_at_the_usual_one():
    with Peer("http://[::1]/log", seconds=1, max_bytes=9) as peer:
        assert (peer._connection.host, peer._connection.port) == ("::1", 80)
