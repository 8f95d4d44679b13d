"""When a child was inside its parent."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

import pytest

from traceability.supply.lineage import LinkKind
from traceability.supply.tracing import packing
from traceability.supply.tracing.packing import BEGINNING, FOREVER, insides

PACK, UNPACK, SEEN, TAKE = LinkKind.PACK, LinkKind.UNPACK, LinkKind.SEEN, LinkKind.TAKE
CHILD, PARENT = 1, 2


def row(kind, at, quantity=None, uom="KGM", child=CHILD):
    return child, int(kind), at, PARENT, quantity, None if quantity is None else uom


def empty(at):
    return PARENT, int(UNPACK), at, PARENT, None, None


def stays(*rows):
    """The child's stays; the same for the rows in every order."""
    found = {
        tuple(sorted((i.start, i.end) for i in insides(some) if i.child == CHILD))
        for some in permutations(rows)
    }
    assert len(found) == 1
    return list(found.pop())


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row(PACK, 1)], [(1, FOREVER)]),
        ([row(PACK, 1), row(UNPACK, 5)], [(1, 5)]),
        ([row(PACK, 1), row(UNPACK, 5), row(PACK, 7)], [(1, 5), (7, FOREVER)]),
        ([row(PACK, 1), empty(5)], [(1, 5)]),
        ([row(PACK, 1), empty(5), row(UNPACK, 6)], [(1, 5)]),
        ([empty(1), row(PACK, 3)], [(3, FOREVER)]),
        ([row(UNPACK, 5)], [(BEGINNING, 5)]),
        ([row(UNPACK, 5), row(UNPACK, 8)], [(BEGINNING, 5)]),
        ([row(TAKE, 5, "1")], [(BEGINNING, 5)]),
        ([row(SEEN, 3)], [(3, FOREVER)]),
        ([row(PACK, 1), row(SEEN, 3), row(UNPACK, 5)], [(1, 5)]),
        ([row(SEEN, 3), row(PACK, 4), row(UNPACK, 5)], [(3, 5)]),
    ],
)
def test_a_stay_lasts_from_packing_to_unpacking(rows, expected):
    assert stays(*rows) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row(PACK, 1), row(UNPACK, 1)], [(1, 1)]),
        ([row(PACK, 1), row(UNPACK, 3), row(PACK, 3)], [(1, 3), (3, FOREVER)]),
        ([row(PACK, 1), empty(1)], [(1, FOREVER)]),
        ([row(PACK, 1), empty(3), row(PACK, 3)], [(1, 3), (3, FOREVER)]),
    ],
)
def test_of_two_orders_at_one_time_the_one_is_chosen_that_loses_nothing(rows, expected):
    assert stays(*rows) == expected


@pytest.mark.parametrize(
    ("rows", "end"),
    [
        ([row(PACK, 1, "10"), row(TAKE, 5, "4")], FOREVER),
        ([row(PACK, 1, "10"), row(TAKE, 5, "4"), row(TAKE, 6, "6.0")], 6),
        ([row(PACK, 1, "10"), row(PACK, 2, "5"), row(TAKE, 5, "10")], FOREVER),
        ([row(PACK, 1, "10"), row(PACK, 2, "5"), row(TAKE, 5, "15")], 5),
        ([row(PACK, 1, "10"), row(SEEN, 2, "10"), row(TAKE, 5, "10")], 5),
        ([row(PACK, 1, "2"), row(TAKE, 5, "2000", "GRM")], 5),
        ([row(PACK, 1, "10"), row(TAKE, 5, "10", "LTR")], FOREVER),
        ([row(PACK, 1, "10", "???"), row(TAKE, 5, "10.0", "???")], FOREVER),
        ([row(PACK, 1, "10", "???"), row(TAKE, 5, "10", "???")], 5),
        ([row(PACK, 1, "10"), row(TAKE, 2, "4"), row(PACK, 3, "5"), row(TAKE, 4, "5"), row(TAKE, 5, "6")], 5),
        ([row(PACK, 1), row(TAKE, 5, "10")], FOREVER),
        ([row(PACK, 1), row(TAKE, 5, "10"), row(UNPACK, 6)], 6),
    ],
)
def test_a_stay_ends_when_as_much_was_taken_out_as_was_put_in_for_certain(rows, end):
    assert stays(*rows) == [(1, end)]


def test_a_parent_is_emptied_of_all_its_children():
    found = sorted(insides([row(PACK, 1), row(PACK, 2, child=7), empty(5), row(PACK, 9, child=7)]))
    assert [(i.child, i.start, i.end) for i in found] == [(1, 1, 5), (7, 2, 5), (7, 9, FOREVER)]


def test_each_quantity_is_added_once_however_often_some_is_taken_out(monkeypatch):
    added = []

    def convert(number, unit):
        added.append(unit)
        return "mass", Fraction(number)

    monkeypatch.setattr(packing, "convert", convert)
    rows = [row(PACK, 1, "1000"), *(row(TAKE, at, "1") for at in range(2, 1000))]
    assert [(i.start, i.end) for i in insides(rows)] == [(1, FOREVER)]
    assert len(added) == len(rows)
