"""The groups of nodes that lead back to themselves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from traceability.supply.tracing.cycles import cycles

NODES = st.integers(0, 7)


def reachable(edges):
    """Pairs, by Warshall's rule."""
    found = set(edges)
    for middle in range(8):
        found |= {(a, d) for a, b in found if b == middle for c, d in found if c == middle}
    return found


@given(st.lists(st.tuples(NODES, NODES), max_size=20))
def test_two_nodes_are_in_one_group_when_each_leads_to_the_other(edges):
    reach = reachable(edges)
    expected = {frozenset(b for b in range(8) if (a, b) in reach and (b, a) in reach) for a in range(8)} - {
        frozenset()
    }
    found = cycles(edges)
    assert {frozenset(group) for group in found} == expected
    assert len(found) == len(expected)
    assert all(len(group) == len(set(group)) for group in found)


def test_a_long_cycle_needs_no_recursion():
    size = 5_000
    (group,) = cycles([(node, (node + 1) % size) for node in range(size)])
    assert len(group) == size
