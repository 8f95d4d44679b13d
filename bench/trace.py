"""Tracing in a generated chain: forward and backward, by the size of the answer and by depth.

    peers   rustworkx: descendants and ancestors, in a graph that is in memory already
            a plain recursive query in the same database

Neither peer knows time, so both reach too much: what went onto a pallet after another had left. Nor do
they say more than how many things there are. Traces start at lots that were chosen so that there are
answers of all sizes; all that is read was read before (warm caches).
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import Final, TypeAlias

import rustworkx
from sqlalchemy import Connection, select, text

from bench.chains.region import happenings
from bench.chains.rows import fill
from bench.databases import databases
from bench.measure import Table, run
from bench.spent import shares, spent
from traceability.operations.node import Node, init_node
from traceability.operations.trace import Request, trace
from traceability.store.engine import Store
from traceability.store.projections import Link, Thing
from traceability.supply.lineage import LinkKind
from traceability.supply.tracing.trace import Direction, Options, Trace

SIZES: Final = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
"""Answers are taken together up to each of these numbers of things."""
DEPTHS: Final = (1, 2, 4, 8, 16, 32, 64)
CANDIDATES: Final = 4_000
"""Lots from which starts are chosen; in the order of their numbers, which are hashes."""
LOTS: Final = "https://id.gs1.org/01/%"
GREAT_LOTS: Final = "https://id.gs1.org/01/09521%"
"""Those of importers: each goes into nearly everything for some weeks."""
ROUNDS: Final = 3
"""How often everything is run; the median counts."""
PARTS: Final = {
    "database and driver": ("sqlalchemy", "sqlite3", "psycopg"),
    "rounds (walk.py)": ("walk.py",),
    "steps of packings (steps.py)": ("steps.py",),
    "stays in parents (packing.py)": ("packing.py",),
    "times (windows.py)": ("windows.py",),
}
"""Where time may go, by what stands in the names of files and of functions in C."""

Graph: TypeAlias = "rustworkx.PyDiGraph[int | None, None]"


@dataclass(frozen=True, slots=True)
class Start:
    """A lot to trace from."""

    id: int
    uri: str


@dataclass(frozen=True, slots=True)
class Chain:
    """A store with a chain in it, and its links as a graph in memory."""

    connection: Connection
    node: Node
    graph: Graph
    index: Mapping[int, int]

    def trace(self, start: Start, options: Options) -> Trace:
        """What is measured."""
        return trace(self.connection, self.node, Request(things=(start.uri,), options=options))

    def in_memory(self, start: Start, direction: Direction) -> int:
        """How many things and processes come after it, or before it, by rustworkx."""
        search = rustworkx.descendants if direction is Direction.FORWARD else rustworkx.ancestors
        return len(search(self.graph, self.index[start.id])) if start.id in self.index else 0

    def by_query(self, start: Start, direction: Direction) -> int:
        """The same by a recursive query, the start among them."""
        near, far = ("src", "dst") if direction is Direction.FORWARD else ("dst", "src")
        query = text(
            f"WITH RECURSIVE reached (id) AS (SELECT CAST(:start AS BIGINT) UNION SELECT {far} FROM links"
            f" JOIN reached ON {near} = id WHERE kind <= {int(LinkKind.PACK)})"
            " SELECT count(*) FROM reached"
        )
        return int(self.connection.execute(query, {"start": start.id}).scalar_one())


@dataclass(frozen=True, slots=True)
class Timed:
    """One trace: the size of its answer, and milliseconds of it and of the peers."""

    things: int
    trace_ms: float
    memory_ms: float
    query_ms: float


def measure(full: bool, folder: Path) -> Iterator[Table]:
    """In SQLite and in PostgreSQL."""
    events, starts = (1_000_000, 200) if full else (100_000, 20)
    node = init_node(folder / "node", None)
    with databases(folder) as urls:
        for name, url in urls.items():
            store = Store(url)
            store.migrate()
            began = time.perf_counter()
            written = fill(store, islice(happenings(1), events))
            filled = time.perf_counter()
            with store.reading() as connection:
                chain = load(connection, node)
                loaded = time.perf_counter()
                note = (
                    f"{written['things']:,} things and {written['links']:,} links of {events:,} events:"
                    f" written in {filled - began:.0f} s, read into rustworkx in {loaded - filled:.0f} s."
                    " Of fewer than a hundred traces, p99 is the worst."
                )
                yield from _tables(chain, name, starts, note)
            store.close()


def load(connection: Connection, node: Node) -> Chain:
    """All that goes into processes, out of them and into parents."""
    index: dict[int, int] = {}
    query = select(Link.src, Link.dst).where(Link.kind <= int(LinkKind.PACK))
    edges = [
        (index.setdefault(src, len(index)), index.setdefault(dst, len(index)))
        for src, dst in connection.execute(query.execution_options(yield_per=10_000))
    ]
    graph: Graph = rustworkx.PyDiGraph()
    graph.add_nodes_from(list(index))
    graph.extend_from_edge_list(edges)
    return Chain(connection, node, graph, index)


def _tables(chain: Chain, name: str, count: int, note: str) -> Iterator[Table]:
    forward, backward = (_starts(chain, direction, count) for direction in Direction)
    rows = [*_by_size(chain, Direction.FORWARD, forward), *_by_size(chain, Direction.BACKWARD, backward)]
    head = [
        *("answer, things", "traces", "p50, ms", "p99, ms", "worst, ms", "rustworkx p50, ms (peer)"),
        *("recursive query p50, ms (peer)", "trace / rustworkx", "trace / recursive query"),
    ]
    yield Table(f"Trace, {name}", head, rows, note)
    yield _by_depth(chain, name, forward.get(10_000, [])[: count // 4])
    yield _where(chain, name, forward)


def _by_size(
    chain: Chain, direction: Direction, groups: Mapping[int, Sequence[Start]]
) -> Iterator[list[str]]:
    timed = [_timed(chain, start, direction) for starts in groups.values() for start in starts]
    for least, most in pairwise((0, *SIZES)):
        some = [each for each in timed if least < each.things <= most]
        if some:
            yield [f"{direction.value}, up to {most:,}", *_cells(some)]


def _starts(chain: Chain, direction: Direction, count: int) -> dict[int, list[Start]]:
    """At most so many lots for each size of answer, by what the graph in memory says."""
    query = select(Thing.id, Thing.uri).order_by(Thing.id)
    great = chain.connection.execute(query.where(Thing.uri.like(GREAT_LOTS)))
    some = chain.connection.execute(query.where(Thing.uri.like(LOTS)).limit(CANDIDATES))
    chosen: dict[int, list[Start]] = defaultdict(list)
    for start in dict.fromkeys(Start(*row) for row in (*great, *some)):
        things = chain.in_memory(start, direction)
        size = next(size for size in SIZES if things <= size)
        if len(chosen[size]) < count:
            chosen[size].append(start)
    return chosen


def _timed(chain: Chain, start: Start, direction: Direction) -> Timed:
    options = Options(direction=direction)
    things = len(chain.trace(start, options).walked.things)
    trace_ms, memory_ms, query_ms = (
        _median_ms(work)
        for work in (
            lambda: chain.trace(start, options),
            lambda: chain.in_memory(start, direction),
            lambda: chain.by_query(start, direction),
        )
    )
    return Timed(things, trace_ms, memory_ms, query_ms)


def _median_ms(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1e3)
    return median(took)


def _cells(some: Sequence[Timed]) -> list[str]:
    took = sorted(each.trace_ms for each in some)
    p99 = took[-(-len(took) * 99 // 100) - 1]
    memory, query = (median(series) for series in ([e.memory_ms for e in some], [e.query_ms for e in some]))
    over_memory = median(each.trace_ms / each.memory_ms for each in some)
    over_query = median(each.trace_ms / each.query_ms for each in some)
    return [
        f"{len(some)}",
        *(f"{value:,.1f}" for value in (median(took), p99, took[-1])),
        *(f"{value:,.2f}" for value in (memory, query, over_memory, over_query)),
    ]


def _by_depth(chain: Chain, name: str, starts: Sequence[Start]) -> Table:
    rows = []
    for depth in DEPTHS:
        options = Options(depth=depth)
        sizes = [len(chain.trace(start, options).walked.things) for start in starts]
        took = [_median_ms(partial(chain.trace, start, options)) for start in starts]
        rows.append([f"{depth}", f"{median(sizes):,.0f}", f"{median(took):,.1f}", f"{max(took):,.1f}"])
    head = ["processes and packings away", "things, median", "p50, ms", "worst, ms"]
    return Table(f"Trace by depth, {name}", head, rows, f"{len(starts)} lots, forward.")


def _where(chain: Chain, name: str, groups: Mapping[int, Sequence[Start]]) -> Table:
    """The shares of the store and of the modules of the walk in the time of forward traces."""
    columns = {f"up to {size:,}": _profile(chain, groups[size]) for size in SIZES if groups.get(size)}
    rows = [[part, *(column[part] for column in columns.values())] for part in (*PARTS, "all else")]
    note = "Shares by cProfile, which makes Python look slower against C and the disk than it is."
    return Table(f"Trace, where the time goes, {name}", ["answer, things", *columns], rows, note)


def _profile(chain: Chain, starts: Sequence[Start]) -> dict[str, str]:
    found = spent(lambda: [chain.trace(start, Options()) for start in starts])
    parts = {
        part: sum(e.own_s for e in found if any(w in e.place for w in words)) for part, words in PARTS.items()
    }
    return shares(parts, sum(each.own_s for each in found))


if __name__ == "__main__":
    run(("trace", measure))
