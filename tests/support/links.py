"""A lineage graph in memory: what a walk reads in tests, and the walk done the slow way."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from traceability.supply.lineage import LinkKind
from traceability.supply.tracing.packing import WeighedRow, insides
from traceability.supply.tracing.trace import Direction, End, Options, Part

State = tuple[str, int, int]
"""``affected``, ``carrying`` or ``working``; a thing or process; a time."""


@dataclass
class Graph:
    """Links in memory; ``asked`` counts the reads, ``limits`` are those of reading ahead.

    ``ahead_of`` is how many it tells of at once when it is asked what lies ahead.
    """

    rows: list[WeighedRow]
    stops: frozenset[int] = frozenset()
    ahead_of: int = 1000
    few: int = 0
    asked: int = field(default=0)
    limits: list[int] = field(default_factory=list)

    def at(self, ids: Sequence[int], end: End, part: Part, *, limit: int) -> list[WeighedRow]:
        self.asked += 1
        place, wanted = (0 if end is End.SRC else 3), set(ids)
        found = [row for row in self.rows if row[place] in wanted]
        return [row for row in found if part in {Part.ALL, _part(row)}][:limit]

    def ahead(self, ids: Sequence[int], options: Options, *, limit: int) -> list[tuple[int, bool]]:
        self.asked += 1
        self.limits.append(limit)
        forward = options.direction is Direction.FORWARD
        found = dict.fromkeys((thing, False) for thing in ids)
        ready = deque(found)
        most = min(limit, self.ahead_of)
        while ready and len(found) < most:
            here, lesser = ready.popleft()
            full = options.contact or not lesser
            for src, kind, _, dst, _, _ in self.rows:
                packing = kind >= LinkKind.PACK
                if src == here and (forward or packing):
                    new = (dst, packing and not options.contact)
                elif dst == here and (full or not (forward or packing)) and (packing or not forward):
                    new = (src, False)
                else:
                    continue
                if new not in found:
                    found[new] = None
                    ready.append(new)
        return list(found)[:most]

    def stopping(self, ids: Sequence[int]) -> Collection[int]:
        return self.stops.intersection(ids)


def _part(row: WeighedRow) -> Part:
    return Part.PACKS if row[1] >= LinkKind.PACK else Part.POINTS


def brute_force(
    graph: Graph, starts: Mapping[int, int | None], options: Options, times: range
) -> dict[int, int]:
    """The things of a trace with their depths, by going through every state at every time of ``times``.

    ``times`` reaches from before the first link to after the last.
    """
    forward = options.direction is Direction.FORWARD
    window = range(max(times.start, options.from_ms), min(times.stop - 1, options.to_ms) + 1)
    after: dict[State, set[tuple[State, int]]] = {}
    for source, target in _moves(graph, options.contact, window):
        here, there = (source, target) if forward else (target, source)
        after.setdefault(here, set()).add((there, int(here[0] != "working" and here[1:2] != there[1:2])))
    ready: deque[tuple[State, int]] = deque()
    for thing, at in starts.items():
        for moment in window:
            if at is None or (moment >= at if forward else moment <= at):
                ready.append((("affected", thing, moment), 0))
                if not forward:
                    ready.append((("carrying", thing, moment), 0))
    reached: dict[State, int] = {}
    while ready:
        state, depth = ready.popleft()
        if state in reached:
            continue
        reached[state] = depth
        stopped = state[0] != "working" and state[1] in graph.stops and state[1] not in starts
        for new, cost in after.get(state, ()):
            if new not in reached and not (stopped and cost) and depth + cost <= options.depth:
                ready.append((new, depth + cost)) if cost else ready.appendleft((new, depth))
    depths: dict[int, int] = {}
    for (kind, thing, _), depth in reached.items():
        if kind != "working":
            depths[thing] = min(depth, depths.get(thing, depth))
    return depths


def _moves(graph: Graph, contact: bool, window: range) -> Iterator[tuple[State, State]]:
    nodes = {node for row in graph.rows for node in (row[0], row[3])}
    for node in nodes:
        for at in window[:-1]:
            yield ("affected", node, at), ("affected", node, at + 1)
            yield ("working", node, at), ("working", node, at + 1)
    for src, kind, at, dst, _, _ in graph.rows:
        if at in window and kind == LinkKind.INPUT:
            yield ("affected", src, at), ("working", dst, at)
            yield ("carrying", src, at), ("working", dst, at)
        elif at in window and kind == LinkKind.OUTPUT:
            yield ("working", src, at), ("affected", dst, at)
    packs: Iterable[WeighedRow] = (row for row in graph.rows if row[1] >= LinkKind.PACK)
    for child, parent, start, end in insides(packs):
        for at in range(max(start, window.start), min(end, window.stop - 1) + 1):
            yield ("affected", child, at), ("carrying", parent, at)
            yield ("carrying", child, at), ("carrying", parent, at)
            yield ("affected", parent, at), ("affected", child, at)
            if contact:
                yield ("carrying", parent, at), ("affected", child, at)
