"""MQTT 3.1.1 as the gateway speaks it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import packets
from gateway.packets import Packet, Published
from traceability.errors import MalformedError

LENGTHS = {
    0: "00",
    127: "7f",
    128: "8001",
    16_383: "ff7f",
    16_384: "808001",
    2_097_151: "ffff7f",
    2_097_152: "80808001",
}
"""Table 2.4 of the standard, as far as it fits into a test's memory at once."""


def message(topic: bytes, payload: bytes, mid: int, first: int = 0x32) -> bytes:
    """A PUBLISH as a broker sends it."""
    number = mid.to_bytes(2, "big") if first & 0x06 else b""
    body = len(topic).to_bytes(2, "big") + topic + number + payload
    return bytes([first]) + length(len(body)) + body


def length(size: int) -> bytes:
    digits = []
    while True:
        size, digit = divmod(size, 128)
        digits.append(digit | (0x80 if size else 0))
        if not size:
            return bytes(digits)


@pytest.mark.parametrize(("size", "written"), LENGTHS.items())
def test_lengths_are_those_of_the_standard(size: int, written: str):
    data = b"\x30" + bytes.fromhex(written) + bytes(size)
    (packet,), taken, _ = packets.split(data)
    assert (len(packet.body), taken) == (size, len(data))
    if size > 3:
        assert packets.publish("t", bytes(size - 3))[1:-size] == bytes.fromhex(written)


@given(
    st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=300)), max_size=20),
    st.lists(st.integers(0, 6000), max_size=20),
)
def test_a_stream_is_the_same_packets_however_it_is_cut(some: list[tuple[int, bytes]], cuts: list[int]):
    stream = b"".join(bytes([first]) + length(len(body)) + body for first, body in some)
    places = sorted({0, *(cut for cut in cuts if cut < len(stream)), len(stream)})
    found, rest, needed = list[Packet](), b"", 2
    for begin, end in pairwise(places):
        rest += stream[begin:end]
        before = len(rest)
        more, taken, needed = packets.split(rest)
        found += more
        rest = rest[taken:]
        assert needed > before - taken, "it waits for more than there is, else it would never go on"
    assert found == [Packet(*each) for each in some]
    assert not rest


@given(st.binary(max_size=200))
def test_noise_is_packets_or_refused(data: bytes):
    try:
        found, taken, needed = packets.split(data)
    except MalformedError:
        return
    assert taken <= len(data) < taken + needed
    for packet in found:
        try:
            read = packets.published(packet)
        except MalformedError:
            continue
        assert len(read.topic) + len(read.payload) <= len(packet.body) - 2


def test_a_length_without_end_is_refused():
    assert packets.split(b"\x30\xff\xff\xff") == ([], 0, 5)
    assert packets.split(b"\x30\xff\xff\xff\x7f")[1:] == (0, 5 + 268_435_455)
    with pytest.raises(MalformedError, match="four bytes"):
        packets.split(b"\x30\xff\xff\xff\xff\x01")


@pytest.mark.parametrize(
    ("first", "read"),
    [
        (0x30, Published(b"a/b", b"xyz", 0, False)),
        (0x32, Published(b"a/b", b"xyz", 259, False)),
        (0x3A, Published(b"a/b", b"xyz", 259, True)),
    ],
)
def test_a_message_is_read(first: int, read: Published):
    (packet,), _, _ = packets.split(message(b"a/b", b"xyz", 259, first))
    assert packets.published(packet) == read


@pytest.mark.parametrize(
    "body",
    [
        (0x32, b""),
        (0x30, b"\x00"),
        (0x30, b"\x00\x02a"),
        (0x32, b"\x00\x01a\x01"),
        (0x32, b"\x00\x01a\x00\x00"),
        (0x34, b"\x00\x01a\x00\x01"),
        (0x36, b"\x00\x01a\x00\x01"),
    ],
)
def test_what_is_no_message_at_qos_0_or_1_is_refused(body: tuple[int, bytes]):
    with pytest.raises(MalformedError):
        packets.published(Packet(*body))


def test_what_it_says_is_what_the_standard_asks_for():
    """Written by hand from sections 3.1, 3.4, 3.8 and 3.12 to 3.14."""
    assert packets.connect("g", 15, None) == bytes.fromhex("100d 0004 4d515454 04 00 000f 0001 67")
    said = packets.connect("g", 15, ("u", "pw"))
    assert said == bytes.fromhex("1014 0004 4d515454 04 c0 000f 0001 67 0001 75 0002 7077")
    assert packets.subscribe(1, ["a/+", "b"]) == bytes.fromhex("820c 0001 0003 612f2b 01 0001 62 01")
    assert packets.publish("a", b"xy") == bytes.fromhex("3005 0001 61 7879")
    assert packets.pubacks([1, 65_535]) == bytes.fromhex("4002 0001 4002 ffff")
    assert bytes.fromhex("c000 e000") == packets.PINGREQ + packets.DISCONNECT


def test_answers_are_read():
    assert packets.connected(Packet(0x20, b"\x01\x00")) == 0
    assert packets.REFUSALS[packets.connected(Packet(0x20, b"\x00\x05"))] == "this client may not connect"
    with pytest.raises(MalformedError):
        packets.connected(Packet(0x20, b"\x00"))
    for codes, all_granted in ((b"\x01\x00", True), (b"\x01\x80", False), (b"\x01", False), (b"", False)):
        assert packets.granted(Packet(0x90, b"\x00\x01" + codes), 2) is all_granted
