"""The walk of a trace; what it means stands in :mod:`traceability.supply.tracing.trace`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from traceability.supply.lineage import LinkKind
from traceability.supply.tracing.ahead import Ahead
from traceability.supply.tracing.choice import choose, in_order
from traceability.supply.tracing.packing import BEGINNING, FOREVER, PACK, Inside, WeighedRow
from traceability.supply.tracing.steps import Steps
from traceability.supply.tracing.trace import (
    Direction,
    End,
    Links,
    Mode,
    Options,
    Part,
    Reached,
    Walked,
    chunks,
)
from traceability.supply.tracing.windows import Window, add, overlap, union

LINKS_A_THING: Final = 10
"""Links that are read at most, for each thing that the answer may have."""

INPUT, OUTPUT = int(LinkKind.INPUT), int(LinkKind.OUTPUT)


def walk(source: Links, starts: Mapping[int, int | None], options: Options) -> Walked:
    """Trace from some things.

    Args:
        starts: things, each with the time from which (backward: until which) it is traced, or None.
    """
    run = _Walk(source, options)
    run.start(starts)
    run.rounds(options.depth)
    return run.answer()


class _Walk:
    """Times in here are *walk times*: milliseconds, and backward the negative of them."""

    def __init__(self, source: Links, options: Options) -> None:
        self._source, self._contact = source, options.contact
        self._forward = options.direction is Direction.FORWARD
        self._sign = 1 if self._forward else -1
        self._near, self._far = (End.SRC, End.DST) if self._forward else (End.DST, End.SRC)
        bounds = (options.from_ms * self._sign, options.to_ms * self._sign)
        self._first, self._last = min(bounds), max(bounds)
        self._affected: dict[int, int] = {}
        self._carrying: dict[int, list[Window]] = {}
        self._working: dict[int, int] = {}
        self._fresh: dict[int, int] = {}
        self._fresh_windows: dict[int, list[Window]] = {}
        self._depth = 0
        self._depths: dict[int, int] = {}
        self._process_depths: dict[int, int] = {}
        self._known_points: set[int] = set()
        self._known_near: set[int] = set()
        self._known_far: set[int] = set()
        self._opened: set[int] = set()
        self._leading: set[int] = set()
        self._waiting: dict[int, list[WeighedRow]] = {}
        self._unfinished: dict[int, list[WeighedRow]] = {}
        self._ahead = Ahead(source, options)
        self._steps = Steps(options, self._emptied)
        self._links: list[WeighedRow] = []
        self._packed: list[Inside] = []
        self._starts: Collection[int] = ()
        self._stopped: set[int] = set()
        self._max_things = options.max_things
        self._links_left = options.max_things * LINKS_A_THING
        self._cut: str | None = None

    def start(self, starts: Mapping[int, int | None]) -> None:
        """The states that the walk begins with."""
        self._starts = starts.keys()
        for thing, at_ms in starts.items():
            at = self._first if at_ms is None else max(self._first, self._sign * at_ms)
            if at <= self._last:
                self._affect(thing, at)
                if not self._forward:
                    self._carry(thing, [(at, self._last)])

    def rounds(self, depth: int) -> None:
        """Go on until nothing gets earlier, or a limit is met."""
        while (self._fresh or self._fresh_windows) and self._cut is None:
            if self._depth == depth:
                self._cut = "depth"
                return
            self._depth += 1
            self._round()

    def _round(self) -> None:
        """Leave every state that got earlier; what this reaches is left in the next round."""
        things, windows = (
            self._fresh,
            {
                thing: union(found) if len(found) > 1 else found
                for thing, found in self._fresh_windows.items()
            },
        )
        self._fresh, self._fresh_windows = {}, {}
        begun: dict[int, int] = {}
        for part in self._parts(self._leaving(things.keys() | windows.keys())):
            rows = self._recall(part, self._waiting) + self._discover(part, things, windows)
            self._begin(rows, things, windows, begun)
            self._pack(part, things, windows)
        for part in self._parts(sorted(begun)):
            rows = self._recall(part, self._unfinished)
            rows += self._fetch(_unknown(part, self._opened), self._near, Part.POINTS)
            self._finish(rows, begun)

    def _discover(
        self, part: Sequence[int], things: Collection[int], windows: Collection[int]
    ) -> list[WeighedRow]:
        """Fetch what is not known yet of the links by which these can be left, in the states they are in.

        Returns:
            Those between things and processes; of the others the steps are learnt.
        """
        forward = self._forward
        affected = [thing for thing in part if thing in things]
        points = _unknown(part if forward else affected, self._known_points)
        inner = _unknown(part if forward else [thing for thing in part if thing in windows], self._known_near)
        outer = _unknown(part if forward and self._contact else affected, self._known_far)
        both = set(points).intersection(inner)
        rows = self._fetch([thing for thing in points if thing in both], self._near, Part.ALL)
        rows += self._fetch([thing for thing in points if thing not in both], self._near, Part.POINTS)
        rows += self._fetch([thing for thing in inner if thing not in both], self._near, Part.PACKS)
        self._steps.learn([row for row in rows if row[1] >= PACK], self._near)
        self._steps.learn(self._fetch(outer, self._far, Part.PACKS), self._far)
        self._leading.update(row[0] if forward else row[3] for row in rows)
        self._leading.update(thing for thing in part if thing in self._steps.known)
        return rows

    def _leaving(self, things: Collection[int]) -> list[int]:
        """Those that may be left, in an order that does not depend on the store."""
        ordered = sorted(things)
        for part in chunks(ordered):
            self._stopped.update(self._source.stopping(part))
        return [thing for thing in ordered if thing not in self._stopped or thing in self._starts]

    def _parts(self, ids: Sequence[int]) -> Iterator[Sequence[int]]:
        """Chunks of the ids, for as long as no limit is met.

        Names that lead nowhere do not count, or one event of them would end the walk for all others;
        their links do.
        """
        for part in chunks(ids):
            if len(self._leading) > self._max_things:
                self._cut = "things"
            if self._cut is not None:
                return
            yield part

    def _fetch(self, ids: Sequence[int], end: End, part: Part) -> list[WeighedRow]:
        """The links of a chunk; none of them if there are more than may still be read."""
        if not ids:
            return []
        rows = self._ahead.at(ids, end, part, limit=max(self._links_left, 0) + 1)
        return rows if self._spend(len(rows)) else []

    def _emptied(self, parents: Sequence[int]) -> list[WeighedRow]:
        """The links by which these were emptied; as ``_fetch``."""
        rows = self._ahead.emptied(parents, limit=max(self._links_left, 0) + 1)
        return rows if self._spend(len(rows)) else []

    def _recall(self, ids: Sequence[int], waiting: dict[int, list[WeighedRow]]) -> list[WeighedRow]:
        """Links that were fetched before, but were too early for what reached their end then."""
        rows = [row for each in ids for row in waiting.pop(each, ())] if waiting else []
        return rows if self._spend(len(rows)) else []

    def _spend(self, links: int) -> bool:
        """Count links that are looked at; whether the limit allows it."""
        self._links_left -= links
        if self._links_left < 0:
            self._cut = "links"
        return self._cut is None

    def _begin(
        self,
        rows: Iterable[WeighedRow],
        things: Mapping[int, int],
        windows: Mapping[int, Sequence[Window]],
        begun: dict[int, int],
    ) -> None:
        """From things to processes: forward as their inputs, backward as their outputs."""
        forward, sign, last, working = self._forward, self._sign, self._last, self._working
        kind = INPUT if forward else OUTPUT
        for row in rows:
            if row[1] != kind:
                continue
            thing, process = (row[0], row[3]) if forward else (row[3], row[0])
            at = sign * row[2]
            since = things.get(thing)
            if at > last:
                continue
            if (since is None or since > at) and not (
                forward and thing in windows and overlap(windows[thing], at, at)
            ):
                self._waiting.setdefault(thing, []).append(row)
                continue
            self._links.append(row)
            before = working.get(process)
            if before is None or at < before:
                working[process] = begun[process] = at
                if before is None:
                    self._process_depths[process] = self._depth

    def _finish(self, rows: Iterable[WeighedRow], begun: Mapping[int, int]) -> None:
        """From processes to things: forward to their outputs, backward to their inputs."""
        forward, affected, fresh = self._forward, self._affected, self._fresh
        depth, depths = self._depth, self._depths
        kind = OUTPUT if forward else INPUT
        for row in rows:
            if row[1] != kind:
                continue
            process, thing = (row[0], row[3]) if forward else (row[3], row[0])
            at = self._sign * row[2]
            if at > self._last:
                continue
            if at < begun[process]:
                self._unfinished.setdefault(process, []).append(row)
                continue
            self._links.append(row)
            before = affected.get(thing)
            if before is None or at < before:
                affected[thing] = fresh[thing] = at
                depths.setdefault(thing, depth)
            if not forward:
                self._fresh_windows.setdefault(thing, []).append((at, at))

    def _pack(
        self, part: Iterable[int], things: Mapping[int, int], windows: Mapping[int, Sequence[Window]]
    ) -> None:
        """Between children and parents."""
        known = self._steps.known
        for here in [thing for thing in part if thing in known]:
            steps = known[here]
            if not self._spend(len(steps)):
                return
            since, carried = things.get(here), windows.get(here, ())
            for start, stop, there, moves, inside in steps:
                for left, reached in moves:
                    if left is Mode.CARRYING:
                        pieces = overlap(carried, start, stop)
                    else:
                        pieces = [(max(since, start), stop)] if since is not None and since <= stop else []
                    if not pieces:
                        continue
                    if not self._spend(len(pieces)):  # windows cost time, as links do
                        return
                    self._packed.append(inside)
                    if reached is Mode.CARRYING:
                        self._carry(there, pieces)
                    else:
                        self._affect(there, pieces[0][0])

    def _affect(self, thing: int, at: int) -> None:
        before = self._affected.get(thing)
        if before is None or at < before:
            self._affected[thing] = self._fresh[thing] = at
            self._depths.setdefault(thing, self._depth)

    def _carry(self, thing: int, pieces: Sequence[Window]) -> None:
        known = self._carrying.setdefault(thing, [])
        for piece in pieces:
            if add(known, piece):
                self._fresh_windows.setdefault(thing, []).append(piece)
                self._depths.setdefault(thing, self._depth)

    def answer(self) -> Walked:
        """What was reached so far, cut to as many things as were asked for."""
        sign, packed = self._sign, self._packed
        links = [row[:4] for row in self._links]
        since = {thing: windows[0][0] for thing, windows in self._carrying.items()} | self._affected
        found = reached = in_order(self._depths, since)
        if len(reached) > self._max_things:
            self._cut = self._cut or "things"
            found = choose(reached, self._max_things, self._starts, self._leading, links, packed)
        things = tuple(
            Reached(
                thing,
                depth,
                Mode.AFFECTED if thing in self._affected else Mode.CARRYING,
                sign * at if BEGINNING < at < FOREVER else None,
            )
            for thing, depth, at in found
        )
        if len(found) < len(reached):
            kept = {thing.id for thing in things}
            links = [row for row in links if row[0 if row[1] == INPUT else 3] in kept]
            packed = [inside for inside in packed if inside.child in kept and inside.parent in kept]
        depths, working = self._process_depths, self._working
        processes = sorted({row[3] if row[1] == INPUT else row[0] for row in links})
        return Walked(
            things,
            tuple(Reached(p, depths[p], Mode.WORKING, sign * working[p]) for p in processes),
            tuple(links),
            frozenset(packed),
            frozenset(self._stopped - set(self._starts)),
            self._cut,
        )


def _unknown(ids: Sequence[int], known: set[int]) -> list[int]:
    """Those that are new; from now on they are known."""
    new = [each for each in ids if each not in known]
    known.update(new)
    return new
