"""What a product is made of: the journeys of its ingredients, each from its own checked bundle."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from traceability.errors import (
    LostStatementError,
    MalformedError,
    NotPublishedError,
    ProofTooLargeError,
    TamperError,
    UnknownSubjectError,
)
from traceability.identifiers import Batch, Kind, parse_stream, stream_of
from traceability.supply.epcis.events import begins, inputs_of
from traceability.verification.journey import Journey
from webapp.consumer.corrected import creation
from webapp.consumer.journeys import Checked

MOST: Final = 12
"""Journeys that one page looks at beside its own; of further ingredients it has links."""
DEEPEST: Final = 4
"""Levels of ingredients that fold out."""
LISTED: Final = 20
"""Ingredients of one batch that are listed."""


class State(StrEnum):
    """What the page can say of an ingredient."""

    SHOWN = "shown"
    ELSEWHERE = "elsewhere"
    LINKED = "linked"
    UNKNOWN = "unknown"
    PENDING = "pending"
    TOO_LARGE = "too-large"
    LOST = "lost"
    MISMATCH = "mismatch"


UNSURE: Final = frozenset({State.UNKNOWN, State.PENDING, State.TOO_LARGE, State.LOST, State.MISMATCH})
"""What could not be checked."""


@dataclass(frozen=True, slots=True)
class Ingredient:
    """One input of a batch.

    Attributes:
        uri: what the event names.
        batch: where its page is; None for what has none here.
        journey: as it was checked; None unless it is ``SHOWN``.
        inputs: its own ingredients, of which ``more`` others are not listed.
    """

    uri: str
    batch: Batch | None
    state: State
    journey: Journey | None = None
    inputs: tuple[Ingredient, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Made:
    """The ingredients of a batch, and the checks that they rest on."""

    inputs: tuple[Ingredient, ...]
    more: int
    used: tuple[Checked, ...]

    def shown(self) -> Iterator[Ingredient]:
        """All that fold out, the deeper ones too."""
        return _shown(self.inputs)

    @property
    def mismatched(self) -> list[str]:
        """Those whose records do not match."""
        return [i.uri for i in _all(self.inputs) if i.state is State.MISMATCH]

    @property
    def unsure(self) -> int:
        """How many of those listed could not be checked."""
        return sum(i.state in UNSURE for i in _all(self.inputs))


def gather(journey: Journey, load: Callable[[str], Checked], node: str) -> Made:
    """The ingredients of a batch and theirs, nearest first until there are enough.

    Each is looked at once, under the batch that is nearest to the page's own: so cycles end.

    Args:
        load: the check of a batch by its URI; raises as ``export_bundle`` does.
        node: name of this node.
    """
    gathering = _Gathering(load, node)
    gathering.look(journey)
    inputs, more = gathering.inputs_of(journey)
    return Made(inputs, more, tuple(gathering.used))


@dataclass(slots=True)
class _Gathering:
    """One page's look: what was found of each URI, and under which batch it is told."""

    load: Callable[[str], Checked]
    node: str
    found: dict[str, Journey | State] = field(default_factory=dict)
    under: dict[str, str] = field(default_factory=dict)
    used: list[Checked] = field(default_factory=list)

    def look(self, journey: Journey) -> None:
        """Breadth first, so that what was used directly comes before what that was made of."""
        self.under[journey.batch] = ""
        waiting = deque([(journey, 1)])
        while waiting:
            made, depth = waiting.popleft()
            for uri in self._named(made)[:LISTED]:
                if uri in self.under:
                    continue
                self.under[uri] = made.batch
                found = self.found[uri] = self._look_at(uri)
                if isinstance(found, Journey) and depth < DEEPEST:
                    waiting.append((found, depth + 1))

    def inputs_of(self, journey: Journey) -> tuple[tuple[Ingredient, ...], int]:
        """What is told under a batch, and how many more there are; at most ``DEEPEST`` deep."""
        named = self._named(journey)
        return tuple(self._told(uri, journey.batch) for uri in named[:LISTED]), max(0, len(named) - LISTED)

    def _told(self, uri: str, below: str) -> Ingredient:
        batch = _batch(uri, self.node)
        if self.under.get(uri, below) != below:
            return Ingredient(uri, batch, State.ELSEWHERE)
        found = self.found.get(uri, State.LINKED)
        if isinstance(found, State):
            return Ingredient(uri, batch, found)
        inputs, more = self.inputs_of(found)
        return Ingredient(uri, batch, State.SHOWN, found, inputs, more)

    def _named(self, journey: Journey) -> Sequence[str]:
        """What the batch was made of; nothing if that event only used it up."""
        event = creation(journey).event
        return inputs_of(event, self.node) if begins(event, journey.batch, self.node) else ()

    def _look_at(self, uri: str) -> Journey | State:
        if _batch(uri, self.node) is None:
            return State.UNKNOWN
        if len(self.used) >= MOST:
            return State.LINKED
        try:
            checked = self.load(uri)
        except UnknownSubjectError:
            return State.UNKNOWN
        except NotPublishedError:
            return State.PENDING
        except ProofTooLargeError:
            return State.TOO_LARGE
        except LostStatementError:
            return State.LOST
        except (TamperError, MalformedError):
            return State.MISMATCH
        self.used.append(checked)
        return checked.verdict.journey or State.MISMATCH


def _batch(uri: str, node: str) -> Batch | None:
    """A batch that has a page under this node's own address."""
    stream = stream_of(uri, node)
    if stream is None or parse_stream(stream).kind is not Kind.BATCH:
        return None
    batch = parse_stream(stream).batch
    return batch if batch.uri(node) == uri else None


def _all(inputs: Iterable[Ingredient]) -> Iterator[Ingredient]:
    for ingredient in inputs:
        yield ingredient
        yield from _all(ingredient.inputs)


def _shown(inputs: Iterable[Ingredient]) -> Iterator[Ingredient]:
    return (ingredient for ingredient in _all(inputs) if ingredient.state is State.SHOWN)
