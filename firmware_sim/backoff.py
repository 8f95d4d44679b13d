"""How long a device waits before it tries again: exponentially longer, at random, so that no crowd comes.

After a broker's restart all of its devices have lost their connection at one instant. Source: M. Brooker,
"Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("full jitter").
"""

from __future__ import annotations

import random
from typing import Final

FIRST_S: Final = 1.0
LONGEST_S: Final = 8.0
"""A real fleet does well with minutes; in the demonstration somebody is looking."""


class Backoff:
    """Waits in seconds, each evenly distributed from 0 to a bound that doubles.

    Args:
        seed: tells the waits of one device from those of others; the same ones at every start.
    """

    def __init__(self, seed: str, first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> None:
        self._random = random.Random(seed)
        self._first_s, self._longest_s = first_s, longest_s
        self._bound_s = first_s

    def next_s(self) -> float:
        """The next wait."""
        wait_s = self._random.uniform(0.0, self._bound_s)
        self._bound_s = min(2 * self._bound_s, self._longest_s)
        return wait_s

    def reset(self) -> None:
        """It has worked: the next wait is a short one."""
        self._bound_s = self._first_s
