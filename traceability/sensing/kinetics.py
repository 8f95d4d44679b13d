"""What temperatures do to goods: mean kinetic temperature, and what is left of a shelf life.

These are estimates for people. They are computed in floating point by the node and named as
such; no verdict rests on them, and no other verifier recomputes them.

Sources: USP <1160> (mean kinetic temperature, heat of activation 83.144 kJ/mol); T. P. Labuza,
Shelf-life Dating of Foods, 1982 (Q10); D. A. Ratkowsky et al., J. Bacteriol. 149 (1982) 1-5 and
P. Dalgaard, chapter 12 of Safety and Quality Issues in Fish Processing, 2002 (square root, and
that effects of changing temperatures add up).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from traceability.errors import ReadingsError
from traceability.sensing.coldchain import Sample, value_at

ACTIVATION_J_PER_MOL: Final = 83_144.0
GAS_J_PER_MOL_K: Final = 8.3144
ACTIVATION_K: Final = ACTIVATION_J_PER_MOL / GAS_J_PER_MOL_K
"""10,000 kelvin: USP rounds the gas constant, and so chooses both."""
ZERO_MILLI_C_IN_K: Final = 273.15

Held = Mapping[int, int]
"""How long each temperature was held: thousandths of a degree Celsius to half milliseconds, > 0."""


@dataclass(frozen=True, slots=True)
class Q10:
    """The rate grows by a factor every 10 kelvin; both numbers in thousandths."""

    factor_milli: int
    reference_milli_c: int

    def rate(self, milli_c: int) -> float:
        """How much faster than at the reference."""
        return math.pow(self.factor_milli / 1000, (milli_c - self.reference_milli_c) / 10_000)


@dataclass(frozen=True, slots=True)
class SquareRoot:
    """The square root of the rate grows in a straight line from a least temperature (Ratkowsky)."""

    least_milli_c: int
    reference_milli_c: int

    def rate(self, milli_c: int) -> float:
        """How much faster than at the reference; nothing happens at or below the least temperature."""
        above = max(0, milli_c - self.least_milli_c)
        return (above / (self.reference_milli_c - self.least_milli_c)) ** 2


def held(samples: Sequence[Sample], max_gap_ms: int, start_ms: int, end_ms: int) -> Counter[int]:
    """How long a curve held each temperature in a window: half of every line belongs to each of its ends.

    Args:
        samples: n >= 0, strictly increasing in time, one sensor.
        max_gap_ms: the longest interval with a line over it; others are left out.
    """
    found: Counter[int] = Counter()
    for a, b in pairwise(samples):
        from_ms, to_ms = max(a.at_ms, start_ms), min(b.at_ms, end_ms)
        if from_ms < to_ms and b.at_ms - a.at_ms <= max_gap_ms:
            found[value_at(a, b, from_ms)] += to_ms - from_ms
            found[value_at(a, b, to_ms)] += to_ms - from_ms
    return found


def mean_kinetic_milli_c(temperatures: Held) -> int:
    """The one temperature that would have done as much, in thousandths of a degree Celsius.

    Raises:
        ReadingsError: no temperature was held.
    """
    whole = sum(temperatures.values())
    if whole <= 0:
        raise ReadingsError("no temperature was held for any time")
    mean = sum(
        share / whole * math.exp(-ACTIVATION_K / (milli_c / 1000 + ZERO_MILLI_C_IN_K))
        for milli_c, share in temperatures.items()
    )
    return round((ACTIVATION_K / -math.log(mean) - ZERO_MILLI_C_IN_K) * 1000)


def spent_ms(temperatures: Held, model: Q10 | SquareRoot) -> int:
    """How much time at the model's reference temperature would have used up as much of a shelf life."""
    return round(sum(share * model.rate(milli_c) for milli_c, share in temperatures.items()) / 2)
