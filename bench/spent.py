"""Where time goes, by cProfile: which makes Python look slower against C and the disk than it is."""

from __future__ import annotations

import cProfile
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds in one function, with and without what it calls; ``file`` is empty for what is not Python."""

    file: str
    function: str
    whole_s: float
    own_s: float

    @property
    def place(self) -> str:
        """File and function."""
        return f"{self.file}:{self.function}"


def spent(work: Callable[[], object]) -> list[Spent]:
    """Do something and say where the time went."""
    profile = cProfile.Profile()
    profile.runcall(work)
    return [
        Spent(entry.code.co_filename, entry.code.co_name, entry.totaltime, entry.inlinetime)
        if isinstance(entry.code, CodeType)
        else Spent("", entry.code, entry.totaltime, entry.inlinetime)
        for entry in profile.getstats()
    ]


def shares(parts: dict[str, float], whole_s: float) -> dict[str, str]:
    """Each part of a whole in per cent, and all else."""
    rest = {"all else": whole_s - sum(parts.values())}
    return {name: f"{seconds / whole_s:.0%}" for name, seconds in (parts | rest).items()}
