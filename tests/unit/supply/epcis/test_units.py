"""Units of quantities: exact factors, codes of both recommendations, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.errors import StatementError
from traceability.supply.epcis.units import UNITS, convert, in_base_unit, known, wanted


@pytest.mark.parametrize(
    ("quantity", "code", "dimension", "amount"),
    [
        (2, "KGM", "mass", "2"),
        (Decimal("2.5"), "TNE", "mass", "2500"),
        (1, "LBR", "mass", "0.45359237"),
        (16, "ONZ", "mass", "0.45359237"),
        (2000, "LBR", "mass", "907.18474"),
        (1, "HLT", "volume", "100"),
        (1, "GLL", "volume", "3.785411784"),
        (8, "PTI", "volume", "4.54609"),
        (42, "GLL", "volume", "158.987294928"),
        (2, "DZN", "count", "24"),
        (7, None, "count", "7"),
        (3, "CS", "XCS", "3"),
        (3, "XCS", "XCS", "3"),
        (5, "LPA", "LPA", "5"),
        (0, "CEL", "temperature", "273.15"),
        (32, "FAH", "temperature", "273.15"),
    ],
)
def test_a_quantity_becomes_an_exact_amount(quantity, code, dimension, amount):
    assert convert(quantity, code) == (dimension, Fraction(amount))


def test_a_code_of_both_recommendations_is_recommendation_20s():
    assert convert(1, "PR") == ("count", Fraction(2))
    assert convert(1, "XPR") == ("XPR", Fraction(1))


@pytest.mark.parametrize(
    ("code", "meant"), [("KG", "KGM"), ("kg", "KGM"), ("LB", "LBR"), ("ML", "MLT"), ("PCS", "H87")]
)
def test_what_looks_like_another_unit_is_refused_with_the_code_that_is_meant(code, meant):
    assert not known(code)
    assert f"({meant} is meant" in wanted(code)


@pytest.mark.parametrize("code", ["", "KGMX", "QQQ", "K", "kgm", "KGM\n"])
def test_an_unknown_unit_is_refused(code):
    assert not known(code)
    with pytest.raises(StatementError, match="Recommendation 20"):
        convert(1, code)


def test_there_are_many_codes_and_all_have_the_form_of_the_standard():
    assert len(UNITS) > 1000
    assert all(2 <= len(code) <= 3 and code.isalnum() and code == code.upper() for code in UNITS)
    assert all(unit.factor > 0 for unit in UNITS.values())


@given(st.sampled_from(sorted(UNITS)), st.integers(0, 10**12), st.integers(0, 10**12))
def test_amounts_of_one_unit_add_up(code, one, other):
    dimension, amount = convert(one, code)
    if dimension == "temperature":
        return
    assert amount + convert(other, code)[1] == convert(one + other, code)[1]


def test_numbers_are_compared_in_the_unit_that_both_share():
    assert in_base_unit(Fraction(5), "KGM", "TNE") == 5
    assert in_base_unit(Fraction(5), "KGM", "LTR") is None
    assert in_base_unit(Fraction(5), "XCS", "CS") == 5
    assert in_base_unit(Fraction(9), "FAH", "CEL", difference=True) == 5
    assert in_base_unit(Fraction(5), "Q9Q", "Q9Q") == 5
    assert in_base_unit(Fraction(5), "Q9Q", "KGM") is None
