"""A recall of ten thousand batches: how long until one sees whom it concerns, and until the page is red.

    limits  3 s for the preview, 60 s from the order to the red page
    peer    a plain recursive query that counts what is downstream

The chain is generated and stands in the tables that follow from events; the batches get their first
records by the recall itself. A regulator recalls one lot, that with about the right number of others
made of it. A publisher runs at once, so its interval (2 s) is to be added.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from sqlalchemy import select

from bench.chains.region import happenings
from bench.chains.rows import fill
from bench.databases import databases
from bench.measure import Table, median, ratio, run, timed
from bench.trace import Chain, Start, load
from bench.world import move_on
from tests.support.web import site_of
from tests.support.world import World, make_world
from traceability.identifiers import parse_stream
from traceability.operations.recall import Issuer, Order, issue, new_id
from traceability.operations.recallscope import Notice, Scope, scope
from traceability.store.projections import Thing
from traceability.supply.recall import State
from traceability.supply.tracing.trace import Direction

BATCHES: Final = 10_000
PREVIEW_LIMIT_S: Final = 3
PAGE_LIMIT_S: Final = 60
HARVESTED: Final = "https://id.gs1.org/01/09520%"
"""Lots of farms."""
CANDIDATES: Final = 5_000
DAYS: Final = 3_000
"""The world's clock is moved on by so much, so that nothing is from the future."""
NOTICE: Final = Notice(
    1,
    {"en": "Salmonella", "zh": "沙门氏菌"},
    {"en": "Do not eat it.", "zh": "请勿食用。"},
    "+31 20 000 0000",
)


def measure(full: bool, folder: Path) -> Iterator[Table]:
    """On SQLite and on PostgreSQL."""
    events, rounds = (1_000_000, 5) if full else (100_000, 3)
    columns = []
    with databases(folder) as urls:
        for name, url in urls.items():
            world = make_world(folder / name, url)
            fill(world.store, islice(happenings(1), events))
            move_on(world, DAYS)
            columns.append(_column(world, rounds))
            world.store.close()
    names = (
        *("things named", "trace, s", f"preview with holders and quantities, s (limit {PREVIEW_LIMIT_S})"),
        *("recursive query, s (peer)", "preview / recursive query"),
        *("order signed and recorded, s", "published, s", "page drawn, s"),
        f"from order to red page, s (limit {PAGE_LIMIT_S})",
    )
    rows = [[name, *cells] for name, *cells in zip(names, *columns, strict=True)]
    note = f"A chain of {events:,} events; {rounds} rounds of previews, one recall."
    yield Table("Recall", [f"one lot, about {BATCHES:,} others made of it", *urls], rows, note)


def _column(world: World, rounds: int) -> list[str]:
    with world.store.reading() as connection:
        chain = load(connection, world.node)
        start = _start(chain)
        traced, previewed, queried = [], [], []
        for _ in range(rounds):
            traced.append(timed(lambda: scope(connection, world.node, [start.uri])).wall_s)
            previewed.append(timed(lambda: _preview(chain, start)).wall_s)
            queried.append(timed(lambda: chain.by_query(start, Direction.FORWARD)).wall_s)
        found = scope(connection, world.node, [start.uri])
    steps = _recall(world, found)
    return [
        f"{len(found.things):,}",
        *(median(series, 2) for series in (traced, previewed, queried)),
        ratio(previewed, queried),
        *(f"{seconds:,.1f}" for seconds in (*steps, sum(steps))),
    ]


def _start(chain: Chain) -> Start:
    """The lot with about that many things and processes after it."""
    query = select(Thing.id, Thing.uri).where(Thing.uri.like(HARVESTED)).order_by(Thing.id)
    lots = [Start(*row) for row in chain.connection.execute(query.limit(CANDIDATES))]
    # A third of what follows are processes and pallets, which no recall names as batches.
    wanted = BATCHES * 3 // 2
    return min(lots, key=lambda lot: abs(chain.in_memory(lot, Direction.FORWARD) - wanted))


def _preview(chain: Chain, start: Start) -> dict[str, object]:
    found = scope(chain.connection, chain.node, [start.uri])
    return found.described(chain.connection).to_json(NOTICE)


def _recall(world: World, found: Scope) -> tuple[float, float, float]:
    """Seconds until it is recorded, then until it is published, then until a batch's page says so."""
    issuer = Issuer(world.party("Food authority"), regulator=True)
    order = Order(new_id(world.now_ms), found.origins, NOTICE, found.digest(NOTICE, State.ISSUED))
    path = next(parse_stream(uri).batch.path for uri in found.things if "/10/" in uri)
    with site_of(world) as site:
        ordered = time.perf_counter()
        issue(world.store, world.node, issuer, order)
        recorded = time.perf_counter()
        world.publish()
        published = time.perf_counter()
        page = site.test_client().get(path)
        drawn = time.perf_counter()
    if 'class="recall recalled' not in page.text:
        raise RuntimeError(f"the page of {path} is not red: {page.status}")
    return recorded - ordered, published - recorded, drawn - published


if __name__ == "__main__":
    run(("recall", measure))
