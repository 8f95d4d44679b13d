"""The typeface of labels: WenQuanYi Micro Hei, which has Latin and Chinese characters, and embeds.

A printed label must not depend on what the reader's machine has: only the used characters of the font go
into the file. What the font lacks is shown by the geta mark, as Chinese printers do, and told.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

PLAIN: Final = "Label"
MONO: Final = "LabelMono"
"""For codes: all digits and letters are equally wide."""
FACES: Final = (PLAIN, MONO)
ASCENT: Final = 0.80
DESCENT: Final = 0.24
"""Of the size of the letters, above and below the line on which they stand."""
GETA: Final = "〓"
MM_PER_POINT: Final = 25.4 / 72


@cache
def load_fonts() -> frozenset[int]:
    """Make the typeface known to ReportLab; returns the characters that it has."""
    path = str(files("paperang_p2_fonts_cjk").joinpath("fonts", "wqy-microhei.ttc"))
    faces = [TTFont(name, path, subfontIndex=index) for index, name in enumerate(FACES)]
    for face in faces:
        pdfmetrics.registerFont(face)
    return frozenset.intersection(*(frozenset(face.face.charToGlyph) for face in faces))


def width_mm(text: str, font: str, size_pt: float) -> float:
    """How wide a text is."""
    load_fonts()
    return float(pdfmetrics.stringWidth(text, font, size_pt)) * MM_PER_POINT


def printable(text: str) -> tuple[str, str]:
    """A text as it can be printed, white space in one form; and the characters that are missing in it."""
    known, text = load_fonts(), " ".join(text.split())
    missing = "".join(dict.fromkeys(char for char in text if ord(char) not in known))
    return "".join(char if ord(char) in known else GETA for char in text), missing
