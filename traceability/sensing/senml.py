"""Readings as a SenML pack in CBOR, and back: a closed profile of RFC 8428.

A pack is an array of 1 to 1,000 maps, in deterministic CBOR, with the integer
labels of RFC 8428 section 6, table 4:

    first record only   bn -2 base name (required, exactly the caller's)
                        bt -3 base time in seconds (required)
                        bu -4 base unit (optional)
    every record        n 0 name (required), u 1 unit (where it is not the base unit),
                        v 2 number (required), t 6 seconds after the base time

Nothing else is allowed: no text, boolean or data values, no sums, no base value
or version, no update time, no label that this list does not name. As the base
time is always there, no time can mean "now": packs are stored and read later.

Times are seconds. With ``absolute`` each one is Unix time and at least 2**28
(RFC 8428 section 4.5.3: smaller ones are relative); without, each one is the
device's uptime, 0 <= t < 2**28, and the statement around the pack says so by its
clock state. They become milliseconds as ``floor((bt + t) * 1000 + 0.5)`` in IEEE
754 double arithmetic, in this order, so that JavaScript gives the same integer;
the bounds hold for the milliseconds.

One pack has one meaning, but one sequence of readings may be written as several
packs; what is hashed and signed is always the bytes as received.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, cast

from traceability.errors import OversizeError, ReadingsError
from traceability.sensing import usualpack
from traceability.sensing.usualpack import Split
from traceability.signing import cbor

MAX_PACK_BYTES: Final = 16_384
MAX_READINGS: Final = 1_000
MAX_DEPTH: Final = 4

ABSOLUTE_FROM_S: Final = 2**28
"""Times below are relative, times from here on are Unix time (RFC 8428 section 4.5.3)."""
YEAR_10000_S: Final = 253_402_300_800
"""First second that RFC 3339 cannot write."""

EXACT_S: Final = 2**40
"""Whole seconds below, and sums of two of them, are exact in milliseconds as doubles."""
REMEMBERED: Final = 512
"""So many different rows of offsets are kept."""

_BASE_NAME, _BASE_TIME, _BASE_UNIT = -2, -3, -4
_NAME, _UNIT, _VALUE, _TIME = 0, 1, 2, 6
_RECORD_LABELS: Final = frozenset({_NAME, _UNIT, _VALUE, _TIME})
_FIRST_LABELS: Final = _RECORD_LABELS | {_BASE_NAME, _BASE_TIME, _BASE_UNIT}
_NAME_FORM: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Plausible:
    """What an instrument can say in one unit; anything outside is a fault, not a measurement."""

    low: float
    high: float
    source: str


UNITS: Final[Mapping[str, Plausible]] = {
    "Cel": Plausible(-270.0, 1372.0, "IEC 60584-1, thermocouple type K"),
    "%RH": Plausible(-6.0, 119.0, "Sensirion SHT4x data sheet, whole range of the raw value"),
    "lx": Plausible(0.0, 200_000.0, "sunlight outside the atmosphere is about 134,000 lx"),
    "lat": Plausible(-90.0, 90.0, "WGS 84"),
    "lon": Plausible(-180.0, 180.0, "WGS 84"),
    "m": Plausible(-11_100.0, 100_000.0, "from the deepest trench to the Karman line"),
    "m/s": Plausible(-515.0, 515.0, "1,000 knots, where civil GNSS receivers must stop"),
    "m/s2": Plausible(-1962.0, 1962.0, "200 g, Analog Devices ADXL375 data sheet"),
    "V": Plausible(-1500.0, 1500.0, "IEC 61140, upper end of low voltage (direct current)"),
    "%EL": Plausible(0.0, 100.0, "a percentage"),
    "/": Plausible(0.0, 1.0, "a ratio or a switch"),
    "count": Plausible(0.0, 4_294_967_295.0, "what counts here has 32 bits"),
}
"""Units of the IANA SenML registry that are accepted, each with its bounds (inclusive)."""


class Reading(NamedTuple):
    """One number that a sensor gave at one instant.

    ``name`` is the channel on the device, without the base name; ``at_ms`` is Unix
    time, or uptime where the device's clock was not synchronised, in milliseconds.
    """

    name: str
    unit: str
    at_ms: int
    value: int | float


class Columns(NamedTuple):
    """The readings of a pack, n >= 1, one column for each part of a `Reading`."""

    names: Sequence[str]
    units: Sequence[str]
    at_ms: Sequence[int]
    values: Sequence[int | float]

    def readings(self) -> tuple[Reading, ...]:
        """The same, row by row."""
        return tuple(map(Reading, *self))


def encode_pack(base_name: str, readings: Sequence[Reading], *, absolute: bool) -> bytes:
    """Readings as the smallest pack of the profile.

    Args:
        base_name: the device's URI and a slash.
        readings: n >= 1; no channel twice at one instant.
        absolute: Unix times, else uptimes.

    Raises:
        ReadingsError: what ``parse_pack`` would refuse.
        OversizeError: more than 1,000 readings or 16 KiB.
    """
    if not readings:
        raise ReadingsError("a pack holds at least one reading")
    _check_columns(Columns(*zip(*readings, strict=True)), absolute=absolute)
    base_s, base_unit = readings[0].at_ms // 1000, readings[0].unit
    records: list[dict[int, object]] = []
    for reading in readings:
        record: dict[int, object] = {_NAME: reading.name, _VALUE: reading.value}
        offset_ms = reading.at_ms - base_s * 1000
        if offset_ms:
            record[_TIME] = offset_ms / 1000 if offset_ms % 1000 else offset_ms // 1000
        if reading.unit != base_unit:
            record[_UNIT] = reading.unit
        records.append(record)
    records[0] |= {_BASE_NAME: base_name, _BASE_TIME: base_s, _BASE_UNIT: base_unit}
    data = cbor.encode(records)
    _check_size(data)
    return data


def parse_pack(data: bytes, *, base_name: str, absolute: bool) -> tuple[Reading, ...]:
    """The readings of a pack, in its order; arguments and errors are those of ``parse_columns``."""
    return parse_columns(data, base_name=base_name, absolute=absolute).readings()


def parse_columns(data: bytes, *, base_name: str, absolute: bool) -> Columns:
    """The readings of a pack by column, in its order.

    Args:
        data: at most 16 KiB of deterministic CBOR.
        base_name: what the first record's base name must be.
        absolute: whether times are Unix times, else uptimes.

    Raises:
        EncodingError: not deterministic CBOR.
        ReadingsError: a label, type, unit, time or value outside the profile.
        OversizeError: more than 1,000 readings or 16 KiB.
    """
    _check_size(data)
    said = usualpack.split(data, base_name) or _split(data, base_name)
    columns = Columns(said.names, said.units, _times(said), said.values)
    _check_columns(columns, absolute=absolute)
    return columns


def milli(value: int | float) -> int:
    """Thousandths of a value, halves rounded up: ``Math.floor(value * 1000 + 0.5)`` in JavaScript.

    Raises:
        ReadingsError: the value is not finite, or too large to be counted in thousandths.
    """
    scaled = float(value) * 1000 + 0.5
    if not abs(scaled) < 2**53:
        raise ReadingsError(f"{value} cannot be counted in thousandths")
    return math.floor(scaled)


def _split(data: bytes, base_name: str) -> Split:
    """Any pack, item by item."""
    records = cbor.decode(data, max_depth=MAX_DEPTH)
    if not isinstance(records, list) or not records or not isinstance(records[0], Mapping):
        raise ReadingsError("a pack is an array of records")
    first = records[0]
    if first.get(_BASE_NAME) != base_name:
        raise ReadingsError(f"the base name must be {base_name}")
    base_time, base_unit = _number(first, _BASE_TIME), first.get(_BASE_UNIT)
    rows = []
    for position, record in enumerate(records):
        if not isinstance(record, Mapping):
            raise ReadingsError("a record is a map")
        if unknown := set(record) - (_RECORD_LABELS if position else _FIRST_LABELS):
            raise ReadingsError(f"record {position} has labels outside the profile: {unknown}")
        rows.append(_row(record, base_unit))
    return Split(base_time, *zip(*rows, strict=True))


def _row(record: Mapping[object, object], base_unit: object) -> tuple[str, str, int | float, int | float]:
    """Name, unit, offset in seconds and value."""
    name, unit = record.get(_NAME), record.get(_UNIT, base_unit)
    if not isinstance(name, str) or not isinstance(unit, str):
        raise ReadingsError("a reading needs a name and a unit, both text")
    return name, unit, _number(record, _TIME) if _TIME in record else 0, _number(record, _VALUE)


def _times(said: Split) -> list[int]:
    """Milliseconds; whole seconds that doubles hold exactly need no rounding."""
    base, offsets = said.base_time, said.offsets
    if type(base) is int and abs(base) < EXACT_S and (steps := _whole_ms(tuple(offsets))) is not None:
        base_ms = base * 1000
        return [base_ms + step for step in steps]
    return [milli(float(base) + float(offset)) for offset in offsets]


@lru_cache(maxsize=REMEMBERED)
def _whole_ms(offsets: tuple[int | float, ...]) -> tuple[int, ...] | None:
    """Milliseconds of offsets that are whole seconds, None of others; devices measure at the same ones.

    It does not matter that 1.0 is remembered for 1: both ways to reckon give the same times.
    """
    if {*map(type, offsets)} != {int} or max(max(offsets), -min(offsets)) >= EXACT_S:
        return None
    return tuple(offset * 1000 for offset in cast("tuple[int, ...]", offsets))


def _number(record: Mapping[object, object], label: int) -> int | float:
    value = record.get(label)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ReadingsError(f"label {label} must be a number")
    return value


def _check_size(data: bytes) -> None:
    if len(data) > MAX_PACK_BYTES:
        raise OversizeError(f"a pack has at most {MAX_PACK_BYTES} bytes, this one {len(data)}")


def _check_columns(columns: Columns, *, absolute: bool) -> None:
    names, units, at_ms, values = columns
    if len(names) > MAX_READINGS:
        raise OversizeError(f"a pack has at most {MAX_READINGS} readings, this one {len(names)}")
    for name in set(names):
        if not _NAME_FORM.fullmatch(name):
            raise ReadingsError(f"not a channel name: {name!r}")
    from_s, to_s = (ABSOLUTE_FROM_S, YEAR_10000_S) if absolute else (0, ABSOLUTE_FROM_S)
    for end_ms in (min(at_ms), max(at_ms)):
        if not from_s * 1000 <= end_ms < to_s * 1000:
            kind = "Unix time" if absolute else "uptime"
            raise ReadingsError(f"{end_ms} ms is not a {kind} in [{from_s}, {to_s}) s")
    kinds = set(units)
    for unit in kinds:
        _check_plausible(unit, values if len(kinds) == 1 else _of_unit(unit, columns))
    if len(set(at_ms)) < len(names) > len(set(zip(names, at_ms, strict=True))):
        raise ReadingsError("a channel appears twice at one instant")


def _of_unit(unit: str, columns: Columns) -> list[int | float]:
    return [value for one, value in zip(columns.units, columns.values, strict=True) if one == unit]


def _check_plausible(unit: str, values: Sequence[int | float]) -> None:
    bounds = UNITS.get(unit)
    if bounds is None:
        raise ReadingsError(f"unit {unit!r} is not accepted")
    low, high = bounds.low, bounds.high
    for value in [v for v in values if not low <= v <= high or v is True or v is False]:
        raise ReadingsError(f"{value} {unit} is not plausible ({bounds.source})")
