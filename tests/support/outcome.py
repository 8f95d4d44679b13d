"""Where a test of a fault says what came of its rounds; see ``tests/faults/conftest.py``."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.faults import Came


@dataclass
class Told:
    """What the tests of one fault have told so far."""

    took_s: float = 0.0
    came: Came | None = None
    control: Came | None = None


@dataclass
class Outcome:
    """Where a test says what came of its rounds."""

    told: Told = field(default_factory=Told)

    def held(self, came: Came) -> None:
        """Of the real thing: nothing is lost, doubled or forked, or this fails."""
        self.told.came = came
        assert came.sent
        assert came.harm == 0, came

    def control(self, came: Came) -> None:
        """Of the thing without its safeguard: some harm is done, or this fails."""
        self.told.control = came
        assert came.harm > 0, came
