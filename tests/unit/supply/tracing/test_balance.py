"""Whether more came out of a process than went in."""

from __future__ import annotations

from decimal import Decimal

from traceability.supply.lineage import LinkKind
from traceability.supply.tracing.balance import Verdict, balance


def came(kind, *amounts):
    return [(1, int(kind), 0, 2, quantity, uom) for quantity, uom in amounts]


def only(ins, outs):
    (found,) = balance(came(LinkKind.INPUT, *ins) + came(LinkKind.OUTPUT, *outs))
    return found


def test_units_of_one_dimension_are_added():
    found = only([("1", "TNE"), ("500", "KGM")], [("1200000", "GRM")])
    assert (found.dimension, found.unit, found.amount_in, found.amount_out) == ("mass", "KGM", 1500, 1200)
    assert (found.difference, found.share, found.verdict) == (300, Decimal("0.8"), Verdict.HOLDS)


def test_more_out_than_in_is_flagged():
    assert only([("100", "KGM")], [("100.001", "KGM")]).verdict is Verdict.MORE_OUT
    assert only([("100", "KGM")], [("101", "KGM"), (None, None)]).verdict is Verdict.MORE_OUT


def test_a_missing_quantity_is_unknown_and_never_wrong():
    found = only([("100", "KGM"), (None, None)], [("150", "KGM")])
    assert (found.verdict, found.share) == (Verdict.UNKNOWN, None)
    assert only([("100", "KGM")], [("50", "KGM"), (None, None)]).verdict is Verdict.UNKNOWN
    assert only([("100", "KGM"), ("1", "???")], [("150", "KGM")]).verdict is Verdict.UNKNOWN


def test_units_that_do_not_compare_are_unknown():
    mass, volume = balance(came(LinkKind.INPUT, ("100", "KGM")) + came(LinkKind.OUTPUT, ("90", "LTR")))
    assert [mass.verdict, volume.verdict] == [Verdict.UNKNOWN, Verdict.UNKNOWN]
    cases = only([("3", "XCS")], [("4", "CS")])
    assert (cases.unit, cases.verdict) == ("XCS", Verdict.MORE_OUT)


def test_amounts_that_no_decimal_holds_are_rounded():
    assert only([("1", "LBR")], []).amount_in == Decimal("0.45359237")
    assert balance([]) == ()
