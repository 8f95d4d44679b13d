"""The packets of MQTT 3.1.1 that a subscriber at QoS 1 needs: CONNECT to DISCONNECT, no QoS 2, no will.

Source: OASIS, "MQTT Version 3.1.1" (2014); section numbers are its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from traceability.errors import MalformedError


class Kind(IntEnum):
    """Control packet types (2.2.1)."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    SUBSCRIBE = 8
    SUBACK = 9
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


REFUSED: Final = 0x80
"""What a SUBACK answers for a filter that is not granted (3.9.3)."""
REFUSALS: Final = {
    1: "it does not speak MQTT 3.1.1",
    2: "it refuses the client's name",
    3: "it serves nobody for now",
    4: "user name or password are wrong",
    5: "this client may not connect",
}
"""What a CONNACK says (3.2.2.3)."""
PINGREQ: Final = bytes([Kind.PINGREQ << 4, 0])
DISCONNECT: Final = bytes([Kind.DISCONNECT << 4, 0])
_PUBACK: Final = bytes([Kind.PUBACK << 4, 2])


class Packet(NamedTuple):
    """The first byte, type and flags, and what follows the length."""

    first: int
    body: bytes

    @property
    def kind(self) -> int:
        return self.first >> 4


class Published(NamedTuple):
    """What a PUBLISH brings; ``mid`` is 0 at QoS 0. ``topic`` is as it came, and may be no text."""

    topic: bytes
    payload: bytes
    mid: int
    dup: bool


def connect(client: str, keepalive_s: int, user: tuple[str, str] | None) -> bytes:
    """CONNECT to a session that lasts (3.1)."""
    flags, texts = (0, [client]) if user is None else (0xC0, [client, *user])
    head = b"\x00\x04MQTT\x04" + bytes([flags]) + keepalive_s.to_bytes(2, "big")
    return _packet(Kind.CONNECT << 4, head + b"".join(_text(text.encode()) for text in texts))


def subscribe(mid: int, filters: Sequence[str]) -> bytes:
    """SUBSCRIBE at QoS 1 (3.8)."""
    asked = b"".join(_text(each.encode()) + b"\x01" for each in filters)
    return _packet(Kind.SUBSCRIBE << 4 | 2, mid.to_bytes(2, "big") + asked)


def publish(topic: str, payload: bytes) -> bytes:
    """PUBLISH at QoS 0 (3.3)."""
    return _packet(Kind.PUBLISH << 4, _text(topic.encode()) + payload)


def pubacks(mids: Iterable[int]) -> bytes:
    """A PUBACK for each (3.4)."""
    return b"".join([_PUBACK + mid.to_bytes(2, "big") for mid in mids])


def split(data: bytes) -> tuple[list[Packet], int, int]:
    """The whole packets at the beginning of a stream.

    Returns:
        They; how many bytes they take; and how many there must be behind those for the next.

    Raises:
        MalformedError: a length that no packet has.
    """
    found, at, there = list[Packet](), 0, len(data)
    while at + 2 <= there:
        length, begin = data[at + 1], at + 2
        if length > 127:
            length &= 127
            while begin < there:
                byte, begin = data[begin], begin + 1
                length |= (byte & 127) << 7 * (begin - at - 2)
                if byte < 128:
                    break
                if begin - at == 5:
                    raise MalformedError("a packet whose length has more than four bytes")
            else:
                return found, at, begin - at + 1
        if (end := begin + length) > there:
            return found, at, end - at
        found.append(Packet(data[at], data[begin:end]))
        at = end
    return found, at, 2


def connected(packet: Packet) -> int:
    """The code of a CONNACK (3.2): 0, or one of ``REFUSALS``.

    Raises:
        MalformedError: it is none.
    """
    if len(packet.body) != 2:
        raise MalformedError("an answer to CONNECT that is none of MQTT 3.1.1")
    return packet.body[1]


def granted(packet: Packet, filters: int) -> bool:
    """Whether a SUBACK (3.9) grants every one of so many filters."""
    codes = packet.body[2:]
    return len(codes) == filters and max(codes, default=0) < REFUSED


def published(packet: Packet) -> Published:
    """Read a PUBLISH.

    Raises:
        MalformedError: it is none of QoS 0 or 1.
    """
    first, body = packet
    end = 2 + (body[0] << 8 | body[1]) if len(body) >= 2 else 2
    if not first & 0x06 and end <= len(body):
        return Published(body[2:end], body[end:], 0, False)
    begin = end + 2
    if first & 0x06 != 0x02 or begin > len(body):
        raise MalformedError("a message that is none of MQTT")
    mid = body[end] << 8 | body[end + 1]
    if not mid:
        raise MalformedError("a message at QoS 1 without a number")
    return Published(body[2:end], body[begin:], mid, first & 0x08 != 0)


def _packet(first: int, body: bytes) -> bytes:
    return bytes([first]) + _length(len(body)) + body


def _text(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def _length(size: int) -> bytes:
    """Remaining Length (2.2.3)."""
    size, low = divmod(size, 128)
    return bytes([low | 0x80]) + _length(size) if size else bytes([low])
