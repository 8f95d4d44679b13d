"""Deterministic CBOR: for every value one encoding, and no other is read.

The profile is RFC 8949 4.2.1 (shortest heads and floats, definite lengths, map
keys in bytewise order of their encodings) narrowed to what signed statements need:

    value = null / bool / int / float / bytes / text / [* value] / {* (int / text) => value}

Integers fit 64 bits (major types 0 and 1), floats are finite, text is UTF-8.
Tags, undefined, other simple values, duplicate keys and trailing bytes are refused.
So ``encode(decode(data)) == data`` for everything that is accepted, and ``decode``
needs no second pass to know it: each item is checked where it is read.

A generic library is the oracle of the tests, not the parser: it resolves tags
(shared references, patterns, big numbers) before a caller can refuse them.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from typing import Final

from traceability.errors import EncodingError

MAX_DEPTH: Final = 4
"""Containers within one another, unless the caller says otherwise; a bare number has depth 0."""

_ARGUMENTS: Final = tuple(
    (struct.Struct(form), least)
    for form, least in ((">B", 24), (">H", 1 << 8), (">I", 1 << 16), (">Q", 1 << 32))
)
"""Of the heads with 1, 2, 4 and 8 bytes more: their form, and the least number that needs it."""

_BYTES: Final = tuple(bytes((n,)) for n in range(256))
_HALF: Final = struct.Struct(">e")
_SINGLE: Final = struct.Struct(">f")
_DOUBLE: Final = struct.Struct(">d")


def encode(value: object, *, max_depth: int = MAX_DEPTH) -> bytes:
    """Encode a value; tuples count as arrays, any `Mapping` as a map.

    Raises:
        EncodingError: a type, number, key or text outside the profile, or nested too deep.
    """
    out = bytearray()
    _write(out, value, max_depth)
    return bytes(out)


def decode(data: bytes, *, max_depth: int = MAX_DEPTH) -> object:
    """Decode exactly one item: int, float, bool, None, bytes, str, list or dict.

    Raises:
        EncodingError: anything that `encode` would not have produced, or nested too deep.
    """
    try:
        value, end = _READERS[data[0]](data, 0, max_depth)
    except (IndexError, struct.error):
        raise EncodingError("the CBOR item ends early") from None
    if end != len(data):
        raise EncodingError(f"{len(data) - end} bytes follow the CBOR item")
    return value


def head(major: int, argument: int) -> bytes:
    """The shortest head of an item: major type (0 to 7) and argument (RFC 8949 3).

    Raises:
        EncodingError: the argument is 2^64 or more.
    """
    if argument < 24:
        return _BYTES[major << 5 | argument]
    if argument < 256:
        return bytes((major << 5 | 24, argument))
    if argument < 65_536:
        return bytes((major << 5 | 25, argument >> 8, argument & 255))
    for code, (form, _) in enumerate(_ARGUMENTS, 24):
        if argument < 1 << 8 * form.size:
            return bytes((major << 5 | code,)) + form.pack(argument)
    raise EncodingError("a CBOR number needs more than 64 bits")


def _write(out: bytearray, value: object, depth: int) -> None:
    if isinstance(value, bool) or value is None:
        out.append(0xF6 if value is None else 0xF4 + value)
    elif isinstance(value, int):
        out += _int(value)
    elif isinstance(value, float):
        out += _float(value)
    elif isinstance(value, str):
        out += _text(value)
    elif isinstance(value, bytes):
        out += head(2, len(value)) + value
    elif depth == 0:
        raise EncodingError("a CBOR value is nested too deep")
    elif isinstance(value, (list, tuple)):
        out += head(4, len(value))
        for item in value:
            _write(out, item, depth - 1)
    elif isinstance(value, Mapping):
        out += head(5, len(value))
        entries = {_key(key): item for key, item in value.items()}
        for key in sorted(entries):
            out += key
            _write(out, entries[key], depth - 1)
    else:
        raise EncodingError(f"no CBOR form for {type(value).__name__}")


def _key(key: object) -> bytes:
    if isinstance(key, str):
        return _text(key)
    if isinstance(key, int) and not isinstance(key, bool):
        return _int(key)
    raise EncodingError(f"a CBOR map key is an integer or text, not {type(key).__name__}")


def _int(value: int) -> bytes:
    return head(0, value) if value >= 0 else head(1, -1 - value)


def _text(value: str) -> bytes:
    try:
        raw = value.encode()
    except UnicodeEncodeError as error:
        raise EncodingError("text with a lone surrogate has no CBOR form") from error
    return head(3, len(raw)) + raw


def _float(value: float) -> bytes:
    if not math.isfinite(value):
        raise EncodingError("NaN and infinity are not allowed in CBOR here")
    if not _fits(value, _SINGLE):
        return b"\xfb" + _DOUBLE.pack(value)
    return b"\xf9" + _HALF.pack(value) if _fits(value, _HALF) else b"\xfa" + _SINGLE.pack(value)


def _fits(value: float, form: struct.Struct) -> bool:
    try:
        return bool(form.unpack(form.pack(value))[0] == value)
    except OverflowError:
        return False


# Readers: the item whose first byte stands at ``at``, and where the next one begins.
# Reading past the end is an IndexError or struct.error, which `decode` translates.
_Reader = Callable[[bytes, int, int], tuple[object, int]]


def _read_int(data: bytes, at: int, depth: int) -> tuple[object, int]:
    n, end = _argument(data, at)
    return (-1 - n if data[at] & 0x20 else n), end


def _read_bytes(data: bytes, at: int, depth: int) -> tuple[object, int]:
    size, at = _argument(data, at)
    end = at + size
    if end > len(data):
        raise IndexError
    return data[at:end], end


def _read_text(data: bytes, at: int, depth: int) -> tuple[object, int]:
    size, at = _argument(data, at)
    end = at + size
    if end > len(data):
        raise IndexError
    try:
        return data[at:end].decode(), end
    except UnicodeDecodeError as error:
        raise EncodingError("CBOR text is not UTF-8") from error


def _read_array(data: bytes, at: int, depth: int) -> tuple[object, int]:
    if depth == 0:
        raise EncodingError("the CBOR item is nested too deep")
    count, at = _argument(data, at)
    items = []
    for _ in range(count):
        item, at = _READERS[data[at]](data, at, depth - 1)
        items.append(item)
    return items, at


def _read_map(data: bytes, at: int, depth: int) -> tuple[object, int]:
    if depth == 0:
        raise EncodingError("the CBOR item is nested too deep")
    count, at = _argument(data, at)
    entries: dict[object, object] = {}
    last = b""
    for _ in range(count):
        start, first = at, data[at]
        if first < 24:  # nearly all keys are small labels: spare them the call
            key: object = first
            at += 1
        elif first >> 5 in (0, 1, 3):
            key, at = _READERS[first](data, at, 0)
        else:
            raise EncodingError("a CBOR map key is an integer or text")
        encoded = data[start:at]
        if encoded <= last:
            raise EncodingError("CBOR map keys are not in strictly increasing order")
        last = encoded
        entries[key], at = _READERS[data[at]](data, at, depth - 1)
    return entries, at


def _read_half(data: bytes, at: int, depth: int) -> tuple[object, int]:
    value: float = _HALF.unpack_from(data, at + 1)[0]
    if not math.isfinite(value):
        raise EncodingError("NaN and infinity are not allowed in CBOR here")
    return value, at + 3


def _read_single(data: bytes, at: int, depth: int) -> tuple[object, int]:
    value: float = _SINGLE.unpack_from(data, at + 1)[0]
    if _float(value) != data[at : at + 5]:
        raise EncodingError("a CBOR float is not the shortest")
    return value, at + 5


def _read_double(data: bytes, at: int, depth: int) -> tuple[object, int]:
    value: float = _DOUBLE.unpack_from(data, at + 1)[0]
    # With a last byte other than 0 no shorter form holds it: only NaN and infinity are left to refuse.
    if (data[at + 8] == 0 or not math.isfinite(value)) and _float(value) != data[at : at + 9]:
        raise EncodingError("a CBOR float is not the shortest")
    return value, at + 9


def _read_simple(data: bytes, at: int, depth: int) -> tuple[object, int]:
    return (False, True, None)[data[at] - 0xF4], at + 1


def _refuse(data: bytes, at: int, depth: int) -> tuple[object, int]:
    raise EncodingError(f"a tag or simple value that is not allowed in CBOR here: 0x{data[at]:02x}")


def _argument(data: bytes, at: int) -> tuple[int, int]:
    n = data[at] & 31
    if n < 24:
        return n, at + 1
    if n > 27:
        raise EncodingError("indefinite lengths and reserved heads are not allowed in CBOR here")
    form, least = _ARGUMENTS[n - 24]
    n = form.unpack_from(data, at + 1)[0]
    if n < least:
        raise EncodingError("a CBOR head is not the shortest")
    return n, at + 1 + form.size


_READERS: Final[list[_Reader]] = [
    *[_read_int] * 64,
    *[_read_bytes] * 32,
    *[_read_text] * 32,
    *[_read_array] * 32,
    *[_read_map] * 32,
    *[_refuse] * (32 + 20),
    *[_read_simple] * 3,
    *[_refuse] * 2,
    _read_half,
    _read_single,
    _read_double,
    *[_refuse] * 4,
]
"""By first byte: eight major types of 32, the last of them (simple values and floats) in detail."""
