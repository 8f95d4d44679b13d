"""The parts of an audit: each reads a range of its own, and finds the same wherever it is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from traceability.operations.audit.report import Finding, Progress, Run

KEYS: Final = 256**4
"""How many beginnings of four bytes there are."""


@dataclass(frozen=True, slots=True)
class Task:
    """One part: ``work`` is called with a run of its own and the arguments.

    ``what`` and ``weight`` tell a person who waits how much of what it reads.
    """

    what: str
    weight: int
    work: Callable[..., Any]
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a part: what is wrong or lost there, how much was read, what others need of it."""

    findings: Sequence[Finding]
    lost: Sequence[str]
    counts: Counter[str]
    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """The database did not answer: why."""

    text: str


Perform: TypeAlias = Callable[[Run, Sequence[Task], Progress | None], list[Done]]
"""Does all parts; what came of each, in their order."""


def perform(run: Run, task: Task) -> Done:
    """Do one part."""
    part = run.part()
    value = task.work(part, *task.arguments)
    return Done(part.findings, part.lost, part.counts, value)


def perform_here(run: Run, tasks: Sequence[Task], progress: Progress | None) -> list[Done]:
    """Do all parts in this process, one after the other."""
    shown, done = Shown(tasks, progress), []
    for task in tasks:
        done.append(perform(run, task))
        shown.add(task)
    return done


class Shown:
    """Tells how much of all parts of one kind is done."""

    def __init__(self, tasks: Sequence[Task], progress: Progress | None) -> None:
        self._progress = progress
        self._whole, self._done = Counter[str](), Counter[str]()
        for task in tasks:
            self._whole[task.what] += task.weight

    def add(self, task: Task) -> None:
        """One more part is done."""
        self._done[task.what] += task.weight
        if self._progress is not None and task.weight:
            self._progress(task.what, self._done[task.what], self._whole[task.what])


def ranges(count: int, size: int) -> list[tuple[bytes, bytes]]:
    """Ranges of SHA-256 hashes, ascending, that ``size`` of ``count`` hashes fall into at a time.

    Returns:
        The first hash of each range, and the first that is behind it; all of them begin with zeros alone
        or stand behind every hash.
    """
    parts = max(1, -(-count // size))
    edges = [(KEYS * part // parts).to_bytes(5, "big")[1:] for part in range(parts)]
    return list(zip(edges, [*edges[1:], b"\xff" * 33], strict=True))
