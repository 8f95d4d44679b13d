"""Sets of times as windows: from when to when, both included, in whole milliseconds."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import TypeAlias

Window: TypeAlias = tuple[int, int]


def union(windows: Iterable[Window]) -> list[Window]:
    """The same times as disjoint windows, in order."""
    merged: list[Window] = []
    for start, end in sorted(windows):
        if merged and start <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _touching(windows: Sequence[Window], start: int, end: int) -> slice:
    """Which of disjoint windows, in order, have a time from ``start`` to ``end``."""
    return slice(
        bisect_left(windows, start, key=itemgetter(1)), bisect_right(windows, end, key=itemgetter(0))
    )


def overlap(windows: Sequence[Window], start: int, end: int) -> list[Window]:
    """What disjoint windows, in order, have in common with one of them."""
    if not windows:
        return []
    return [(max(start, a), min(end, b)) for a, b in windows[_touching(windows, start, end)]]


def add(windows: list[Window], piece: Window) -> bool:
    """Put a window to disjoint ones; whether that says anything new."""
    if not windows:
        windows.append(piece)
        return True
    place = _touching(windows, piece[0] - 1, piece[1] + 1)
    touching = windows[place]
    if any(start <= piece[0] and piece[1] <= end for start, end in touching):
        return False
    windows[place] = union([piece, *touching])
    return True
