"""Where things stand on a label: nothing over another, nothing over the edge, everything said."""

from __future__ import annotations

import itertools
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.printed import words
from tests.unit.labels.samples import CODE, GTIN, LONG_NAMES, longest, usual
from traceability.errors import LabelError
from traceability.gs1 import CSET82
from traceability.labels.fonts import GETA, printable
from traceability.labels.layout import Drawing, Label, lay_out
from traceability.labels.pdf import MAX_LABELS, draw_labels, render_pdf
from traceability.labels.stock import A4, LETTER, STOCKS, Stock, parse_stock
from traceability.labels.svg import render_sheet, render_svg
from traceability.labels.symbol import encode_symbol
from traceability.labels.text import ELLIPSIS, Caption, Style, wrap

EVERY = pytest.mark.parametrize("stock", STOCKS.values(), ids=list(STOCKS))
SVG = "{http://www.w3.org/2000/svg}"


def file_of(*labels: Label, paper: str = "L7160") -> bytes:
    return render_pdf(draw_labels(labels, STOCKS[paper]), STOCKS[paper])


def boxes(drawing: Drawing) -> list[tuple[float, float, float, float]]:
    """Left, top, right, bottom of the code with its quiet zone, and of each text."""
    left, top = drawing.corner
    side = drawing.symbol_mm
    return [(left, top, left + side, top + side), *(text.box for text in drawing.texts)]


def check_places(drawing: Drawing, stock: Stock) -> None:
    slack = 1e-6
    for left, top, right, bottom in boxes(drawing):
        assert left >= stock.margin - slack
        assert top >= stock.margin - slack
        assert right <= stock.label[0] - stock.margin + slack
        assert bottom <= stock.label[1] - stock.margin + slack
    for one, other in itertools.combinations(boxes(drawing), 2):
        apart = one[2] <= other[0] + slack or other[2] <= one[0] + slack
        assert apart or one[3] <= other[1] + slack or other[3] <= one[1] + slack, (one, other)


@EVERY
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("made", [usual, longest])
def test_nothing_stands_over_another_or_over_the_edge(made, language: str, stock: Stock):
    check_places(lay_out(made(language), stock), stock)


@settings(max_examples=40)
@given(
    st.text(max_size=200),
    st.text(sorted(CSET82), min_size=1, max_size=20),
    st.sampled_from(sorted(STOCKS)),
    st.sampled_from(["en", "zh"]),
)
def test_whatever_a_product_and_a_lot_are_called_they_have_their_place_or_are_refused(
    name: str, lot: str, paper: str, language: str
):
    label = replace(usual(language), name=name, facts=((Caption.GTIN, GTIN), (Caption.LOT, lot)))
    drawing = lay_out(label, STOCKS[paper])
    check_places(drawing, STOCKS[paper])
    assert lot in "".join(text.text for text in drawing.texts)


@EVERY
@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_copied_from_the_file_is_what_was_to_be_said(language: str, stock: Stock):
    label = longest(language)
    said = "".join(words(file_of(label, paper=stock.name))).replace(" ", "")
    for _, value in label.facts:
        assert value in said
    assert label.host in said
    assert printable(label.name)[0].replace(" ", "")[:10] in said
    short = usual(language)
    assert short.name in words(file_of(short, paper=stock.name))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_typeface_is_in_the_file(language: str):
    """What a reader's machine has does not matter: each font has its program, and there is no other."""
    pdf = file_of(longest(language))
    assert pdf.count(b"/FontFile2 ") == pdf.count(b"/BaseFont ") == 2
    assert len(pdf) < 120_000


def test_codes_are_drawn_and_not_pictures():
    assert b"/Subtype /Image" not in file_of(usual())


def test_the_same_labels_are_the_same_file():
    assert file_of(usual(), usual()) == file_of(usual(), usual())


def test_a_long_name_is_shortened_and_nothing_else():
    label = longest("en")
    drawing = lay_out(label, STOCKS["roll-50x30"])
    assert drawing.texts[1].text.endswith(ELLIPSIS)
    assert sum(ELLIPSIS in text.text for text in drawing.texts) == 1
    roomy = lay_out(replace(usual(), name=LONG_NAMES["en"][:60]), STOCKS["roll-100x150"])
    assert not any(ELLIPSIS in text.text for text in roomy.texts)


def test_what_has_no_room_is_refused_with_what_it_needs():
    label = replace(usual(), link="https://trace.farm.example/01/" + "%2F" * 100)
    with pytest.raises(LabelError, match=r"5160 \(66.7 x 25.4 mm\) has no room .* its code alone needs"):
        lay_out(label, STOCKS["5160"])
    with pytest.raises(LabelError, match="too many for a QR code"):
        encode_symbol("x" * 5000)
    wide = replace(usual(), host="h" * 2000)
    with pytest.raises(LabelError):
        lay_out(wide, STOCKS["roll-50x30"])


def test_a_character_that_the_typeface_lacks_is_marked_and_told():
    drawing = lay_out(replace(usual(), name="𠮷田\n草莓 🍓𠮷"), STOCKS["L7165"])
    assert drawing.missing == "𠮷🍓"
    assert drawing.texts[0].text == f"{GETA}田 草莓 {GETA}{GETA}"
    assert lay_out(usual("zh"), STOCKS["L7165"]).missing == ""


def test_all_labels_of_a_sheet_look_alike_if_they_can():
    stock, first = STOCKS["L7160"], lay_out(usual(), STOCKS["L7160"])
    assert lay_out(usual(serial="000000000001"), stock, first).fit == first.fit
    assert lay_out(longest(), stock, first).fit != first.fit


@EVERY
def test_a_sheet_is_full_and_centred(stock: Stock):
    """Wrong figures do not come out even: left as much as right, above as much as below, no overlap."""
    right, bottom = (
        stock.corner(stock.places - 1)[axis] + stock.label[axis] + stock.first[axis] for axis in (0, 1)
    )
    assert right == pytest.approx(stock.page[0], abs=0.05)
    assert bottom == pytest.approx(stock.page[1], abs=0.05)
    assert stock.roll or stock.page in (A4, LETTER)
    if not stock.roll:
        assert stock.pitch[0] >= stock.label[0] - 1e-9
        assert stock.pitch[1] >= stock.label[1] - 1e-9
    assert parse_stock(stock.name) is stock


def test_a_used_sheet_is_begun_where_it_was_left():
    stock = STOCKS["L7160"]
    assert list(stock.places_from(20, 3)) == [(0, 19), (0, 20), (1, 0)]
    assert stock.corner(4) == pytest.approx((7.21 + 66.04, 15.15 + 38.1))
    for wrong in (0, 22, -1):
        with pytest.raises(LabelError, match="places 1 to 21"):
            list(stock.places_from(wrong, 1))
    with pytest.raises(LabelError, match="L7160, L7163"):
        parse_stock("A7")


@pytest.mark.parametrize("count", [0, MAX_LABELS + 1])
def test_a_file_has_some_labels_and_not_too_many(count: int):
    with pytest.raises(LabelError, match="1 to 500"):
        draw_labels([usual()] * count, STOCKS["5160"])


def test_a_preview_is_the_same_label():
    label = replace(usual("zh"), name="<草莓> & co")
    drawing = lay_out(label, STOCKS["L7160"])
    root = ElementTree.fromstring(render_svg(drawing))
    assert [each.text for each in root.iter(f"{SVG}text")] == [text.text for text in drawing.texts]
    assert root.get("viewBox") == "0.000 0.000 63.500 38.100" or root.get("viewBox") == "0 0 63.500 38.100"
    path = root.find(f"{SVG}path")
    assert path is not None
    assert path.get("d", "").count("M") == len(drawing.symbol.runs())


def test_a_picture_of_a_sheet_shows_which_places_are_printed():
    root = ElementTree.fromstring(render_sheet(STOCKS["L7165"], 'say "A4"', start=3, count=2))
    fills = [rect.get("fill") for rect in root.iter(f"{SVG}rect")][1:]
    assert [fill != "none" for fill in fills] == [False, False, True, True, False, False, False, False]
    assert root.get("aria-label") == 'say "A4"'
    full = ElementTree.fromstring(render_sheet(STOCKS["L7165"], "all"))
    assert "none" not in {rect.get("fill") for rect in full.iter(f"{SVG}rect")}


def test_codes_are_broken_between_groups():
    lines = wrap(CODE, Style("LabelMono", 8.0, 30.0))
    assert "".join(lines) == CODE
    assert all(line.endswith("-") for line in lines[:-1])
    assert wrap("", Style("Label", 8.0, 30.0)) == []


def test_a_label_without_serial_number_or_code_is_smaller():
    bare: Label = replace(usual(), facts=((Caption.GTIN, GTIN),))
    assert lay_out(bare, STOCKS["5160"]).fit.size_pt > lay_out(usual(), STOCKS["5160"]).fit.size_pt
