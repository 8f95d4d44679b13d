"""A label's contents on the area of a label: the largest text and code for which there is room.

The code stands on the left of a wide label and on top of a tall one, its quiet zone free of everything.
Nothing but a product's name is ever shortened: what does not fit even in small print is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from traceability.errors import LabelError
from traceability.labels.fonts import ASCENT, DESCENT, MM_PER_POINT, MONO, PLAIN, printable, width_mm
from traceability.labels.stock import HEAD_DOTS_PER_INCH, INCH, Stock
from traceability.labels.symbol import MAX_MODULE_MM, MIN_MODULE_MM, Level, Symbol, encode_symbol
from traceability.labels.text import Caption, Style, shorten, word, wrap, wrap_evenly

NAME_SCALE: Final = 1.3
NAME_LINES: Final = 2
CAPTION_SCALE: Final = 0.85
LEADING: Final = 1.2
LARGEST_PT: Final = 13.0
TALL: Final = 1.2
"""A label that is at least so much wider than high has its code on the left."""
_STEP_PT: Final = 0.5


@dataclass(frozen=True, slots=True)
class Label:
    """What stands on one label.

    Attributes:
        link: the GS1 Digital Link in the code.
        name: of the product.
        facts: captions and values, in their order: GTIN, lot, serial, dates, trace code.
        host: the site's name, where the code leads.
        language: of the captions.
    """

    link: str
    name: str
    facts: tuple[tuple[Caption, str], ...]
    host: str
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Text:
    """One piece of text: where its letters begin and the line on which they stand, from the top left."""

    text: str
    font: str
    size_pt: float
    x: float
    y: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        size = self.size_pt * MM_PER_POINT
        right = self.x + width_mm(self.text, self.font, self.size_pt)
        return self.x, self.y - ASCENT * size, right, self.y + DESCENT * size


@dataclass(frozen=True, slots=True)
class Fit:
    """How large things are; ``broken``: values may go on in a next line."""

    size_pt: float
    module: float
    broken: bool = False
    level: Level = Level.H


@dataclass(frozen=True, slots=True)
class Drawing:
    """A label as it is drawn, in millimetres from its top left corner.

    Attributes:
        corner: left and top edge of the code's quiet zone.
        missing: characters of the name that the typeface does not have.
    """

    width: float
    height: float
    symbol: Symbol
    corner: tuple[float, float]
    texts: tuple[Text, ...]
    fit: Fit
    missing: str = ""

    @property
    def symbol_mm(self) -> float:
        """The side of the code with its quiet zone."""
        return self.symbol.modules * self.fit.module


def lay_out(label: Label, stock: Stock, like: Drawing | None = None) -> Drawing:
    """Draw a label.

    Args:
        like: another one's drawing: all labels of a sheet should look alike.

    Raises:
        LabelError: there is no room for it on this paper.
    """
    name, missing = printable(label.name)
    label = replace(label, name=name)
    symbol = encode_symbol(label.link, like.fit.level, like.symbol.mask) if like else None
    drawing = _drawn(label, stock, symbol, like.fit) if like and symbol else None
    if drawing is not None:
        return replace(drawing, missing=missing)
    for level in Level:
        symbol = encode_symbol(label.link, level)
        for fit in _fits(stock, level):
            drawing = _drawn(label, stock, symbol, fit)
            if drawing is not None:
                return replace(drawing, missing=missing)
    needed = encode_symbol(label.link, Level.M).modules * MIN_MODULE_MM
    raise LabelError(
        f"{stock.name} ({stock.size}) has no room for this label: its code alone needs {needed:.1f} mm, "
        f"and all its text stands beside or below it"
    )


def _fits(stock: Stock, level: Level) -> Iterator[Fit]:
    """From comfortable to just legible."""
    modules = module_sizes(stock)
    largest = min(LARGEST_PT, stock.label[1] * 0.3 // _STEP_PT * _STEP_PT)
    for smallest_pt, least, broken in ((6.0, 0.5, False), (5.0, 0.0, False), (4.5, 0.0, True)):
        size_pt = largest
        while size_pt >= smallest_pt:
            yield from (Fit(size_pt, m, broken, level) for m in modules if m >= least)
            size_pt -= _STEP_PT


def module_sizes(stock: Stock) -> tuple[float, ...]:
    """From the largest to the smallest: on a roll in whole dots of the printer's head, if there is room."""
    dot = INCH / HEAD_DOTS_PER_INCH
    if stock.roll:
        whole = [dot * n for n in range(8, 0, -1)]
        return (*(m for m in whole if MIN_MODULE_MM <= m <= MAX_MODULE_MM), MIN_MODULE_MM)
    return (0.9, 0.8, 0.7, 0.6, 0.55, 0.5, 0.45, MIN_MODULE_MM)


def _drawn(label: Label, stock: Stock, symbol: Symbol, fit: Fit) -> Drawing | None:
    """The label at these sizes; None if they are too large."""
    width, height = stock.label
    inner_w, inner_h = width - 2 * stock.margin, height - 2 * stock.margin
    side = symbol.modules * fit.module
    wide = width >= TALL * height
    room_w, room_h = (inner_w - side, inner_h) if wide else (inner_w, inner_h - side)
    if side > min(inner_w, inner_h) or min(room_w, room_h) <= 0:
        return None
    block = _block(label, fit, room_w)
    if block is None or block[1] > room_h:
        return None
    texts, text_h = block
    if wide:
        corner = (stock.margin, (height - side) / 2)
        dx, dy = stock.margin + side, (height - text_h) / 2
    else:
        spare = (room_h - text_h) / 3
        corner = ((width - side) / 2, stock.margin + spare)
        dx, dy = stock.margin, stock.margin + side + 2 * spare
    moved = tuple(replace(text, x=text.x + dx, y=text.y + dy) for text in texts)
    return Drawing(width, height, symbol, corner, moved, fit)


def _block(label: Label, fit: Fit, width: float) -> tuple[list[Text], float] | None:
    """All text from (0, 0) downwards, and its height; None if a value is too wide."""
    lines: list[tuple[tuple[str, str, float, float], ...]] = []
    name = Style(PLAIN, fit.size_pt * NAME_SCALE, width)
    lines += [((line, PLAIN, name.size_pt, 0.0),) for line in shorten(label.name, name, NAME_LINES)]
    for caption, value in label.facts:
        found = _fact(word(caption, label.language), value, fit, width, caption is Caption.CODE)
        if found is None:
            return None
        lines += found
    host = Style(PLAIN, fit.size_pt, width)
    if not (fit.broken or host.fits(label.host)):
        return None
    lines += [((line, PLAIN, fit.size_pt, 0.0),) for line in wrap(label.host, host)]
    return _stacked(lines)


def _fact(
    caption: str, value: str, fit: Fit, width: float, in_groups: bool
) -> list[tuple[tuple[str, str, float, float], ...]] | None:
    """A caption and its value: side by side, else one below the other."""
    small = fit.size_pt * CAPTION_SCALE
    behind = width_mm(f"{caption} ", PLAIN, small)
    style = Style(MONO, fit.size_pt, width)
    if behind + width_mm(value, MONO, fit.size_pt) <= width:
        return [((caption, PLAIN, small, 0.0), (value, MONO, fit.size_pt, behind))]
    if not (fit.broken or in_groups or style.fits(value)):
        return None
    lines = wrap_evenly(value, style)
    return [((caption, PLAIN, small, 0.0),), *(((line, MONO, fit.size_pt, 0.0),) for line in lines)]


def _stacked(lines: list[tuple[tuple[str, str, float, float], ...]]) -> tuple[list[Text], float]:
    """Lines below each other, each as high as its largest letters."""
    texts, top = [], 0.0
    for line in lines:
        size = max(size_pt for _, _, size_pt, _ in line) * MM_PER_POINT
        texts += [Text(text, font, size_pt, x, top + ASCENT * size) for text, font, size_pt, x in line]
        top += LEADING * size
    return texts, top
