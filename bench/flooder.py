"""``python -m bench.flooder URL FILE SECONDS RATE [CLIENT USER PASSWORD]``: publishes at QoS 1 without end.

FILE holds messages, each as two netstrings (topic, payload); after the last it begins anew. At most
``WINDOW`` are unacknowledged, and RATE a second are sent; 0 is as fast as the broker takes them.
Thrown out, it comes back as often as it can. Prints how many were acknowledged.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

WINDOW: Final = 1_000
PIECE: Final = 50
AGAIN_S: Final = 0.2
PUBACK_BYTES: Final = 4

Packet = tuple[bytes, bytes]


def write_messages(path: Path, messages: list[tuple[str, bytes]]) -> None:
    """Write a FILE."""
    with path.open("wb") as out:
        for topic, payload in messages:
            for part in (topic.encode(), payload):
                out.write(b"%d:%b," % (len(part), part))


def main(url: str, path: Path, seconds: float, rate: float, shown: list[str]) -> int:
    """Flood; returns how many messages the broker acknowledged."""
    parts, had, until_s = urlsplit(url), 0, time.monotonic() + seconds
    packets = cycle(_packets(path.read_bytes()))
    while time.monotonic() < until_s:
        with (
            suppress(OSError),
            socket.create_connection((str(parts.hostname), parts.port or 1883), 5.0) as line,
        ):
            line.sendall(_connect(*shown) if shown else _connect("flooder"))
            if line.recv(4) == b"\x20\x02\x00\x00":
                for number in _flood(line, packets, until_s, rate):
                    had += number
        time.sleep(AGAIN_S)
    return had


def _flood(line: socket.socket, packets: Iterator[Packet], until_s: float, rate: float) -> Iterator[int]:
    """Send on one connection; yields how many were acknowledged each time."""
    sent, had, began_s = 0, 0, time.monotonic()
    while (now_s := time.monotonic()) < until_s:
        if rate and sent > (now_s - began_s) * rate:
            time.sleep(PIECE / rate)
        if sent - had + PIECE <= WINDOW:
            some = (_numbered(packet, sent + i) for i, packet in enumerate(islice(packets, PIECE)))
            line.sendall(b"".join(some))
            sent += PIECE
        if sent - had + PIECE > WINDOW:
            data = line.recv(65_536)
            if not data:
                return
            number = len(data) // PUBACK_BYTES
            had += number
            yield number


def _packets(data: bytes) -> list[Packet]:
    """Each message as a PUBLISH in two parts, before and behind its packet identifier."""
    texts, place = list[bytes](), 0
    while place < len(data):
        colon = data.index(b":", place)
        end = colon + 1 + int(data[place:colon])
        texts.append(data[colon + 1 : end])
        place = end + 1
    return [_publish(*pair) for pair in zip(texts[::2], texts[1::2], strict=True)]


def _publish(topic: bytes, payload: bytes) -> Packet:
    size = 2 + len(topic) + 2 + len(payload)
    return b"\x32" + _length(size) + len(topic).to_bytes(2, "big") + topic, payload


def _numbered(packet: Packet, number: int) -> bytes:
    return packet[0] + (number % 65_535 + 1).to_bytes(2, "big") + packet[1]


def _connect(*texts: str) -> bytes:
    """CONNECT with a clean session: client identifier, and user name and password if there are."""
    flags = b"\xc2" if len(texts) > 1 else b"\x02"
    body = b"\x00\x04MQTT\x04" + flags + b"\x00\x3c"
    body += b"".join(len(text.encode()).to_bytes(2, "big") + text.encode() for text in texts)
    return b"\x10" + _length(len(body)) + body


def _length(size: int) -> bytes:
    """Remaining Length, MQTT 3.1.1 section 2.2.3."""
    size, low = divmod(size, 128)
    return bytes([low | 0x80]) + _length(size) if size else bytes([low])


if __name__ == "__main__":
    print(main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), sys.argv[5:]))
