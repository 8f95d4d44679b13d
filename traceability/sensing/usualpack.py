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
from collections.abc import Sequence
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
_ALL_RECORDS: Final = re.compile(rb"(?:" + _record(rb"(?:") + rb")*+", re.DOTALL)
_TIMED: Final = re.compile(rb"\xa3\x00(%b)\x02(%b)\x06(%b)" % (_NAME, _NUMBER, _NUMBER), re.DOTALL)
_ALL_TIMED: Final = re.compile(
    rb"(?:\xa3\x00(?:%b)\x02(?:%b)\x06(?:%b))*+" % (_NAME, _NUMBER, _NUMBER), re.DOTALL
)
"""Of nearly all packs every record but the first: name, value and time."""


class Split(NamedTuple):
    """What a pack says of its n records, n >= 1; ``offsets`` are seconds after the base time."""

    base_time: int | float
    names: Sequence[str]
    units: Sequence[str]
    offsets: Sequence[int | float]
    values: Sequence[int | float]


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


def split(data: bytes, base_name: str) -> Split | None:
    """A pack whose first record has this base name; None if its order is not the usual one."""
    first, base_item = _FIRST.match(data), _text_item(base_name)
    if first is None or not data.startswith(base_item, first.end()):
        return None
    base = _BASE.match(data, first.end() + len(base_item))
    others = None if base is None else _others(data, base.end())
    if base is None or others is None:
        return None
    array, head, name, unit, value, time = first.groups(b"")
    base_time, base_unit = base.groups(b"")
    names, units, values, times = others
    labels = 4 + bool(unit) + bool(time) + bool(base_unit)
    if array != cbor.head(4, 1 + len(names)) or head != cbor.head(5, labels):
        return None
    if not base_unit and not (unit and all(units)):
        return None
    try:
        return Split(
            _numbers[base_time],
            [_texts[name], *map(_texts.__getitem__, names)],
            [_texts[one or base_unit] for one in (unit, *units)]
            if any(units)
            else [_texts[unit or base_unit]] + [_texts[base_unit]] * len(names),
            [_numbers[time], *map(_numbers.__getitem__, times)],
            [_numbers[value], *map(_numbers.__getitem__, values)],
        )
    except EncodingError:
        return None


def _others(data: bytes, at: int) -> tuple[Sequence[bytes], ...] | None:
    """Names, units, values and times of the records after the first, which begin there; None as ``split``."""
    if _ALL_TIMED.fullmatch(data, at):
        names, values, times = _columns(_TIMED.findall(data, at), 3)
        return names, (b"",) * len(names), values, times
    if not _ALL_RECORDS.fullmatch(data, at):
        return None
    heads, *columns = _columns(_RECORD.findall(data, at), 5)
    labels = (cbor.head(5, 2 + bool(unit) + bool(time)) for _, unit, _, time in zip(*columns, strict=True))
    return tuple(columns) if heads == tuple(labels) else None


def _columns(rows: Sequence[tuple[bytes, ...]], width: int) -> Sequence[tuple[bytes, ...]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width


@lru_cache(maxsize=REMEMBERED)
def _text_item(text: str) -> bytes:
    return cbor.encode(text)
