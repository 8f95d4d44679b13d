"""A layered drawing of a directed graph: where its nodes stand, and how its edges run.

The usual four steps: leave out the edges that close a cycle, put every node one layer behind the last of
those that lead to it, order the layers so that few edges cross, and move the nodes towards their
neighbours. An edge over several layers gets a bend in each of them, so that it runs between the nodes.

Source: K. Sugiyama, S. Tagawa, M. Toda, Methods for visual understanding of hierarchical systems (1981).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Final, TypeAlias

Node: TypeAlias = str
Edge: TypeAlias = tuple[Node, Node]

SWEEPS: Final = 12
COLUMN_GAP: Final = 34.0
ROW_GAP: Final = 12.0


@dataclass(frozen=True, slots=True)
class Size:
    """Of a node, in drawing units."""

    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Centres of nodes, points of edges from the one node's side to the other's, and the size of it all."""

    centres: Mapping[Node, tuple[float, float]]
    paths: Mapping[Edge, tuple[tuple[float, float], ...]]
    """Straight to the second point, curved to the third, and so on in turn."""
    width: float
    height: float


def lay_out(sizes: Mapping[Node, Size], edges: Iterable[Edge]) -> Layout:
    """Draw from left to right; for some hundred nodes.

    Args:
        sizes: every node; their order settles what nothing else does.
        edges: between them; an edge from a node to itself is left out.
    """
    ordered = list(dict.fromkeys(edge for edge in edges if edge[0] != edge[1]))
    forward = _acyclic(sizes, ordered)
    layer = _layers(sizes, forward)
    chains = {edge: _chain(edge, layer) for edge in ordered}
    rows = _rows(sizes, layer, chains)
    near = _neighbours(chains.values())
    _order(rows, near)
    heights = {node: sizes[node].height if node in sizes else 0.0 for row in rows for node in row}
    y = _heights(rows, near, heights)
    columns, width = _columns(rows, sizes)
    column_of = {node: columns[number] for number, row in enumerate(rows) for node in row}
    paths = {edge: _path(chain, column_of, y, sizes) for edge, chain in chains.items()}
    bottom = max((y[node] + heights[node] / 2 for node in y), default=0.0)
    return Layout({node: (sum(column_of[node]) / 2, y[node]) for node in sizes}, paths, width, bottom)


def _acyclic(nodes: Iterable[Node], edges: Sequence[Edge]) -> list[Edge]:
    """The edges without those that lead back to a node from which the search came."""
    after: dict[Node, list[Node]] = {node: [] for node in nodes}
    for source, target in edges:
        after[source].append(target)
    on_path: set[Node] = set()
    seen: set[Node] = set()
    kept: list[Edge] = []
    for root in after:
        path = [] if root in seen else [(root, iter(after[root]))]
        seen.add(root)
        on_path = {root}
        while path:
            node, targets = path[-1]
            for target in targets:
                if target not in on_path:
                    kept.append((node, target))
                if target not in seen:
                    seen.add(target)
                    on_path.add(target)
                    path.append((target, iter(after[target])))
                    break
            else:
                on_path.discard(node)
                path.pop()
    return kept


def _layers(nodes: Iterable[Node], edges: Sequence[Edge]) -> dict[Node, int]:
    """The length of the longest way to each node; what nothing leads to stands close to what it leads to."""
    layer = dict.fromkeys(nodes, 0)
    waiting = dict.fromkeys(layer, 0)
    after: dict[Node, list[Node]] = {node: [] for node in layer}
    for source, target in edges:
        after[source].append(target)
        waiting[target] += 1
    ready = [node for node, count in waiting.items() if not count]
    for node in ready:
        for target in after[node]:
            layer[target] = max(layer[target], layer[node] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    led_to = {target for _, target in edges}
    for node, targets in after.items():
        if targets and node not in led_to:
            layer[node] = min(layer[target] for target in targets) - 1
    return layer


def _chain(edge: Edge, layer: Mapping[Node, int]) -> tuple[Node, ...]:
    """The edge's nodes with a bend in each layer between them; an edge back goes through them backwards."""
    source, target = edge
    step = 1 if layer[target] >= layer[source] else -1
    bends = [f"{source}|{target}|{at}" for at in range(layer[source] + step, layer[target], step)]
    return source, *bends, target


def _rows(
    sizes: Iterable[Node], layer: dict[Node, int], chains: Mapping[Edge, tuple[Node, ...]]
) -> list[list[Node]]:
    rows: list[list[Node]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for node in sizes:
        rows[layer[node]].append(node)
    for (source, target), chain in chains.items():
        step = 1 if layer[target] >= layer[source] else -1
        for place, bend in enumerate(chain[1:-1], 1):
            rows[layer[source] + place * step].append(bend)
    return rows


def _neighbours(chains: Iterable[tuple[Node, ...]]) -> dict[Node, list[Node]]:
    near: dict[Node, list[Node]] = {}
    for chain in chains:
        for one, other in pairwise(chain):
            near.setdefault(one, []).append(other)
            near.setdefault(other, []).append(one)
    return near


def _order(rows: list[list[Node]], near: Mapping[Node, Sequence[Node]]) -> None:
    """Sort each layer by where its neighbours in the layer before (then: behind) stand."""
    place = {node: float(index) for row in rows for index, node in enumerate(row)}
    row_of = {node: number for number, row in enumerate(rows) for node in row}
    for sweep in range(SWEEPS):
        numbers = range(1, len(rows)) if sweep % 2 == 0 else range(len(rows) - 2, -1, -1)
        step = -1 if sweep % 2 == 0 else 1
        for number in numbers:
            row = rows[number]
            middle: dict[Node, float] = {}
            for node in row:
                beside = [place[other] for other in near.get(node, ()) if row_of[other] == number + step]
                middle[node] = fmean(beside) if beside else place[node]
            row.sort(key=middle.__getitem__)
            place.update((node, float(index)) for index, node in enumerate(row))


def _heights(
    rows: Sequence[Sequence[Node]], near: Mapping[Node, Sequence[Node]], heights: Mapping[Node, float]
) -> dict[Node, float]:
    """Centres from top to bottom: as near to the neighbours as the others in the layer allow."""
    y: dict[Node, float] = {}
    for row in rows:
        _place(row, dict.fromkeys(row, 0.0), heights, y)
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = {node: fmean([y[n] for n in near[node]]) if node in near else y[node] for node in row}
            _place(row, wanted, heights, y)
    top = min((y[node] - heights[node] / 2 for node in y), default=0.0)
    return {node: at - top for node, at in y.items()}


def _place(
    row: Sequence[Node], wanted: Mapping[Node, float], heights: Mapping[Node, float], y: dict[Node, float]
) -> None:
    """Keep the order and the gaps; nodes that would overlap move together, to the mean of their wishes."""
    blocks: list[_Block] = []
    for node in row:
        height = heights[node]
        block = _Block([node], height, [wanted[node] - height / 2])
        while blocks and blocks[-1].top + blocks[-1].height + ROW_GAP > block.top:
            block = blocks.pop().joined(block)
        blocks.append(block)
    for block in blocks:
        top = block.top
        for node in block.nodes:
            y[node] = top + heights[node] / 2
            top += heights[node] + ROW_GAP


@dataclass(frozen=True, slots=True)
class _Block:
    """Nodes one below the other, and where each of them would have the block begin."""

    nodes: list[Node]
    height: float
    wishes: list[float]

    @property
    def top(self) -> float:
        return fmean(self.wishes)

    def joined(self, below: _Block) -> _Block:
        shift = self.height + ROW_GAP
        wishes = self.wishes + [wish - shift for wish in below.wishes]
        return _Block(self.nodes + below.nodes, shift + below.height, wishes)


def _columns(
    rows: Sequence[Sequence[Node]], sizes: Mapping[Node, Size]
) -> tuple[list[tuple[float, float]], float]:
    """The left and right edge of each layer, and the width of all."""
    columns: list[tuple[float, float]] = []
    left = 0.0
    for row in rows:
        width = max(sizes[node].width for node in row if node in sizes)
        columns.append((left, left + width))
        left += width + COLUMN_GAP
    return columns, max(0.0, left - COLUMN_GAP)


def _path(
    chain: Sequence[Node],
    column_of: Mapping[Node, tuple[float, float]],
    y: Mapping[Node, float],
    sizes: Mapping[Node, Size],
) -> tuple[tuple[float, float], ...]:
    """From side to side; between the columns it curves, through them it runs straight."""
    back = column_of[chain[0]] > column_of[chain[-1]]
    points: list[tuple[float, float]] = []
    for place, node in enumerate(chain):
        enter, leave = column_of[node][::-1] if back else column_of[node]
        half = sizes[node].width / 2 if node in sizes else 0.0
        side = (enter + leave) / 2 + (half if (place == 0) != back else -half)
        if place:
            points.append((enter, y[node]))
        points.append((leave if 0 < place < len(chain) - 1 else side, y[node]))
        if not place:
            points.append((leave, y[node]))
    return tuple(points)
