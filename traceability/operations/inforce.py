"""Which limits were in force in a place, and how long each interval was above or below them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import Connection, or_, select

from traceability.errors import TraceabilityError
from traceability.ledger.state import stream_hash
from traceability.operations.stays import batch_limits
from traceability.sensing.coldchain import Exposure, Limits
from traceability.store import models
from traceability.verification.stays import NO_LIMITS


@dataclass(frozen=True, slots=True)
class InForce:
    """Limits of all goods that were in a place, from one time to another, in milliseconds."""

    from_ms: int
    to_ms: int
    limits: Limits


@dataclass(slots=True)
class Outside:
    """Time in milliseconds above and below limits."""

    above_ms: int = 0
    below_ms: int = 0


def limits_in_force(connection: Connection, stream: str, from_ms: int, to_ms: int) -> list[InForce]:
    """What the lots in a place bear together, piece by piece; without times in which none states limits.

    Args:
        stream: an asset's URI, or that of a lot with loggers of its own.
        from_ms, to_ms: the window; lots that are there still are there to its end.
    """
    there = _lots(connection, stream_hash(stream), from_ms, to_ms)
    cuts = sorted({end for begin, until, _ in there for end in (begin, until)})
    pieces = []
    for begin, until in pairwise(cuts):
        inside = [limits for lot_from, lot_to, limits in there if lot_from <= begin and until <= lot_to]
        if inside:
            pieces.append(InForce(begin, until, _together(inside)))
    return pieces


def outside_by(found: Iterable[Exposure], every_ms: int) -> dict[int, Outside]:
    """Exposures cut into intervals, by the beginning of each; those never outside are left out."""
    cut: dict[int, Outside] = defaultdict(Outside)
    for excursion in (each for exposure in found for each in exposure.excursions):
        begin = excursion.from_ms - excursion.from_ms % every_ms
        for interval in range(begin, excursion.to_ms, every_ms):
            lasts_ms = min(excursion.to_ms, interval + every_ms) - max(excursion.from_ms, interval)
            if excursion.side == "above":
                cut[interval].above_ms += lasts_ms
            else:
                cut[interval].below_ms += lasts_ms
    return dict(cut)


def _lots(connection: Connection, place: bytes, from_ms: int, to_ms: int) -> list[tuple[int, int, Limits]]:
    """Each lot's time in a place, cut at the window, and what it bears."""
    stay, batch = models.Stay, models.Batch
    query = select(stay.batch, stay.entered_ms, stay.left_ms).where(stay.asset == place)
    query = query.where(stay.entered_ms < to_ms, or_(stay.left_ms.is_(None), stay.left_ms > from_ms))
    times = [(row.batch, row.entered_ms, row.left_ms) for row in connection.execute(query)]
    itself = connection.execute(select(batch.stream).where(batch.stream == place)).scalar_one_or_none()
    times += [] if itself is None else [(itself, from_ms, None)]
    borne = {lot: _limits_of(connection, lot) for lot in {lot for lot, _, _ in times}}
    return [
        (max(entered_ms, from_ms), to_ms if left_ms is None else min(left_ms, to_ms), borne[lot])
        for lot, entered_ms, left_ms in times
        if borne[lot] != NO_LIMITS
    ]


def _limits_of(connection: Connection, lot: bytes) -> Limits:
    try:
        return batch_limits(connection, lot)
    except TraceabilityError:  # what is wrong with the event is the audit's matter
        return NO_LIMITS


def _together(limits: Iterable[Limits]) -> Limits:
    """The narrowest; of lots that do not bear each other's cold all but one temperature is outside."""
    each = list(limits)
    high = min(one.high_milli_c for one in each)
    low = max(one.low_milli_c for one in each)
    return Limits(min(low, high), high, min(one.max_gap_ms for one in each))
