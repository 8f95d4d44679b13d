"""What the frames of an asset say about one stay; the node writes it, every verifier recomputes it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from traceability import media
from traceability.errors import ReadingsError
from traceability.ledger.stay import MAX_MILLI_C, Series
from traceability.sensing.coldchain import Exposure, Limits, Sample, exposure, sample_of
from traceability.sensing.frame import Clock, DeviceStatement

DEFAULT_GAP_MS: Final = 30 * 60 * 1000
NO_LIMITS: Final = Limits(-MAX_MILLI_C, MAX_MILLI_C, DEFAULT_GAP_MS)
"""For a product whose producer states no limits: nothing is ever outside."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One sensor's temperatures over a stay, in order of time, and what they add up to."""

    device: str
    name: str
    samples: tuple[Sample, ...]
    exposure: Exposure


def limits_of(event: Mapping[str, object]) -> Limits:
    """The limits that the event which created a batch states (``ilmd`` / ``ft:temperature``)."""
    ilmd = event.get("ilmd")
    stated = ilmd.get("ft:temperature") if isinstance(ilmd, Mapping) else None
    if stated is None:
        return NO_LIMITS
    if not isinstance(stated, Mapping):
        raise ReadingsError("ft:temperature holds the limits by name")
    low, high, gap = (stated.get(k) for k in ("lowMilliCelsius", "highMilliCelsius", "maxGapSeconds"))
    truths = any(isinstance(number, bool) for number in (low, high, gap))
    if truths or not isinstance(low, int) or not isinstance(high, int) or not isinstance(gap, int):
        raise ReadingsError("ft:temperature holds three whole numbers")
    return Limits(low, high, gap * 1000)


def curves(
    statements: Iterable[DeviceStatement], devices: Iterable[str], limits: Limits, from_ms: int, to_ms: int
) -> tuple[Curve, ...]:
    """The temperature curves of a stay, by device and sensor name.

    Only frames of the devices that were installed count; of two readings of one sensor at one
    time the first in the asset's chain stands. A device without readings has no curve.

    Args:
        statements: the asset's device statements in the order of its chain.
        from_ms, to_ms: the stay.
    """
    wanted = set(devices)
    found: dict[tuple[str, str], dict[int, Sample]] = defaultdict(dict)
    for statement in statements:
        if statement.media_type != media.FRAME or statement.clock is Clock.UNSYNCHRONISED:
            continue
        if statement.device not in wanted:
            continue
        for reading in statement.readings():
            if reading.unit == "Cel":
                found[statement.device, reading.name].setdefault(reading.at_ms, sample_of(reading))
    result = []
    for (device, name), by_time in sorted(found.items()):
        samples = tuple(by_time[t] for t in sorted(by_time))
        result.append(Curve(device, name, samples, exposure(samples, limits, from_ms, to_ms)))
    return tuple(result)


def series_of(curve: Curve) -> Series:
    """A curve as a line of a stay-close."""
    total = curve.exposure
    return Series(
        device=curve.device,
        name=curve.name,
        readings=total.samples,
        min_milli_c=total.min_milli_c,
        max_milli_c=total.max_milli_c,
        above_ms=total.above_ms,
        below_ms=total.below_ms,
        unknown_ms=total.unknown_ms,
    )
