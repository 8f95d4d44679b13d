"""Numbers that look random and follow from their arguments: the same on every platform."""

from __future__ import annotations

import hashlib
import math


def noise(seed: int, what: str, number: int) -> float:
    """A number that depends on its arguments only, about normal: mean 0, standard deviation 1.

    The sum of twelve bytes of a hash: each has the variance (256^2 - 1) / 12.
    """
    digest = hashlib.sha256(f"{seed}/{what}/{number}".encode()).digest()
    return (sum(digest[:12]) - 1530) / 256


def chance(seed: int, what: str, number: int) -> float:
    """A number from 0 to, not including, 1, all alike; it depends on its arguments only."""
    digest = hashlib.sha256(f"{seed}/{what}/{number}".encode()).digest()
    return int.from_bytes(digest[12:18], "big") / 2**48


def smooth(share: float) -> float:
    """From 0 to 1, level at both ends."""
    return share * share * (3 - 2 * share)


def quantised(value: float, step: float) -> float:
    """The nearest multiple of a step, halves up; a step of 0 leaves the value as it is."""
    return math.floor(value / step + 0.5) * step if step else value
