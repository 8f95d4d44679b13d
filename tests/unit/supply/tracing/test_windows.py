"""Sets of times as windows, against sets of times."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from traceability.supply.tracing.windows import Window, add, overlap, union

WINDOW = st.tuples(st.integers(0, 20), st.integers(0, 6)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def times(windows):
    return {at for start, end in windows for at in range(start, end + 1)}


@given(st.lists(WINDOW), WINDOW)
def test_windows_are_sets_of_times(windows, other):
    merged = union(windows)
    assert times(merged) == times(windows)
    assert merged == sorted(merged)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(merged))
    assert times(overlap(merged, *other)) == times(windows) & times([other])


@given(st.lists(WINDOW))
def test_adding_says_whether_a_window_was_new(pieces):
    known: list[Window] = []
    seen: set[int] = set()
    for piece in pieces:
        assert add(known, piece) is not times([piece]).issubset(seen)
        seen |= times([piece])
        assert times(known) == seen
        assert known == union(known)
