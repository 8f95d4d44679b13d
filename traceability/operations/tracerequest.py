"""What people and programs ask to be traced, read from text: things, places, parties, where to stop."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from traceability.errors import IdentifierError, QueryError
from traceability.identifiers import GS1_HOST, Batch, canonical, parse_gtin, party_uri, place_uri
from traceability.operations.graph import Stops
from traceability.operations.node import Node
from traceability.operations.trace import Request
from traceability.supply.epcis.cbv import BIZ_STEPS
from traceability.supply.tracing.packing import BEGINNING, FOREVER
from traceability.supply.tracing.trace import MAX_DEPTH, MAX_THINGS, Direction, Options

MAX_STOPS: Final = 100
_BATCH: Final = re.compile(r"([0-9]{8,14})/(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Asked:
    """A trace as it is asked for; times are milliseconds since 1970 UTC.

    ``things`` are ``GTIN/LOT``, paths, URIs or URNs; ``place`` and ``party`` GLNs or URIs; ``stops``
    business steps of the CBV, GLNs or URIs.
    """

    things: Sequence[str] = ()
    direction: Direction = Direction.FORWARD
    contact: bool = False
    depth: int = MAX_DEPTH
    start_ms: int | None = None
    end_ms: int | None = None
    place: str | None = None
    party: str | None = None
    stops: Sequence[str] = ()
    max_things: int = MAX_THINGS

    def request(self, node: Node) -> Request:
        """The same with the one URI of everything.

        Raises:
            QueryError: a depth below 0 or above ``MAX_DEPTH``, or too many stops.
            IdentifierError: a thing, place or party that is none.
        """
        if not 0 <= self.depth <= MAX_DEPTH:
            raise QueryError(f"the depth of a trace is 0 to {MAX_DEPTH}, not {self.depth}")
        start = BEGINNING if self.start_ms is None else self.start_ms
        end = FOREVER if self.end_ms is None else self.end_ms
        things = tuple(read_thing(node, text) for text in self.things)
        place, party = _uri(self.place, node, place_uri), _uri(self.party, node, _party)
        somewhere = place is not None or party is not None
        times = (BEGINNING, FOREVER) if somewhere else (start, end)
        period = None if self.start_ms is None or self.end_ms is None else (start, end)
        options = Options(self.direction, self.contact, self.depth, *times, max_things=self.max_things)
        return Request(things, place, party, period if somewhere else None, options, _stops(self.stops, node))


def read_thing(node: Node, text: str) -> str:
    """The URI of a batch (``GTIN/LOT``, path of its page), or of anything else by its URI, URN or path.

    Raises:
        IdentifierError: not one of these.
    """
    if found := _BATCH.fullmatch(text):
        return Batch(parse_gtin(found[1]), found[2]).uri(node.name)
    if text.startswith("/"):
        text = f"https://{GS1_HOST}{text}"
    if not text.startswith(("https://", "http://", "urn:")):
        raise IdentifierError(f"{text[:128]!r}: write GTIN/LOT, a Digital Link path, a URI or a URN")
    return canonical(re.sub(r"[?#].*", "", text), node.name)


def _uri(text: str | None, node: Node, make: Callable[[str, str], str]) -> str | None:
    """The URI of a place or party that is given as one, or as a GLN."""
    if text is None:
        return None
    return canonical(text, node.name) if ":" in text else make(text, node.name)


def _party(text: str, node: str) -> str:
    return party_uri(node, text)


def _stops(texts: Sequence[str], node: Node) -> Stops:
    """A GLN may be a place's or a party's: a trace stops at either."""
    if len(texts) > MAX_STOPS:
        raise QueryError(f"a trace stops at most at {MAX_STOPS} steps, places and parties, not {len(texts)}")
    words = BIZ_STEPS.words.intersection(texts)
    others = [text for text in texts if text not in words]
    return Stops(
        frozenset(BIZ_STEPS.web + word for word in words),
        _uris(others, node, place_uri),
        _uris(others, node, _party),
    )


def _uris(texts: Iterable[str], node: Node, make: Callable[[str, str], str]) -> frozenset[str]:
    return frozenset(uri for text in texts if (uri := _uri(text, node, make)) is not None)
