"""The fast way to read a pack answers as the slow one does, or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sensing.test_senml import BASE, NOW_MS, readings_of
from traceability.errors import TraceabilityError
from traceability.sensing import senml, usualpack
from traceability.sensing.senml import Reading, encode_pack
from traceability.signing import cbor

TEMPERATURES = [Reading("air", "Cel", NOW_MS + 10_000 * n, n / 16) for n in range(60)]
MIXED = [
    Reading("air", "Cel", NOW_MS, 4.5),
    Reading("rh", "%RH", NOW_MS + 250, 80),
    Reading("air", "Cel", NOW_MS - 70_000, -18),
    Reading("battery-level", "%EL", NOW_MS, 99.0625),
]


def plain(said: usualpack.Split) -> str:
    """All of it as text: an int and a float count as different."""
    return repr((said[0], *map(tuple, said[1:])))


def slowly(data: bytes) -> str | None:
    try:
        return plain(senml._split(data, BASE))
    except TraceabilityError:
        return None


def check(data: bytes) -> None:
    """What is split is what the slow way reads."""
    found = usualpack.split(data, BASE)
    assert found is None or plain(found) == slowly(data), data.hex()


@given(st.booleans().flatmap(lambda absolute: st.tuples(st.just(absolute), readings_of(absolute=absolute))))
def test_every_pack_of_our_own_is_split_as_the_slow_way_reads_it(case: tuple[bool, list[Reading]]) -> None:
    absolute, readings = case
    data = encode_pack(BASE, readings, absolute=absolute)
    assert usualpack.split(data, BASE) is not None
    check(data)


@pytest.mark.parametrize("readings", [TEMPERATURES[:4], MIXED], ids=["one-channel", "mixed"])
def test_a_changed_byte_is_split_as_the_slow_way_reads_it(readings: list[Reading]) -> None:
    data = encode_pack(BASE, readings, absolute=True)
    for place in range(len(data)):
        for byte in {
            0,
            1,
            2,
            0x18,
            0x19,
            0x1F,
            0x61,
            0x78,
            0xA2,
            0xA3,
            0xA4,
            0xF9,
            0xFA,
            0xFF,
            data[place] ^ 1,
        }:
            check(data[:place] + bytes((byte,)) + data[place + 1 :])
        check(data[:place] + data[place + 1 :])
        check(data[:place] + b"\x00" + data[place:])


PARTS = (
    *(b"\xa2", b"\xa3", b"\xa4", b"\x00\x61a", b"\x00\x62a", b"\x00\x78\x01a", b"\x01\x63Cel"),
    *(b"\x02\x04", b"\x02\x18\x04", b"\x02\xfa\x40\x90\x00\x00", b"\x02\xf9\x7e\x00"),
    *(b"\x02\xfb\x40\x12\x00\x00\x00\x00\x00\x01", b"\x06\x0a", b"\x06\x39\x00\x05"),
)


@given(st.lists(st.sampled_from(PARTS), max_size=14))
def test_whatever_follows_the_first_record_is_split_as_the_slow_way_reads_it(parts: list[bytes]) -> None:
    records = b"".join(parts)
    first = cbor.encode([{-2: BASE, -3: 1_760_000_000, -4: "Cel", 0: "temp", 2: 4}])[1:]
    for count in range(1, 6):
        check(cbor.head(4, count) + first + records)


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "a value that is not the shortest": lambda d: d.replace(b"\x02\xf9\x3c\x00", b"\x02\xfa\x3f\x80\x00\x00"),
    "a name longer than it says": lambda d: d.replace(b"\x00\x63air", b"\x00\x63airs", 1),
    "a wrong count of records": lambda d: b"\x98\x3d" + d[2:],
    "a wrong count of labels": lambda d: d.replace(b"\xa3\x00\x63air", b"\xa2\x00\x63air", 1),
    "an array head that is not the shortest": lambda d: b"\x99\x00\x3c" + d[2:],
    "another device's name": lambda d: d.replace(b"0123456789abcdef", b"0123456789abcdee", 1),
    "a byte after the end": lambda d: d + b"\x00",
    "not a number": lambda d: d.replace(b"\x02\xf9\x3c\x00", b"\x02\xf9\x7e\x00"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_the_slow_way_refuses_is_not_split(change: str) -> None:
    data = encode_pack(BASE, TEMPERATURES, absolute=True)
    changed = CHANGES[change](data)
    assert changed != data
    assert slowly(changed) is None
    assert usualpack.split(changed, BASE) is None


def test_the_usual_pack_is_read_without_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(senml, "_split")
    data = encode_pack(BASE, TEMPERATURES, absolute=True)
    assert senml.parse_pack(data, base_name=BASE, absolute=True) == tuple(TEMPERATURES)


def test_items_beyond_a_number_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usualpack, "REMEMBERED", 10)
    usualpack._numbers.clear()
    check(encode_pack(BASE, TEMPERATURES, absolute=True))
    assert len(usualpack._numbers) <= 10
