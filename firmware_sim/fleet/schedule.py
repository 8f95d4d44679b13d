"""When each frame is due. It follows from its arguments, whatever the machine does meanwhile."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a fleet sends.

    ``rate`` frames a second, reached after ``ramp_s`` of rising evenly from none; each frame comes up
    to ``jitter_s`` late; with ``burst_s`` all of so many seconds come at once, at their end.
    """

    rate: float
    ramp_s: float = 0.0
    jitter_s: float = 0.0
    burst_s: float = 0.0
    seed: int = 1

    def at_s(self, number: int) -> float:
        """When a frame is due, without jitter and bursts, in seconds after the start.

        While the rate rises to r in R seconds, n = r t^2 / 2R frames have left after t.
        """
        in_ramp = self.rate * self.ramp_s / 2
        if number < in_ramp:
            return math.sqrt(2 * self.ramp_s * number / self.rate)
        return self.ramp_s / 2 + number / self.rate


def schedule(pace: Pace, devices: int, frames: int) -> Iterator[tuple[float, int]]:
    """When which device's next frame is due: seconds after the start and its place, ascending."""
    chance = random.Random(pace.seed)
    due = []
    for number in range(devices * frames):
        at_s = pace.at_s(number) + chance.random() * pace.jitter_s
        if pace.burst_s:
            at_s = math.ceil(at_s / pace.burst_s) * pace.burst_s
        due.append((at_s, number))
    due.sort()
    return ((at_s, number % devices) for at_s, number in due)
