"""A printed code is read: at 300 dpi, straight and turned, out of focus, scratched, on old thermal paper."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image, ImageDraw

from tests.support.printed import blurred, cut, faded, pages, read, scratched, turned
from tests.unit.labels.samples import longest, usual
from traceability.labels.layout import Drawing, Label, lay_out
from traceability.labels.pdf import draw_labels, render_pdf
from traceability.labels.stock import STOCKS, Stock
from traceability.labels.symbol import MAX_MODULE_MM, MIN_MODULE_MM, QUIET_MODULES, Level

ANGLES = (7, 45, 90, 180)
SEEDS = range(10)


def printed(drawing: Drawing, stock: Stock) -> Image.Image:
    (page,) = pages(render_pdf([drawing], stock, start=stock.places))
    return cut(page, stock, stock.places - 1)


TIGHT = ("5160", "roll-50x30")
"""The sizes with the least room, which are looked at with the longest values too."""
EVERY = pytest.mark.parametrize(
    ("stock", "label"),
    [
        *(pytest.param(stock, usual("zh"), id=name) for name, stock in STOCKS.items()),
        *(pytest.param(STOCKS[name], longest(), id=f"{name}-longest") for name in TIGHT),
    ],
)


@EVERY
def test_a_worn_label_of_every_size_still_tells_its_link(label: Label, stock: Stock):
    drawing = lay_out(label, stock)
    picture = printed(drawing, stock)
    worn = {
        "straight": picture,
        **{f"turned by {angle}": turned(picture, angle) for angle in ANGLES},
        "blurred": blurred(picture, 2.0),
        "faded": faded(picture),
        "all of it": turned(blurred(faded(scratched(picture, drawing, 9, 0.02)), 1.2), 7),
    }
    told = {how: read(image) for how, image in worn.items()}
    assert told == {how: [label.link] for how in worn}


def unread(drawing: Drawing, stock: Stock, link: str) -> int:
    """How many of ten scratched labels are not read at the first look."""
    picture = printed(drawing, stock)
    return sum(read(scratched(picture, drawing, seed)) != [link] for seed in SEEDS)


@EVERY
def test_a_label_with_a_twentieth_of_its_code_scratched_is_read(label: Label, stock: Stock):
    drawing = lay_out(label, stock)
    if (stock.name, label) == ("5160", longest("en")):  # no room for more than M
        assert drawing.fit.level is Level.M
    else:
        assert drawing.fit.level is Level.H
        assert unread(drawing, stock, label.link) <= 1


def test_the_stronger_error_correction_is_what_stands_scratches():
    """The control: the same label with error correction M is lost as often as not."""
    stock, label = STOCKS["L7160"], usual("zh")
    usually = lay_out(label, stock)
    fit = replace(usually.fit, level=Level.M)
    weaker = lay_out(label, stock, replace(usually, fit=fit))
    assert weaker.fit == fit
    assert unread(weaker, stock, label.link) >= 5


@pytest.mark.parametrize("stock", STOCKS.values(), ids=list(STOCKS))
def test_modules_are_of_the_size_that_gs1_allows(stock: Stock):
    for label in (usual(), longest("zh")):
        drawing = lay_out(label, stock)
        assert MIN_MODULE_MM <= drawing.fit.module <= MAX_MODULE_MM
        assert len(drawing.symbol.rows) == drawing.symbol.modules - 2 * QUIET_MODULES


def test_without_its_quiet_zone_a_code_is_not_read():
    """The control: the same code with print up to its edge, as text would be that came too near."""
    stock, label = STOCKS["L7160"], usual()
    drawing = lay_out(label, stock)
    picture = printed(drawing, stock)
    assert read(framed(picture, drawing, QUIET_MODULES)) == [label.link]
    assert read(framed(picture, drawing, 0)) == []


def framed(picture: Image.Image, drawing: Drawing, quiet: int) -> Image.Image:
    """Ink around the code, with so many modules of white left."""
    scale = picture.width / drawing.width
    left, top = ((edge + drawing.fit.module * (QUIET_MODULES - quiet)) * scale for edge in drawing.corner)
    side = (drawing.symbol_mm - 2 * drawing.fit.module * (QUIET_MODULES - quiet)) * scale
    mask = Image.new("1", picture.size, 1)
    ImageDraw.Draw(mask).rectangle([left, top, left + side, top + side], fill=0)
    inked = picture.copy()
    inked.paste(0, mask=mask)
    return inked


def test_much_smaller_modules_are_not_read_out_of_focus():
    """The control: at a quarter of the least size, the blur that every label stands is too much."""
    label = usual()
    picture = printed(lay_out(label, STOCKS["roll-50x30"]), STOCKS["roll-50x30"])
    tiny = picture.resize((picture.width // 4, picture.height // 4), Image.Resampling.LANCZOS)
    assert read(blurred(picture, 2.0)) == [label.link]
    assert read(blurred(tiny, 2.0)) == []


def test_a_scratch_too_many_is_too_many():
    """The control: the scratches of the tests above do harm."""
    label, stock = usual(), STOCKS["roll-50x30"]
    drawing = lay_out(label, stock)
    assert read(scratched(printed(drawing, stock), drawing, 0, 0.3)) == []


def test_each_label_of_a_full_sheet_has_its_own_serial_number():
    stock = STOCKS["5160"]
    labels = [usual(serial=f"{number:012}") for number in range(35)]
    first, second = pages(render_pdf(draw_labels(labels, stock), stock, start=3))
    told = [read(cut(first, stock, place)) for place in range(30)]
    told += [read(cut(second, stock, place)) for place in range(7)]
    assert told == [[], [], *([label.link] for label in labels)]
    assert len(read(second)) == 7


def test_equal_labels_are_drawn_once_in_the_file():
    stock = STOCKS["70x37"]
    label = replace(usual(), link="https://trace.farm.example/01/09520000000015/10/L1")
    one, many = (render_pdf(draw_labels([label] * count, stock), stock) for count in (1, 48))
    assert len(many) < len(one) + 12_000
    assert [len(read(page)) for page in pages(many)] == [24, 24]
