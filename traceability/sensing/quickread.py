"""Reading very many frames: what the strict readers accepted before, byte for byte, is accepted again.

A log holds millions of frames, and those of one device hardly differ: the same names, units and offsets,
and few different values. A ``QuickReader`` splits a frame where the strict readers would, and looks the
pieces up among those that they accepted. Whatever it does not know, it leaves to them: it never refuses,
and it accepts nothing that ``frame.parse_statement`` and ``readings`` would not.

Why that is sound: CBOR items delimit themselves. A piece is one whole record of a pack, encoded by
``cbor.encode`` from a reading that was accepted; pieces that fill an array, each of them known, are what
the strict reader would find there. Times are taken over only where they are whole milliseconds behind a
whole base time, where the rule of ``senml`` comes to the sum of both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from traceability import media
from traceability.sensing.frame import DeviceStatement
from traceability.sensing.senml import MAX_READINGS, Reading
from traceability.signing import cbor, cose

MAX_KNOWN: Final = 100_000
"""Pieces that are kept at most; some 20 MB. Then the reader begins anew."""

_U32: Final = rb"[\x00-\x17]|\x18[\x18-\xff]|\x19(?!\x00)..|\x1a(?!\x00\x00)...."
_U64: Final = _U32 + rb"|\x1b(?!\x00\x00\x00\x00)........"
_SIZE: Final = rb"(?:\x58[\x18-\xff]|\x59[\x01-\xff].)"
_CONTENT, _TYP = (re.escape(cbor.encode(text)) for text in (media.SENML_CBOR, media.FRAME))
_MESSAGE: Final = re.compile(
    rb"\xd2\x84(?P<head>"
    + _SIZE
    + rb")(?P<labels>[\xaa\xab])\x01\x32\x03"
    + _CONTENT
    + rb"\x04\x50(?P<kid>.{16})"
    rb"\x0f\xa3\x01\x78(?P<issuers>[\x18-\xff])(?P<issuer>[!-~]+)"
    rb"\x02\x78(?P<streams>[\x18-\xff])(?P<stream>[!-~]+)\x06\x1a[\x10-\xff]...\x10"
    + _TYP
    + rb"\x3a\x00\x01\x00\x00(?P<counter>"
    + _U64
    + rb")\x3a\x00\x01\x00\x01(?P<boot>"
    + _U32
    + rb")\x3a\x00\x01\x00\x02\x58\x20(?P<prev>.{32})\x3a\x00\x01\x00\x03(?:"
    + _U32
    + rb")\x3a\x00\x01\x00\x04[\x01-\x03](?P<beacon>\x3a\x00\x01\x00\x05\x58\x20.{32})?"
    + rb"(?P<bare>\xa0)(?P<tail>"
    + _SIZE
    + rb")(?P<payload>.+)\x58\x40(?P<signature>.{64})",
    re.DOTALL,
)
"""A signed frame whose device has a clock: every label of ``frame``, each number in its shortest form."""

_USUAL: Final = b"\xa3\x00"
"""How a record with name, value and time begins, which is in the base unit."""
_OTHERS: Final = re.compile(rb"(?=[\xa2-\xa4]\x00)")
_NAME, _UNIT, _VALUE, _TIME = 0, 1, 2, 6
_BASE_UNIT: Final = 0x23
_TEXT: Final = 0x60
_OLDEST: Final = 0x10
"""First byte of a base time that is no uptime (2**28 s) and has four bytes."""
_SIGNED: Final = b"\x84\x6aSignature1"
_MAX_OFFSET_MS: Final = 2**40

_Piece = tuple[int, str]
"""Time of a reading in ms behind the base time, and its name."""


@dataclass(frozen=True, slots=True)
class QuickFrame:
    """What a frame says, as ``frame.DeviceStatement`` has it; its signature is not checked yet.

    ``signed`` are the bytes under the signature (RFC 9052 4.4); ``span`` the times of the first and of the
    last reading in ms.
    """

    issuer: str
    stream: str
    kid: bytes
    counter: int
    boot: int
    prev: bytes
    signed: bytes
    signature: bytes
    span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Pack:
    """A pack taken apart: its first record without the base, the base, and the records behind it.

    Where all of these begin with ``_USUAL``, they are without it: a record with its head and one without
    cannot be taken for one another, for the one begins with a map and the other with a text.
    """

    first: bytes
    base_ms: int
    unit: bytes
    pieces: list[bytes]


class QuickReader:
    """Reads frames, and remembers the pieces of those that the strict readers accepted."""

    def __init__(self) -> None:
        self._names: dict[tuple[bytes, bytes], tuple[str, str]] = {}
        self._pieces: dict[bytes, dict[bytes, _Piece]] = {}
        self._known = 0

    def read(self, data: bytes) -> QuickFrame | None:
        """A frame of which all is known; None for everything else."""
        match = _MESSAGE.fullmatch(data)
        if match is None or len(data) > cose.MAX_BYTES:
            return None
        labels, issuers, issuer, streams, stream, beacon, payload = match.group(
            "labels", "issuers", "issuer", "streams", "stream", "beacon", "payload"
        )
        names = self._names.get((issuer, stream))
        if names is None or (labels == b"\xab") != (beacon is not None):
            return None
        if (issuers[0], streams[0]) != (len(issuer), len(stream)):
            return None
        begin, end = match.start("labels"), match.start("bare")
        head, kid, counter, boot, prev, tail, signature = match.group(
            "head", "kid", "counter", "boot", "prev", "tail", "signature"
        )
        if _number(head) != end - begin or _number(tail) != len(payload):
            return None
        span = self._span(payload, issuer)
        if span is None:
            return None
        signed = b"".join((_SIGNED, head, data[begin:end], b"\x40", tail, payload))
        return QuickFrame(*names, kid, _number(counter), _number(boot), prev, signed, signature, span)

    def learn(self, statement: DeviceStatement) -> None:
        """Remember the pieces of a frame whose ``readings`` were accepted."""
        if self._known >= MAX_KNOWN:
            self._names, self._pieces, self._known = {}, {}, 0
        issuer = statement.issuer.encode()
        pack, readings = _take_apart(statement.payload, issuer), statement.readings()
        if pack is None or len(pack.pieces) + 1 != len(readings):
            return
        self._names[issuer, statement.stream.encode()] = (statement.issuer, statement.stream)
        known, unit = self._pieces.setdefault(pack.unit, {}), readings[0].unit
        for piece, reading in zip([b"\xa2" + pack.first, *pack.pieces], readings, strict=True):
            offset_ms = reading.at_ms - pack.base_ms
            if piece not in known and piece == _encoded(reading, offset_ms, unit, piece[:1]):
                known[piece] = (offset_ms, reading.name)
                self._known += 1

    def _span(self, payload: bytes, issuer: bytes) -> tuple[int, int] | None:
        """The times of a pack's first and last reading; None if something in it is not known."""
        pack = _take_apart(payload, issuer)
        if pack is None:
            return None
        known = self._pieces.get(pack.unit, {})
        read = set(map(known.get, pack.pieces))
        read.add(known.get(b"\xa2" + pack.first))
        if len(read) != len(pack.pieces) + 1:  # a channel appears twice at one instant
            return None
        readings = [piece for piece in read if piece is not None]
        if len(readings) != len(read):
            return None
        return pack.base_ms, pack.base_ms + max(readings)[0]


def _take_apart(payload: bytes, issuer: bytes) -> _Pack | None:
    """A pack in the form that ``senml.encode_pack`` gives it; None for any other."""
    base = b"\x21\x78" + bytes([len(issuer) + 1 & 0xFF]) + issuer + b"/\x22\x1a"
    at = payload.find(base)
    time = at + len(base)
    if at < 0 or len(payload) < time + 6:
        return None
    unit = time + 6 + payload[time + 5] - _TEXT
    if payload[time] < _OLDEST or payload[time + 4] != _BASE_UNIT or not time + 6 < unit < time + 30:
        return None
    records = payload[unit:]
    plain = b"\xa4\x00" not in records and b"\xa2\x00" not in records
    pieces = records.split(_USUAL) if plain else _OTHERS.split(records)
    count = len(pieces)
    begin = cbor.head(4, count) + b"\xa5"
    if pieces[0] or count > MAX_READINGS or not payload.startswith(begin):
        return None
    base_ms = int.from_bytes(payload[time : time + 4], "big") * 1000
    return _Pack(payload[len(begin) : at], base_ms, payload[time + 6 : unit], pieces[1:])


def _encoded(reading: Reading, offset_ms: int, base_unit: str, begin: bytes) -> bytes | None:
    """The one piece that says this and begins so; None where its time is not one behind every base time."""
    if not 0 <= offset_ms < _MAX_OFFSET_MS:
        return None
    record: dict[int, object] = {_NAME: reading.name, _VALUE: reading.value}
    if offset_ms:
        record[_TIME] = offset_ms / 1000 if offset_ms % 1000 else offset_ms // 1000
    if reading.unit != base_unit:
        record[_UNIT] = reading.unit
    data = cbor.encode(record)
    return data if data.startswith(begin) else data.removeprefix(_USUAL)


def _number(item: bytes) -> int:
    """The argument in the head of an item."""
    return int.from_bytes(item[1:], "big") if len(item) > 1 else item[0]
