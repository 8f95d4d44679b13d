"""A batch's stay in a monitored asset, as the node writes it into the batch's stream.

On entering a stay-open, on leaving a stay-close, and when later data come a stay-amend:
texts of lines like the record. They name the asset's stream at a count and head, and for
each device the first counter that is not recorded before that count; so whoever verifies
knows which readings belong to the stay, and recomputes the summary (docs/formats.md).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Final, TypeVar

from traceability import media
from traceability.errors import MalformedError
from traceability.ledger.lines import (
    LineReader,
    decode_integer,
    encode_base64,
    encode_lines,
    require_range,
    require_size,
)
from traceability.ledger.merkle import HASH_SIZE
from traceability.ledger.record import GENESIS, MAX_TIME_MS, format_time, parse_time, require_stream
from traceability.ledger.staydevice import ENDS, StayDevice, parse_device, require_device

MAX_STAY: Final = 262_144
"""Bytes of a stay's text, at most."""
MAX_MILLI_C: Final = 1_000_000
"""Thousandths of a degree Celsius: no reading and no limit is further from zero."""

_SERIES: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9:./_-]{0,127}")


@dataclass(frozen=True, slots=True)
class Series:
    """Summary of one device's readings of one name during the stay.

    Attributes:
        device: 32 hex digits.
        name: SenML name below the device (RFC 8428 4.5.1), 1 to 128 characters.
        readings: how many.
        min_milli_c, max_milli_c: thousandths of a degree; None exactly when there are no readings.
        above_ms, below_ms, unknown_ms: time above the upper limit, below the lower one, not known.
    """

    device: str
    name: str
    readings: int
    min_milli_c: int | None
    max_milli_c: int | None
    above_ms: int
    below_ms: int
    unknown_ms: int

    def __post_init__(self) -> None:
        require_device(self.device)
        if not _SERIES.fullmatch(self.name):
            raise MalformedError(f"not the name of a series: {self.name[:100]!r}")
        require_range("the number of readings", self.readings)
        for value in (self.above_ms, self.below_ms, self.unknown_ms):
            require_range("a duration in ms", value, high=MAX_TIME_MS)
        low, high = self.min_milli_c, self.max_milli_c
        if (low is None) != (self.readings == 0) or (high is None) != (self.readings == 0):
            raise MalformedError("a series has both extremes, or no readings and no extremes")
        if low is not None and high is not None:
            _require_interval(low, high)

    def line(self) -> str:
        """``{device} {name} {n} {min|-} {max|-} {above_ms} {below_ms} {unknown_ms}``."""
        numbers = (
            self.readings,
            self.min_milli_c,
            self.max_milli_c,
            self.above_ms,
            self.below_ms,
            self.unknown_ms,
        )
        return " ".join((self.device, self.name, *("-" if item is None else str(item) for item in numbers)))


@dataclass(frozen=True, slots=True)
class StayOpen:
    """The beginning of a stay.

    Attributes:
        batch, asset: URIs of their streams.
        entered_seq: number, in the batch's stream, of the event that entered it.
        entered_ms: time of entering, milliseconds since 1970 UTC.
        asset_count: records in the asset's stream; readings of the stay stand at or after it.
        asset_head: record hash of the last of them, 32 bytes; ``GENESIS`` if there are none.
        devices: installed on the asset, by id, each once.
    """

    TITLE: ClassVar[str] = "food-traceability/stay-open/v1"
    MEDIA_TYPE: ClassVar[str] = media.STAY_OPEN

    batch: str
    asset: str
    entered_seq: int
    entered_ms: int
    asset_count: int
    asset_head: bytes
    devices: tuple[StayDevice, ...]

    def __post_init__(self) -> None:
        require_stream(self.batch)
        require_range("a sequence number", self.entered_seq)
        require_range("a time in ms", self.entered_ms, high=MAX_TIME_MS)
        _require_asset(self.asset, self.asset_count, self.asset_head)
        _require_devices(self.devices, {None})

    def encode(self) -> bytes:
        """The text of the statement."""
        place = (self.batch, self.asset, str(self.entered_seq), format_time(self.entered_ms))
        asset = (str(self.asset_count), encode_base64(self.asset_head))
        return encode_lines(self.TITLE, *place, *asset, *_counted(self.devices))


@dataclass(frozen=True, slots=True)
class StayClose:
    """The end of a stay, with its summary.

    Attributes:
        batch, asset: URIs of their streams.
        open_seq: number of the stay-open in the batch's stream.
        left_seq: number, in the batch's stream, of the event that left.
        left_ms: time of leaving, milliseconds since 1970 UTC.
        asset_count, asset_head: as in ``StayOpen``; readings of the stay stand before it.
        low_milli_c, high_milli_c: the limits, thousandths of a degree.
        max_gap_ms: a longer time between two readings counts as unknown.
        devices: all that were installed during the stay, by id, each once.
        series: by device and name, each once.
    """

    TITLE: ClassVar[str] = "food-traceability/stay-close/v1"
    MEDIA_TYPE: ClassVar[str] = media.STAY_CLOSE

    batch: str
    asset: str
    open_seq: int
    left_seq: int
    left_ms: int
    asset_count: int
    asset_head: bytes
    low_milli_c: int
    high_milli_c: int
    max_gap_ms: int
    devices: tuple[StayDevice, ...]
    series: tuple[Series, ...]

    def __post_init__(self) -> None:
        require_stream(self.batch)
        require_range("a sequence number", self.open_seq)
        require_range("a sequence number", self.left_seq)
        require_range("a time in ms", self.left_ms, high=MAX_TIME_MS)
        _require_asset(self.asset, self.asset_count, self.asset_head)
        _require_interval(self.low_milli_c, self.high_milli_c)
        require_range("a duration in ms", self.max_gap_ms, high=MAX_TIME_MS)
        _require_devices(self.devices, ENDS)
        _require_ascending("series", ((item.device, item.name) for item in self.series))
        if not {item.device for item in self.series} <= {item.device for item in self.devices}:
            raise MalformedError("a series of a device that the stay does not list")

    def encode(self) -> bytes:
        """The text of the statement."""
        place = (self.batch, self.asset, str(self.open_seq), str(self.left_seq), format_time(self.left_ms))
        asset = (str(self.asset_count), encode_base64(self.asset_head))
        limits = f"{self.low_milli_c} {self.high_milli_c} {self.max_gap_ms}"
        return encode_lines(
            self.TITLE, *place, *asset, limits, *_counted(self.devices), *_counted(self.series)
        )


@dataclass(frozen=True, slots=True)
class StayAmend(StayClose):
    """The summary again, after later data; replaces the stay-close or stay-amend before it."""

    TITLE: ClassVar[str] = "food-traceability/stay-amend/v1"
    MEDIA_TYPE: ClassVar[str] = media.STAY_AMEND


def parse_stay_open(data: bytes) -> StayOpen:
    """The stay-open in a statement.

    Raises:
        MalformedError: not exactly its text.
    """
    lines = LineReader(data, StayOpen.TITLE, MAX_STAY)
    place = (lines.text(), lines.text(), lines.integer(), parse_time(lines.text()))
    asset = (lines.integer(), lines.data())
    stay = StayOpen(*place, *asset, tuple(parse_device(lines, ends=False) for _ in range(lines.integer())))
    lines.end(stay.encode())
    return stay


def parse_stay_close(data: bytes) -> StayClose:
    """The stay-close in a statement; raises like ``parse_stay_open``."""
    return _parse_summary(StayClose, data)


def parse_stay_amend(data: bytes) -> StayAmend:
    """The stay-amend in a statement; raises as ``parse_stay_open`` does."""
    return _parse_summary(StayAmend, data)


_Summary = TypeVar("_Summary", bound=StayClose)


def _parse_summary(kind: type[_Summary], data: bytes) -> _Summary:
    lines = LineReader(data, kind.TITLE, MAX_STAY)
    place = (lines.text(), lines.text(), lines.integer(), lines.integer(), parse_time(lines.text()))
    asset = (lines.integer(), lines.data())
    low, high, gap = map(decode_integer, lines.fields(3))
    devices = tuple(parse_device(lines, ends=True) for _ in range(lines.integer()))
    series = tuple(_parse_series(lines) for _ in range(lines.integer()))
    stay = kind(*place, *asset, low, high, gap, devices, series)
    lines.end(stay.encode())
    return stay


def _counted(items: Sequence[StayDevice | Series]) -> list[str]:
    return [str(len(items)), *(item.line() for item in items)]


def _parse_series(lines: LineReader) -> Series:
    device, name, readings, low, high, *durations = lines.fields(8)
    least, most = (None if value == "-" else decode_integer(value) for value in (low, high))
    return Series(device, name, decode_integer(readings), least, most, *map(decode_integer, durations))


def _require_devices(devices: Sequence[StayDevice], ends: Collection[str | None]) -> None:
    _require_ascending("devices", ((item.device,) for item in devices))
    for item in devices:
        if item.end not in ends:
            raise MalformedError(f"device {item.device} cannot end {item.end!r} here")


def _require_asset(asset: str, count: int, head: bytes) -> None:
    require_stream(asset)
    require_range("a record count", count)
    require_size("the head of a stream", head, HASH_SIZE)
    if (count == 0) != (head == GENESIS):
        raise MalformedError("the head of a stream is zero exactly when it has no records")


def _require_interval(low_milli_c: int, high_milli_c: int) -> None:
    require_range("a temperature in thousandths of a degree", low_milli_c, -MAX_MILLI_C, MAX_MILLI_C)
    require_range("a temperature in thousandths of a degree", high_milli_c, low_milli_c, MAX_MILLI_C)


def _require_ascending(what: str, keys: Iterable[tuple[str, ...]]) -> None:
    if any(first >= second for first, second in pairwise(keys)):
        raise MalformedError(f"{what} must be sorted, each once")
