"""Cycles: the groups of nodes of a graph that lead back to themselves.

Rework makes them (a lot goes back into the mixer that made it), and so do wrong records.

Source: S. R. Kosaraju's two searches (A. Aho, J. Hopcroft, J. Ullman, Data Structures and
Algorithms, 1983, 6.7), without recursion.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def cycles(edges: Iterable[tuple[Node, Node]]) -> list[list[Node]]:
    """The strongly connected components that hold an edge, in no particular order.

    Takes time in proportion to the edges, and little where there are no cycles.
    """
    after: dict[Node, list[Node]] = defaultdict(list)
    before: dict[Node, list[Node]] = defaultdict(list)
    for source, target in edges:
        after[source].append(target)
        before[target].append(source)
    _drop_ends(after, before)
    before = {node: [source for source in before[node] if source in after] for node in after}
    after = {node: [target for target in targets if target in after] for node, targets in after.items()}
    return [nodes for nodes in _components(after, before) if len(nodes) > 1 or nodes[0] in after[nodes[0]]]


def _drop_ends(after: dict[Node, list[Node]], before: Mapping[Node, Sequence[Node]]) -> None:
    """Take out, again and again, the nodes that nothing leads to: they are on no cycle."""
    into = {node: len(sources) for node, sources in before.items()}
    ready = [node for node in after if not into.get(node)]
    while ready:
        for target in after.pop(ready.pop(), ()):
            into[target] -= 1
            if not into[target]:
                ready.append(target)


def _components(
    after: Mapping[Node, Sequence[Node]], before: Mapping[Node, Sequence[Node]]
) -> list[list[Node]]:
    """Search once forward; then, from the node left last, backward through what is not taken yet."""
    left: list[Node] = []
    seen: set[Node] = set()
    for root in after:
        path = [] if root in seen else [(root, iter(after[root]))]
        seen.add(root)
        while path:
            node, targets = path[-1]
            target = next((t for t in targets if t not in seen), None)
            if target is None:
                left.append(node)
                path.pop()
            else:
                seen.add(target)
                path.append((target, iter(after[target])))
    taken: set[Node] = set()
    return [_reach(root, before, taken) for root in reversed(left) if root not in taken]


def _reach(root: Node, before: Mapping[Node, Sequence[Node]], taken: set[Node]) -> list[Node]:
    """Everything not yet taken from which the root can be reached."""
    taken.add(root)
    group = [root]
    for node in group:
        new = [source for source in before[node] if source not in taken]
        taken.update(new)
        group.extend(dict.fromkeys(new))
    return group
