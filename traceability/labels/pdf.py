"""Labels as a PDF file: codes as vectors, letters from fonts that are embedded, nothing scaled by us."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from typing import Final

from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from traceability.errors import LabelError
from traceability.labels.fonts import PLAIN, load_fonts
from traceability.labels.layout import Drawing, Label, lay_out
from traceability.labels.stock import Stock

MAX_LABELS: Final = 500
"""In one file: more take longer than anybody waits."""


def draw_labels(labels: Sequence[Label], stock: Stock) -> list[Drawing]:
    """Lay labels out alike; equal ones only once.

    Args:
        labels: 1 to ``MAX_LABELS``.

    Raises:
        LabelError: too many, or there is no room for one on this paper.
    """
    if not 1 <= len(labels) <= MAX_LABELS:
        raise LabelError(f"1 to {MAX_LABELS} labels go into a file, not {len(labels)}")
    drawn: dict[Label, Drawing] = {}
    found: list[Drawing] = []
    for label in labels:
        if label not in drawn:
            drawn[label] = lay_out(label, stock, found[0] if found else None)
        found.append(drawn[label])
    return found


def render_pdf(
    drawings: Sequence[Drawing], stock: Stock, start: int = 1, *, title: str = "", language: str = "en"
) -> bytes:
    """The file for the printer: to be printed in its own size (100 %).

    Args:
        start: the first place of the first sheet that is still there.

    Raises:
        LabelError: a sheet has no such place.
    """
    load_fonts()
    out = io.BytesIO()
    size = (stock.page[0] * mm, stock.page[1] * mm)
    # The font that a page begins with is named in the file even if nothing is written in it.
    options = {"pageCompression": 1, "invariant": 1, "lang": language, "initialFontName": PLAIN}
    canvas = Canvas(out, pagesize=size, **options)
    canvas.setTitle(title)
    canvas.setCreator("food-traceability")
    canvas.setViewerPreference("PrintScaling", "None")
    times, forms = Counter(map(id, drawings)), dict[int, str]()
    page = 0
    for drawing, (on_page, place) in zip(drawings, stock.places_from(start, len(drawings)), strict=True):
        if on_page != page:
            canvas.showPage()
            page = on_page
        left, top = stock.corner(place)
        canvas.saveState()
        canvas.translate(left * mm, (stock.page[1] - top) * mm)
        if times[id(drawing)] > 1:
            canvas.doForm(_form(canvas, drawing, forms))
        else:
            _draw(canvas, drawing)
        canvas.restoreState()
    canvas.save()
    return out.getvalue()


def _form(canvas: Canvas, drawing: Drawing, forms: dict[int, str]) -> str:
    """A label that stands many times in the file is drawn in it once."""
    name = forms.get(id(drawing))
    if name is None:
        name = forms[id(drawing)] = f"label{len(forms)}"
        canvas.beginForm(name, 0, -drawing.height * mm, drawing.width * mm, 0)
        _draw(canvas, drawing)
        canvas.endForm()
    return name


def _draw(canvas: Canvas, drawing: Drawing) -> None:
    """A label, with its top left corner at (0, 0)."""
    canvas.setFillGray(0)
    canvas.saveState()
    canvas.translate(drawing.corner[0] * mm, -drawing.corner[1] * mm)
    canvas.scale(drawing.fit.module * mm, drawing.fit.module * mm)
    # One path, so that no renderer leaves a seam between modules that touch.
    path = canvas.beginPath()
    for x, y, length in drawing.symbol.runs():
        path.rect(x, -y - 1, length, 1)
    canvas.drawPath(path, stroke=0, fill=1)
    canvas.restoreState()
    for text in drawing.texts:
        canvas.setFont(text.font, text.size_pt)
        canvas.drawString(text.x * mm, -text.y * mm, text.text)
