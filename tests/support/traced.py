"""The answer to a trace without a store: from links between names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tests.support.links import Graph
from traceability.supply.lineage import LinkKind, thing_id
from traceability.supply.tracing.balance import balance
from traceability.supply.tracing.packing import WeighedRow
from traceability.supply.tracing.trace import Detail, Options, Trace
from traceability.supply.tracing.walk import walk

Linked = tuple[str, LinkKind, int, str, str]
"""From, kind, time, to, kilograms."""


def traced(
    links: Sequence[Linked],
    start: str,
    options: Options | None = None,
    details: Mapping[str, Detail] | None = None,
) -> Trace:
    """A described trace."""
    options = options or Options()
    rows: list[WeighedRow] = [
        (thing_id(src), int(kind), at, thing_id(dst), kg, "KGM") for src, kind, at, dst, kg in links
    ]
    walked = walk(Graph(rows), {thing_id(start): None}, options)
    uris = {thing_id(uri): uri for link in links for uri in (link[0], link[3])} | {thing_id(start): start}
    trace = Trace(options.direction, frozenset({thing_id(start)}), walked, uris)
    return replace(
        trace,
        details={thing_id(uri): detail for uri, detail in (details or {}).items()},
        balances={p.id: balance(row for row in rows if p.id in (row[0], row[3])) for p in walked.processes},
        quantities={row[:4]: (row[4], row[5]) for row in rows if row[4] is not None},
    )
