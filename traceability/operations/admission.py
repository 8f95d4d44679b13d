"""Whether a genuine statement is believed here and now: beside what its device said before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from sqlalchemy import select

from traceability import media
from traceability.errors import (
    BrokenDeviceChainError,
    ClockAheadError,
    EquivocationError,
    NotInstalledError,
    TraceabilityError,
    UnsupportedStatementError,
)
from traceability.ledger.state import stream_hash
from traceability.operations.tally import ACCEPTED, DUPLICATE, QUARANTINED
from traceability.sensing.frame import NO_PREVIOUS, Clock, DeviceStatement, Gap
from traceability.store import models
from traceability.store.engine import Transaction
from traceability.store.ranges import ranges

MAX_AHEAD_MS: Final = 5 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of one counter; ``outcome`` is ``accepted`` or a reason code."""

    sha256: bytes
    prev: bytes
    outcome: str


@dataclass(frozen=True, slots=True)
class Installed:
    """Where a device was installed, by the stream's hash; ``to_ms`` is None while it still is."""

    stream: bytes
    from_ms: int
    to_ms: int | None


@dataclass(slots=True)
class Known:
    """What the store knows of one device, extended as its statements are decided.

    Every counter up to ``settled`` has an answer; ``since`` is the first that the device may
    not have heard of.
    """

    settled: int
    since: int
    seen: dict[int, Seen] = field(default_factory=dict)
    installed: list[Installed] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Admission:
    """What becomes of a statement.

    ``outcome`` is what its device is told; ``span`` is from its first reading to its last, in
    milliseconds, None without a clock; ``gaps`` are counters that it declares lost.
    """

    word: str
    outcome: str
    refusal: TraceabilityError | None = None
    span: tuple[int, int] | None = None
    gaps: tuple[Gap, ...] = ()

    @property
    def settles(self) -> bool:
        """Whether its counter has its answer by this, accepted or not."""
        return self.word != DUPLICATE and not isinstance(self.refusal, EquivocationError)


def load_known(tx: Transaction, statements: Sequence[DeviceStatement]) -> dict[str, Known]:
    """Lock the devices of a handful, and read what stands beside their statements."""
    counters: dict[str, set[int]] = defaultdict(set)
    for statement in statements:
        counters[statement.device].add(statement.counter)
    if not counters:
        return {}
    devices = sorted(counters)
    device, said, installation = models.Device, models.DeviceStatement, models.Installation
    locked = select(device.id, device.settled).where(device.id.in_(devices)).order_by(device.id)
    known = {
        r.id: Known(r.settled, min(r.settled + 1, *counters[r.id]))
        for r in tx.connection.execute(locked.with_for_update())
    }
    near = ranges(tx.connection, (span for d in devices for span in _beside(d, counters[d])))
    beside = select(said.device, said.counter, said.sha256, said.prev, said.outcome).select_from(
        near.join(said, (said.device == near.c.key) & said.counter.between(near.c.first, near.c.last))
    )
    for r in tx.connection.execute(beside):
        known[r.device].seen[r.counter] = Seen(r.sha256, r.prev, r.outcome)
    where = select(installation.device, installation.stream, installation.from_ms, installation.to_ms)
    for i in tx.connection.execute(where.where(installation.device.in_(devices))):
        known[i.device].installed.append(Installed(i.stream, i.from_ms, i.to_ms))
    return known


def _beside(device: str, counters: Iterable[int]) -> Iterator[tuple[str, int, int]]:
    """The counters of a handful with the ones next to them, as few ranges."""
    ordered = sorted(counters)
    breaks = [place for place in range(1, len(ordered)) if ordered[place] - ordered[place - 1] > 2]
    for begin, end in pairwise((0, *breaks, len(ordered))):
        yield device, ordered[begin] - 1, ordered[end - 1] + 1


def decide(statement: DeviceStatement, known: Known, now_ms: int) -> Admission:
    """What becomes of a genuine statement; ``known`` has seen it from now on."""
    earlier = known.seen.get(statement.counter)
    if earlier is not None and earlier.sha256 == statement.sha256:
        return Admission(DUPLICATE, earlier.outcome)
    span: tuple[int, int] | None = None
    try:
        if earlier is not None:
            raise EquivocationError(f"counter {statement.counter} was used for another statement")
        _check_neighbours(statement, known)
        span, gaps = _read(statement)
        _check_clock(statement, span, now_ms)
        _check_installed(statement, span, known)
        admission = Admission(ACCEPTED, ACCEPTED, None, span, gaps)
    except TraceabilityError as refusal:
        admission = Admission(QUARANTINED, refusal.code, refusal, span)
    known.seen.setdefault(statement.counter, Seen(statement.sha256, statement.prev, admission.outcome))
    return admission


def _check_neighbours(statement: DeviceStatement, known: Known) -> None:
    before, after = known.seen.get(statement.counter - 1), known.seen.get(statement.counter + 1)
    if before is not None and before.sha256 != statement.prev:
        raise BrokenDeviceChainError(f"statement {statement.counter} does not follow the one before it")
    if after is not None and after.prev != statement.sha256:
        raise BrokenDeviceChainError(f"the one after statement {statement.counter} follows another")
    if statement.counter == 0 and statement.prev != NO_PREVIOUS:
        raise BrokenDeviceChainError("the first statement of a device follows none")


def _read(statement: DeviceStatement) -> tuple[tuple[int, int] | None, tuple[Gap, ...]]:
    if statement.media_type == media.GAP:
        return None, statement.gaps()
    if statement.media_type != media.FRAME:
        raise UnsupportedStatementError(f"{statement.media_type} is not taken yet")
    times = statement.columns().at_ms
    return (None if statement.clock is Clock.UNSYNCHRONISED else (min(times), max(times))), ()


def _check_clock(statement: DeviceStatement, span: tuple[int, int] | None, now_ms: int) -> None:
    ahead_ms = max(span[1] if span else 0, (statement.issued_at or 0) * 1000) - now_ms
    if ahead_ms > MAX_AHEAD_MS:
        raise ClockAheadError(f"the device's clock is {ahead_ms // 1000} s ahead")


def _check_installed(statement: DeviceStatement, span: tuple[int, int] | None, known: Known) -> None:
    stream = stream_hash(statement.stream)
    for place in known.installed:
        within = span is None or (
            place.from_ms <= span[0] and (place.to_ms is None or span[1] <= place.to_ms)
        )
        if place.stream == stream and within:
            return
    raise NotInstalledError(f"device {statement.device} was not installed on {statement.stream} then")
