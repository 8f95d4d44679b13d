"""A label, and a sheet of labels, as pictures for a page: the same layout as the file that is printed."""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape, quoteattr

from traceability.labels.fonts import MM_PER_POINT, MONO, width_mm
from traceability.labels.layout import Drawing
from traceability.labels.stock import Stock

_FAMILY: Final = {True: "monospace", False: "sans-serif"}


def _head(width: float, height: float, more: str = "") -> str:
    box = f'viewBox="0 0 {width:.3f} {height:.3f}" width="{width:g}mm" height="{height:g}mm"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box}{more}>'


def render_svg(drawing: Drawing) -> str:
    """One label. The browser draws the letters, each text as wide as in print."""
    module, (left, top) = drawing.fit.module, drawing.corner
    runs = "".join(
        f"M{left + x * module:.3f} {top + y * module:.3f}h{n * module:.3f}v{module:.3f}h{-n * module:.3f}z"
        for x, y, n in drawing.symbol.runs()
    )
    texts = "".join(
        f'<text x="{text.x:.3f}" y="{text.y:.3f}" font-size="{text.size_pt * MM_PER_POINT:.3f}" '
        f'font-family="{_FAMILY[text.font == MONO]}" lengthAdjust="spacingAndGlyphs" '
        f'textLength="{width_mm(text.text, text.font, text.size_pt):.3f}">{escape(text.text)}</text>'
        for text in drawing.texts
    )
    paper = f'<rect width="{drawing.width:g}" height="{drawing.height:g}" fill="#fff"/>'
    head = _head(drawing.width, drawing.height)
    return f'{head}{paper}<path d="{runs}"/>{texts}</svg>'


def render_sheet(stock: Stock, described: str, start: int = 1, count: int | None = None) -> str:
    """The outline of a sheet: which places are printed, and which are used up.

    Args:
        described: says in words what the picture shows.
        count: how many labels; all of the sheet's from ``start`` on if not given.
    """
    (page_w, page_h), (width, height) = stock.page, stock.label
    last = stock.places if count is None else min(stock.places, start - 1 + count)
    shown = []
    for place in range(stock.places):
        left, top = stock.corner(place)
        fill = "#2f6f4f" if start - 1 <= place < last else "none"
        shown.append(
            f'<rect x="{left + 0.7:.2f}" y="{top + 0.7:.2f}" width="{width - 1.4:.2f}" '
            f'height="{height - 1.4:.2f}" rx="2" fill="{fill}" stroke="#666" stroke-width="0.8"/>'
        )
    head = _head(page_w, page_h, f' role="img" aria-label={quoteattr(described)}')
    paper = f'<rect width="{page_w:g}" height="{page_h:g}" fill="#fff" stroke="#999" stroke-width="1"/>'
    return f"{head}{paper}{''.join(shown)}</svg>"
