"""Statements in the usual form, split fast: what devices repeat is read once, the rest by a pattern.

Algorithm, media types, key id, device and stream are the same in nearly all statements of a device.
`frame` reads the first of them item by item, and hands those bytes in here; in later ones they are
compared as bytes, and only what differs is read. What has not exactly this form is read item by item.

    D2 84 bytes{AA or AB, 01 32 03 type 04 50 kid 0F (A2 or A3) 01 iss 02 sub ?(06 iat) 10 typ,
                counter, boot, prev, uptime, clock, ?beacon}  A0  bytes{payload}  58 40 signature
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, cast

from traceability.errors import EncodingError
from traceability.signing import cbor, cose

REMEMBERED: Final = 32_768
"""Of so many devices and streams the beginning is kept; past it all are forgotten."""

_TEXT: Final = rb"(?:[\x60-\x77]|\x78.|\x79..)[!-~]++"
_TYPE: Final = rb"(?:[\x60-\x77]|\x78.)[!-9;-~]++"
"""A media type: no colon, which is how the next label begins."""
_UINT: Final = rb"([\x00-\x17]|\x18.|\x19..|\x1a.{4}|\x1b.{8})"
_ISS, _SUB, _IAT = 1, 2, 6
_OWN: Final = range(-65537, -65543, -1)
_LEAST: Final = {2: 24, 3: 1 << 8, 5: 1 << 16, 9: 1 << 32}
"""By the length of an item, the smallest number for which no shorter one would do."""
_PREV: Final = rb"\x58\x20(.{32})"


def _labelled(label: int, item: bytes) -> bytes:
    """A header of our own: its label, see `frame`, and what follows."""
    return re.escape(cbor.encode(label)) + item


_STATEMENT: Final = re.compile(
    rb"\xd2\x84(\x58.|\x59..)([\xaa\xab])"
    rb"(\x01\x32\x03%b\x04\x50.{16}\x0f)([\xa2\xa3])(\x01%b\x02%b)(?:\x06%b)?+(\x10%b)"
    rb"%b%b%b%b%b(?:%b)?+\xa0"
    % (
        *(_TYPE, _TEXT, _TEXT, _UINT, _TYPE),
        *map(_labelled, _OWN, (_UINT, _UINT, _PREV, _UINT, rb"([\x00-\x03])", _PREV)),
    ),
    re.DOTALL,
)


class _Same(NamedTuple):
    """What all statements of a device about a stream say in the same bytes."""

    typ: str
    content_type: str
    kid: bytes
    claims: dict[int, object]


_known: dict[tuple[bytes, bytes, bytes], _Same] = {}


def remember(statement: cose.Sign1) -> None:
    """Let later statements that begin alike be split here; this one was read item by item.

    Args:
        statement: a device's, its header checked in full.
    """
    if len(_known) >= REMEMBERED:
        _known.clear()
    claims = cast("dict[int, object]", statement.protected[cose.CLAIMS])
    names = {label: claims[label] for label in (_ISS, _SUB)}
    texts = map(cbor.encode, (statement.content_type, *names.values()))
    head = b"\x01\x32\x03%b\x04\x50%b\x0f" % (next(texts), statement.kid)
    key = (head, b"\x01%b\x02%b" % tuple(texts), b"\x10" + cbor.encode(statement.typ))
    _known[key] = _Same(statement.typ, statement.content_type, statement.kid, names)


def split(data: bytes) -> cose.Sign1 | None:
    """What ``cose.parse_sign1`` would answer; None for another form, and what begins like none known."""
    found = _STATEMENT.match(data)
    if found is None or len(data) > cose.MAX_BYTES:
        return None
    size, labels, head, claimed, names, iat, typ, counter, boot, prev, uptime, clock, beacon = found.groups()
    same, end = _known.get((head, names, typ)), found.end()
    protected, sized = data[found.end(1) : end - 1], data[end:-66]
    payload = sized[len(cbor.head(2, max(len(sized) - 2, 0))) :]
    counted = labels[0] == 0xAA + (beacon is not None) and claimed[0] == 0xA2 + (iat is not None)
    if same is None or not counted or size != cbor.head(2, len(protected)):
        return None
    if sized != cbor.head(2, len(payload)) + payload or data[-66:-64] != b"\x58\x40":
        return None
    headers: dict[int, object] = {
        cose.ALG: cose.ED25519,
        cose.CONTENT_TYPE: same.content_type,
        cose.KID: same.kid,
        cose.CLAIMS: same.claims,
        cose.TYP: same.typ,
    }
    try:
        if iat is not None:
            headers[cose.CLAIMS] = same.claims | {_IAT: _uint(iat)}
        headers |= zip(_OWN, (_uint(counter), _uint(boot), prev, _uint(uptime), clock[0]), strict=False)
    except EncodingError:
        return None
    if beacon is not None:
        headers[_OWN[-1]] = beacon
    return cose.Sign1(same.typ, same.content_type, same.kid, headers, protected, payload, data[-64:])


def _uint(item: bytes) -> int:
    """The number of an item; raises EncodingError if its head is not the shortest."""
    if len(item) == 1:
        return item[0]
    number = int.from_bytes(item[1:], "big")
    if number < _LEAST[len(item)]:
        raise EncodingError("a CBOR head is not the shortest")
    return number
