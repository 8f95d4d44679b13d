"""Packs in the usual order, read fast: a pattern finds the items, the strict reader reads each once.

Nearly every frame has the same shape, and few different names, units, offsets and (as sensors
count in steps) values. So a pattern says where the items of such a pack end, and what an item is
gets asked of `signing.cbor` when its bytes are seen for the first time, and remembered:

    pack   = array head, first, *record
    first  = map head, 00 name, ?(01 unit), 02 value, ?(06 time), 21 base name, 22 base time, ?(23 base unit)
    record = map head, 00 name, ?(01 unit), 02 value, ?(06 time)

What this module cannot split may still be a pack, or tells what is wrong with it: the answer is
None, and `senml` reads it item by item.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, TypeVar, cast

from traceability.errors import EncodingError
from traceability.signing import cbor

REMEMBERED: Final = 65_536
"""So many different items are kept; past it all are forgotten, and an enemy fills no memory."""

_NUMBER: Final = (
    rb"\xf9..|[\x00-\x17\x20-\x37]|[\x18\x38].|[\x19\x39]..|[\x1a\x3a\xfa].{4}|[\x1b\x3b\xfb].{8}"
)
_NAME: Final = rb"(?:\x78.|[\x60-\x77])[0-9a-z_-]*+"
_UNIT: Final = rb"[\x60-\x77][!-~]*+"


def _record(item: bytes) -> bytes:
    """A record's map head and items, each in a group that begins with ``item``."""
    parts = (item + part + rb")" for part in (rb"[\xa2-\xa7]", _NAME, _UNIT, _NUMBER, _NUMBER))
    return rb"%b\x00%b(?:\x01%b)?+\x02%b(?:\x06%b)?+" % tuple(parts)


_FIRST: Final = re.compile(rb"(\x99..|\x98.|[\x81-\x97])" + _record(rb"(") + rb"\x21", re.DOTALL)
_BASE: Final = re.compile(rb"\x22(" + _NUMBER + rb")(?:\x23(" + _UNIT + rb"))?+", re.DOTALL)
_RECORD: Final = re.compile(_record(rb"("), re.DOTALL)
_TIMED_HEAD: Final = b"\xa3\x00"
_TIMED: Final = re.compile(rb"\xa3\x00(%b)\x02(%b)\x06(%b)" % (_NAME, _NUMBER, _NUMBER), re.DOTALL)
_ALL_TIMED: Final = re.compile(
    rb"(?:\xa3\x00(?:%b)\x02(?:%b)\x06(?:%b))++" % (_NAME, _NUMBER, _NUMBER), re.DOTALL
)
_ALL_RECORDS: Final = re.compile(rb"(?:" + _record(rb"(?:") + rb")++", re.DOTALL)

_Others = tuple[Sequence[str], Sequence[str], Sequence[int | float], Sequence[int | float]]
"""Names, units, offsets and values; no units where all have the base unit."""


class Split(NamedTuple):
    """What a pack says of its n records, n >= 1; ``offsets`` are seconds after the base time."""

    base_time: int | float
    names: Sequence[str]
    units: Sequence[str]
    offsets: Sequence[int | float]
    values: Sequence[int | float]


_Row = tuple[str, int | float, int | float]

_T = TypeVar("_T", str, int | float)


class _Items(dict[bytes, _T]):
    """What items mean, by their bytes: read by the strict reader when first asked for; 0 for none."""

    def __missing__(self, item: bytes) -> _T:
        if len(self) >= REMEMBERED:
            self.clear()
        value = self[item] = cast("_T", cbor.decode(item) if item else 0)
        return value


_texts: Final[_Items[str]] = _Items()
_numbers: Final[_Items[int | float]] = _Items()
_records: Final[dict[bytes, _Row]] = {}
"""Name, offset and value of records that were read, by their bytes after the map head and first label."""


def split(data: bytes, base_name: str) -> Split | None:
    """A pack whose first record has this base name; None if its order is not the usual one."""
    first, base_item = _FIRST.match(data), _text_item(base_name)
    if first is None or not data.startswith(base_item, first.end()):
        return None
    base = _BASE.match(data, first.end() + len(base_item))
    if base is None:
        return None
    array, head, name, unit, value, time = first.groups(b"")
    base_time, base_unit = base.groups(b"")
    try:
        others = (base_unit and _timed(data[base.end() :])) or _any(data, base.end(), base_unit)
        if not others or not (unit or base_unit):
            return None
        names, units, offsets, values = others
        labels = 4 + bool(unit) + bool(time) + bool(base_unit)
        if array != cbor.head(4, 1 + len(names)) or head != cbor.head(5, labels):
            return None
        return Split(
            _numbers[base_time],
            (_texts[name], *names),
            (_texts[unit or base_unit], *(units or [_texts[base_unit]] * len(names))),
            (_numbers[time], *offsets),
            (_numbers[value], *values),
        )
    except EncodingError:
        return None


def _timed(records: bytes) -> _Others | None:
    """Records of a name, a value and a time each, as nearly all are; None for others."""
    before, *pieces = records.split(_TIMED_HEAD)
    known = [*map(_records.get, pieces)]
    if not before and None not in known:
        names, offsets, values = zip(*cast("list[_Row]", known), strict=True) if known else ((), (), ())
        return names, (), offsets, values
    if not _ALL_TIMED.fullmatch(records):
        return None
    texts, numbers, times = zip(*_TIMED.findall(records), strict=True)
    names, values, offsets = _read(_texts, texts), _read(_numbers, numbers), _read(_numbers, times)
    if len(pieces) == len(names):  # no value or time looks like the beginning of a record
        if len(_records) >= REMEMBERED:
            _records.clear()
        _records.update(zip(pieces, zip(names, offsets, values, strict=True), strict=True))
    return names, (), offsets, values


def _any(data: bytes, at: int, base_unit: bytes) -> _Others | None:
    """Records that begin there, some of them with a unit or without a time; None if there are others."""
    if not _ALL_RECORDS.fullmatch(data, at):
        return None
    heads, names, units, values, times = zip(*_RECORD.findall(data, at), strict=True)
    labels = (cbor.head(5, 2 + bool(unit) + bool(time)) for unit, time in zip(units, times, strict=True))
    units = tuple(unit or base_unit for unit in units)
    if heads != tuple(labels) or not all(units):
        return None
    return _read(_texts, names), _read(_texts, units), _read(_numbers, times), _read(_numbers, values)


def _read(known: _Items[_T], items: Iterable[bytes]) -> tuple[_T, ...]:
    return tuple(map(known.__getitem__, items))


@lru_cache(maxsize=REMEMBERED)
def _text_item(text: str) -> bytes:
    return cbor.encode(text)
