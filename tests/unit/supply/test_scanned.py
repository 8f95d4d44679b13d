"""What is scanned, photographed or typed: every form that a label has leads to the same batch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.errors import IdentifierError
from traceability.gs1 import CSET82
from traceability.gs1.elements import FNC1, parse_elements
from traceability.identifiers import Batch
from traceability.supply.scanned import Scanned, read_batch, read_scanned

GTIN = "09520000000011"
BATCH = Batch(GTIN, "L-1")


@pytest.mark.parametrize(
    "text",
    [
        f"https://id.gs1.org/01/{GTIN}/10/L-1",
        f"http://farm.example:8000/01/{GTIN}/10/L-1?lang=zh#label",
        f"https://shop.example/p/q/01/{GTIN}/22/2A/10/L-1/21/77",
        f"/01/{GTIN}/10/L-1",
        f"]Q1https://id.gs1.org/01/{GTIN}/10/L-1/",
        f"]C101{GTIN}10L-1",
        f"]d201{GTIN}10L-1{FNC1}3103000125",
        f"{FNC1}01{GTIN}10L-1",
        f"01{GTIN}10L-1",
        f"01{GTIN}1726050110L-1",
        f"3103000125{FNC1}01{GTIN}10L-1",
        f"(01){GTIN}(10)L-1",
        f"(01) {GTIN} (17)260501 (10) L-1",
        f"]C101{GTIN}10L-1\N{SYMBOL FOR GROUP SEPARATOR}21X",
        f"{GTIN}/L-1",
        f"{GTIN[1:]} L-1",
        f"  {GTIN[1:]} , L-1\n",
        "０９５２００００００００１１／L-1",
    ],
)
def test_every_form_of_a_label_names_the_same_batch(text):
    assert read_batch(text) == BATCH


@pytest.mark.parametrize("text", [GTIN, GTIN[1:], f"]E0{GTIN[1:]}", f"01{GTIN}", f"(01){GTIN}"])
def test_a_product_without_a_lot_is_known_as_one(text):
    assert read_scanned(text) == Scanned(GTIN)
    with pytest.raises(IdentifierError, match="without a lot"):
        read_batch(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "1 to 512 characters"),
        ("x" * 513, "1 to 512 characters"),
        ("hello", "no GTIN"),
        (f"{GTIN[:-1]}2/L-1", "check digit"),
        (f"{GTIN}/{'L' * 21}", "no lot"),
        (f"{GTIN}/草莓", "position 1"),
        ("]C100395200000000012348", "no product"),
        (f"]C101{GTIN}10", "no value"),
        (f"]C101{GTIN}(10)L-1", "no application identifier"),
        (f"]C101{GTIN[:8]}", "no value of its length"),
        (f"]C101{GTIN}10A{FNC1}10B", "twice"),
        (f"x(01){GTIN}", "no GTIN"),
        ("]C1", "an empty code"),
        ("(01x)1", "does not begin"),
        (f"]C101{GTIN[:4]}{FNC1}{GTIN[5:]}10L", "no value of its length"),
        (f"]C101{GTIN}31", "no application identifier"),
    ],
)
def test_what_names_nothing_is_refused_with_the_reason(text, why):
    with pytest.raises(IdentifierError, match=why):
        read_scanned(text)


def test_a_code_is_not_read_beyond_what_any_label_holds():
    with pytest.raises(IdentifierError, match="at most 512"):
        parse_elements("01" * 300)


@given(st.text(alphabet=sorted(CSET82), min_size=1, max_size=20).filter(lambda t: t not in {".", ".."}))
def test_any_lot_comes_back_from_an_element_string_and_from_a_link(lot):
    batch = Batch(GTIN, lot)
    assert read_batch(f"]C101{GTIN}10{lot}") == batch
    assert read_batch(f"]C110{lot}{FNC1}01{GTIN}") == batch
    assert read_batch(batch.uri("farm.example")) == batch


@given(st.text(max_size=60))
def test_nothing_but_a_batch_or_a_refusal_comes_out_of_any_text(text):
    try:
        found = read_scanned(text)
    except IdentifierError:
        return
    assert len(found.gtin) == 14
