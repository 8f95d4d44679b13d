"""Trace: everything that something became part of (forward), or came from (backward).

What is traced is a *state*: a thing is **affected** (it is what is traced, or was made from it), it is
**carrying** (something affected is inside it now), or a process is **working** on it. A state has the
times at which it holds, and a move leads from one state to another at any time in an interval:

    affected X or carrying X -> working Q    X is an input of Q: at that time
    working Q  -> affected Y                 Y is an output of Q: at that time
    affected X or carrying X -> carrying P   while X is inside P
    affected P -> affected X                 while X is inside P (its contents)
    carrying P -> affected X                 while X is inside P, if ``contact`` is asked for

Matter waits in things and processes, so once affected or working they stay so; a carrier carries only
while the thing is inside. So neighbours in one pallet do not reach one another without ``contact``, and
with it only those that were inside together: a batch packed after another had left is not reached.
Equal times may have been in either order, so they count as possible.

Backward runs the same moves the other way, with times counted backwards: a state then holds at the
times at which it still leads to the start. A backward trace begins with what the start is *and* with
what it carries, so that Y is in the forward trace of X exactly when X is in the backward trace of Y.

The walk corrects its labels in rounds: after round n it has the earliest times that n processes or
packings lead to, which makes a limited depth exact, and ends where nothing gets earlier; cycles only
lead to later times. A round fetches the links of all its states at once.

Source: docs/adr/0014-lineage.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Final, NamedTuple, Protocol

from traceability.supply.lineage import LinkKind
from traceability.supply.tracing.balance import Balance
from traceability.supply.tracing.cycles import cycles
from traceability.supply.tracing.packing import BEGINNING, FOREVER, Inside, LinkRow, WeighedRow

MAX_THINGS: Final = 200_000
MAX_DEPTH: Final = 2_000


CHUNK: Final = 5_000
"""Things that are asked for at a time."""


class Direction(StrEnum):
    """Where a trace goes: to what was made of something, or to what it was made of."""

    FORWARD = "forward"
    BACKWARD = "backward"


class Mode(StrEnum):
    """In which state a thing or process is in the answer."""

    AFFECTED = "affected"
    CARRYING = "carrying"
    WORKING = "working"


class End(StrEnum):
    """An end of a link."""

    SRC = "src"
    DST = "dst"


class Part(StrEnum):
    """Which links: those between things and processes, those between children and parents, or all."""

    POINTS = "points"
    PACKS = "packs"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Options:
    """How far a walk goes; moves outside ``from_ms`` to ``to_ms`` do not count."""

    direction: Direction = Direction.FORWARD
    contact: bool = False
    depth: int = MAX_DEPTH
    from_ms: int = BEGINNING
    to_ms: int = FOREVER
    max_things: int = MAX_THINGS


class Links(Protocol):
    """Where a walk reads the graph."""

    @property
    def few(self) -> int:
        """Up to how many things a walk asks about, reading ahead is quicker than asking again."""

    def at(self, ids: Sequence[int], end: End, part: Part, *, limit: int) -> list[WeighedRow]:
        """The links whose ``end`` is one of these, in any order; at most ``limit`` of them.

        Those of kind PACK or more have their quantities, the others need none.
        """

    def ahead(self, ids: Sequence[int], options: Options, *, limit: int) -> list[tuple[int, bool]]:
        """Things and processes that a walk may ask about if it asks about these; the nearest first.

        Each with whether it is there in the lesser state only: forward it carries, backward it is
        affected. Whatever is left out, or is there for nothing, costs time and changes no answer.
        """

    def stopping(self, ids: Sequence[int]) -> Collection[int]:
        """Which of these are to be reached but not left."""


class Reached(NamedTuple):
    """A thing or process of the answer.

    ``at_ms`` is the earliest time at which it is affected or carrying; backward, the latest time until
    which it leads to the start; None where no time limits it.
    """

    id: int
    depth: int
    mode: Mode
    at_ms: int | None


@dataclass(frozen=True, slots=True)
class Walked:
    """What a walk found; ``cut`` says which limit ended it early (things, links or depth).

    Things stand by depth, time and number; ``links`` and ``packed`` are those that some move used, in
    no particular order.
    """

    things: tuple[Reached, ...]
    processes: tuple[Reached, ...]
    links: tuple[LinkRow, ...]
    packed: frozenset[Inside]
    stopped: frozenset[int]
    cut: str | None


class Flag(StrEnum):
    """What is to be looked at on a thing of the answer."""

    NO_ORIGIN = "no origin"
    NO_LOT = "no lot"
    NOT_RECEIVED = "shipped, not received"
    STOPPED = "not followed further"


@dataclass(frozen=True, slots=True)
class Detail:
    """What events say about a thing: where it was seen first and last, who said so, what is missing.

    ``parties`` are all who spoke of it, sorted.
    """

    first_ms: int | None = None
    first_place: str | None = None
    first_party: str | None = None
    last_ms: int | None = None
    last_place: str | None = None
    last_party: str | None = None
    quantity: str | None = None
    uom: str | None = None
    flags: tuple[Flag, ...] = ()
    parties: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trace:
    """The answer to a trace. ``details``, ``balances`` and ``quantities`` are there once it was described."""

    direction: Direction
    starts: frozenset[int]
    walked: Walked
    uris: Mapping[int, str]
    details: Mapping[int, Detail] = field(default_factory=dict)
    balances: Mapping[int, Sequence[Balance]] = field(default_factory=dict)
    quantities: Mapping[LinkRow, tuple[str, str | None]] = field(default_factory=dict)

    @cached_property
    def cycles(self) -> tuple[tuple[str, ...], ...]:
        """Groups of things that became part of one another, or of themselves; each in order."""
        edges = [
            (row[0], ~row[3]) if row[1] == LinkKind.INPUT else (~row[0], row[3]) for row in self.walked.links
        ]
        edges += [(inside.child, inside.parent) for inside in self.walked.packed]
        things = {thing.id for thing in self.walked.things}
        groups = ([self.name(node) for node in group if node in things] for group in cycles(edges))
        return tuple(sorted(tuple(sorted(group)) for group in groups))

    @cached_property
    def _holders(self) -> frozenset[int]:
        """Backward: what things were inside of, without having gone into anything itself."""
        inputs = {row[0] for row in self.walked.links if row[1] == LinkKind.INPUT}
        return frozenset({inside.parent for inside in self.walked.packed} - inputs)

    def how(self, thing: Reached) -> str:
        """How a thing came into the answer.

        ``start``; forward, ``affected`` or ``carrying``; backward, ``source`` or ``held`` (it only held
        the start or a source of it).
        """
        if thing.id in self.starts:
            return "start"
        if self.direction is Direction.FORWARD:
            return thing.mode.value
        return "held" if thing.id in self._holders else "source"

    def name(self, number: int) -> str:
        """The URI of a thing or process, or its number where no event is left that names it."""
        return self.uris.get(number) or f"number:{number & (2**64 - 1):016x}"


def chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """The ids in parts that can be asked for at once."""
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
