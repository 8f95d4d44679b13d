"""A layered drawing: nothing overlaps, and edges run to the right."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from traceability.supply.tracing.layers import ROW_GAP, Size, lay_out

NODES = [f"n{number}" for number in range(9)]
SIZES = {node: Size(20 + 5 * place, 10 + 3 * (place % 3)) for place, node in enumerate(NODES)}
EDGES = st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)), max_size=18)


@settings(max_examples=60)
@given(EDGES)
def test_boxes_never_overlap_and_stay_inside(edges):
    layout = lay_out(SIZES, edges)
    for one, other in combinations(NODES, 2):
        (x, y), (to_x, to_y) = layout.centres[one], layout.centres[other]
        beside = abs(x - to_x) >= (SIZES[one].width + SIZES[other].width) / 2 - 1e-6
        below = abs(y - to_y) >= (SIZES[one].height + SIZES[other].height) / 2 + ROW_GAP - 1e-6
        assert beside or below
    for node, (x, y) in layout.centres.items():
        assert x - SIZES[node].width / 2 >= -1e-6
        assert x + SIZES[node].width / 2 <= layout.width + 1e-6
        assert y - SIZES[node].height / 2 >= -1e-6
        assert y + SIZES[node].height / 2 <= layout.height + 1e-6


@settings(max_examples=60)
@given(EDGES)
def test_edges_of_a_graph_without_cycles_run_to_the_right_from_side_to_side(edges):
    ahead = {(min(edge), max(edge)) for edge in edges if edge[0] != edge[1]}
    layout = lay_out(SIZES, sorted(ahead))
    for source, target in ahead:
        points = layout.paths[source, target]
        assert list(points) == sorted(points, key=lambda point: point[0])
        assert points[0] == (layout.centres[source][0] + SIZES[source].width / 2, layout.centres[source][1])
        assert points[-1] == (layout.centres[target][0] - SIZES[target].width / 2, layout.centres[target][1])


@given(EDGES)
@settings(max_examples=30)
def test_the_same_graph_gives_the_same_drawing(edges):
    assert lay_out(SIZES, edges) == lay_out(dict(SIZES), list(edges))


def test_what_nothing_leads_to_stands_close_to_what_it_leads_to():
    chain = [("n0", "n1"), ("n1", "n2"), ("n2", "n3"), ("n4", "n3")]
    centres = lay_out(SIZES, chain).centres
    assert centres["n4"][0] > centres["n1"][0]


def test_nothing_is_drawn_of_nothing():
    assert (lay_out({}, []).width, lay_out({}, []).height) == (0, 0)
