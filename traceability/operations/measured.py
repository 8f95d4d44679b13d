"""What was measured on a stream, from cells: by the hour or the day, and against any limits.

For limits that lie inside a cell, or a longest gap that is shorter than one, the frames of that
cell are read again: the answer is always that of ``coldchain.exposure`` over all readings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Final

from sqlalchemy import Connection, select

from traceability import media
from traceability.errors import ReadingsError
from traceability.ledger.state import stream_hash
from traceability.sensing.coldchain import Exposure, Limits, Sample, exposure
from traceability.sensing.frame import parse_statement
from traceability.sensing.rollup import CELL_MS
from traceability.sensing.senml import milli
from traceability.store import models
from traceability.store.engine import AnyRow
from traceability.store.readings import Rollup, Series

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Channel:
    """A series: its number, stream's hash, device, name and unit."""

    id: int
    stream: bytes
    device: str
    name: str
    unit: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The readings of a channel in an interval, in thousandths of its unit; n >= 1.

    ``covered_ms`` is the part of the interval that lies on a line between two readings.
    """

    from_ms: int
    n: int
    low_milli: int
    high_milli: int
    total_milli: int
    covered_ms: int

    @property
    def mean_milli(self) -> int:
        """The mean, rounded down."""
        return self.total_milli // self.n


def channels_on(connection: Connection, stream: str, unit: str | None = None) -> list[Channel]:
    """The channels that ever measured on a stream, by device and name."""
    query = select(Series).where(Series.stream == stream_hash(stream))
    if unit is not None:
        query = query.where(Series.unit == unit)
    rows = connection.execute(query.order_by(Series.device, Series.name, Series.unit))
    return [Channel(row.id, row.stream, row.device, row.name, row.unit) for row in rows]


def cells_in(connection: Connection, channel: Channel, from_ms: int, to_ms: int) -> Sequence[AnyRow]:
    """The cells with a reading in a window, both ends included, in order of time."""
    inside = (Rollup.first_ms <= to_ms, Rollup.last_ms >= from_ms)
    near = Rollup.from_ms.between(from_ms - CELL_MS, to_ms)
    query = select(Rollup).where(Rollup.series == channel.id, near, *inside)
    return connection.execute(query.order_by(Rollup.from_ms)).all()


def summaries(
    connection: Connection, channel: Channel, every_ms: int, from_ms: int, to_ms: int, max_gap_ms: int
) -> list[Summary]:
    """A channel by the interval, those without readings left out.

    Args:
        every_ms: five minutes, or a multiple of it; intervals begin at multiples of it since 1970 UTC.
        from_ms, to_ms: whole intervals, from the first to before the second.
        max_gap_ms: the longest time between two readings that is covered; at least five minutes.

    Raises:
        ReadingsError: an interval or a gap that cells cannot answer for.
    """
    if every_ms <= 0 or every_ms % CELL_MS or from_ms % every_ms or to_ms % every_ms:
        raise ReadingsError(f"intervals are multiples of {CELL_MS} ms, whole ones")
    if max_gap_ms < CELL_MS:
        raise ReadingsError(f"a longest gap of {max_gap_ms} ms is shorter than a cell")
    cells = cells_in(connection, channel, from_ms - max_gap_ms, to_ms + max_gap_ms)
    ends = [end for cell in cells for end in (cell.first_ms, cell.last_ms)]
    lines = [(a, b) for a, b in pairwise(ends) if b - a <= max_gap_ms]
    inside = [cell for cell in cells if from_ms <= cell.from_ms < to_ms]
    return [
        _summary(begin, every_ms, list(own), lines)
        for begin, own in groupby(inside, lambda cell: cell.from_ms - cell.from_ms % every_ms)
    ]


def _summary(begin: int, every_ms: int, own: Sequence[AnyRow], lines: Iterable[tuple[int, int]]) -> Summary:
    end = begin + every_ms
    return Summary(
        from_ms=begin,
        n=sum(cell.n for cell in own),
        low_milli=min(cell.low_milli for cell in own),
        high_milli=max(cell.high_milli for cell in own),
        total_milli=sum(cell.total_milli for cell in own),
        covered_ms=sum(max(0, min(b, end) - max(a, begin)) for a, b in lines),
    )


def exposure_of(
    connection: Connection, channel: Channel, limits: Limits, from_ms: int, to_ms: int
) -> Exposure:
    """What ``coldchain.exposure`` gives over all readings of a temperature channel.

    Raises:
        ReadingsError: the channel is not in degrees Celsius; see ``coldchain.exposure``.
    """
    if channel.unit != "Cel":
        raise ReadingsError(f"{channel.name} is in {channel.unit}, not in Cel")
    cells = cells_in(connection, channel, from_ms - limits.max_gap_ms, to_ms + limits.max_gap_ms)
    plain = [c for c in cells if _is_plain(c, limits, from_ms, to_ms)]
    known = {at: v for c in plain for at, v in ((c.first_ms, c.first_milli), (c.last_ms, c.last_milli))}
    begun = {c.from_ms for c in plain}
    again = [c for c in cells if c.from_ms not in begun]
    known |= _read_again(connection, channel, again)
    found = exposure([Sample(at, known[at]) for at in sorted(known)], limits, from_ms, to_ms)
    lows = [c.low_milli for c in plain] + [v for v in (found.min_milli_c,) if v is not None]
    highs = [c.high_milli for c in plain] + [v for v in (found.max_milli_c,) if v is not None]
    later = select(Rollup.from_ms).where(Rollup.series == channel.id, Rollup.first_ms > to_ms)
    measured_later = connection.execute(later.limit(1)).first() is not None
    stood_for = sum(c.n - len({c.first_ms, c.last_ms}) for c in plain)
    return replace(
        found,
        samples=found.samples + stood_for,
        min_milli_c=min(lows, default=None),
        max_milli_c=max(highs, default=None),
        tail_ms=0 if measured_later else found.tail_ms,
    )


def _is_plain(cell: AnyRow, limits: Limits, from_ms: int, to_ms: int) -> bool:
    """Whether its first and last reading stand for a cell: all inside window and limits, without gaps."""
    return bool(
        from_ms <= cell.first_ms
        and cell.last_ms <= to_ms
        and limits.low_milli_c <= cell.low_milli
        and cell.high_milli <= limits.high_milli_c
        and cell.last_ms - cell.first_ms <= limits.max_gap_ms
    )


def _read_again(connection: Connection, channel: Channel, cells: Sequence[AnyRow]) -> dict[int, int]:
    """The readings of some cells from their frames; of two at one time the first in the chain stands."""
    found: dict[int, int] = {}
    wanted = {cell.from_ms for cell in cells}
    said = models.DeviceStatement
    query = select(models.Statement.body).join(said, said.sha256 == models.Statement.sha256)
    query = query.where(said.stream == channel.stream, said.device == channel.device).order_by(said.seq)
    for first, last in _runs(sorted(wanted)):
        near = query.where(said.to_ms >= first, said.from_ms < last + CELL_MS)
        for body in connection.execute(near).scalars():
            statement = parse_statement(body)
            if statement.media_type != media.FRAME:
                continue
            for reading in statement.readings():
                place = reading.at_ms - reading.at_ms % CELL_MS
                if (reading.name, reading.unit) == (channel.name, channel.unit) and place in wanted:
                    found.setdefault(reading.at_ms, milli(reading.value))
    return found


def _runs(begins: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Cells that follow one another as one: the beginning of the first and of the last."""
    runs: list[tuple[int, int]] = []
    for begin in begins:
        if runs and begin == runs[-1][1] + CELL_MS:
            runs.append((runs.pop()[0], begin))
        else:
            runs.append((begin, begin))
    return runs
