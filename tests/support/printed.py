"""What a printer makes of a file at 300 dpi, and what wear makes of that: turned, blurred, scratched."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

import pypdfium2
import zxingcpp
from PIL import Image, ImageDraw, ImageFilter

from traceability.labels.layout import Drawing
from traceability.labels.stock import Stock
from traceability.labels.symbol import QUIET_MODULES

DPI: Final = 300
DOTS_PER_MM: Final = DPI / 25.4
SCRATCHED: Final = 0.05
"""Share of the picture that scratches cover."""


def pages(pdf: bytes) -> Iterator[Image.Image]:
    """Each page in grey."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        for page in document:
            yield page.render(scale=DPI / 72).to_pil().convert("L")
    finally:
        document.close()


def cut(page: Image.Image, stock: Stock, place: int) -> Image.Image:
    """One label of a page."""
    left, top = stock.corner(place)
    edges = (left, top, left + stock.label[0], top + stock.label[1])
    return page.crop(tuple(round(edge * DOTS_PER_MM) for edge in edges))  # type: ignore[arg-type]


def words(pdf: bytes) -> list[str]:
    """The lines of text of each page, as a reader would copy them."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        # PDFium takes a hyphen at a line's end for one that hyphenates, and marks it.
        texts = [page.get_textpage().get_text_range().replace("\ufffe", "-\n") for page in document]
        return [line for text in texts for line in text.splitlines()]
    finally:
        document.close()


def turned(picture: Image.Image, degrees: float) -> Image.Image:
    return picture.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=255)


def blurred(picture: Image.Image, radius: float) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(radius))


def faded(picture: Image.Image) -> Image.Image:
    """Old thermal paper: black has become grey, white yellowish."""
    return picture.point(lambda grey: 130 + grey * 80 // 255)


def scratched(picture: Image.Image, drawing: Drawing, seed: int, share: float = SCRATCHED) -> Image.Image:
    """Lines across the code, white or black, until they cover so much of it.

    The three squares in its corners stay whole: by them a code is found, and no error correction mends them.
    """
    lot, worn, touched = random.Random(seed), picture.copy(), Image.new("1", picture.size)
    scale = picture.width / drawing.width
    module, (left, top) = drawing.fit.module * scale, (edge * scale for edge in drawing.corner)
    side = len(drawing.symbol.rows) * module
    left, top = left + QUIET_MODULES * module, top + QUIET_MODULES * module
    whole = tuple(map(round, (left, top, left + side, top + side)))
    corners = [_square(left + x, top + y, module) for x, y in ((0, 0), (side, 0), (0, side))]
    while sum(touched.crop(whole).histogram()[1:]) < share * side * side:  # type: ignore[arg-type]
        ends = [(lot.uniform(left, left + side), lot.uniform(top, top + side)) for _ in range(2)]
        width, grey = lot.randint(1, 8), lot.choice((0, 255))
        ImageDraw.Draw(worn).line(ends, fill=grey, width=width)
        ImageDraw.Draw(touched).line(ends, fill=1, width=width)
        for box in corners:
            worn.paste(picture.crop(box), box)
            touched.paste(0, box)
    return worn


def _square(x: float, y: float, module: float) -> tuple[int, int, int, int]:
    """A corner's square with a module of white around it, wherever of the corner it lies."""
    near = 8 * module
    return round(x - near), round(y - near), round(x + near), round(y + near)


def read(picture: Image.Image) -> list[str]:
    """The texts of the QR codes in a picture."""
    found = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    return [code.text for code in found]
