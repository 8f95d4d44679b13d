"""Lines of a label's text: what it says, and how it is broken where the label is narrow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from traceability.labels.fonts import width_mm

LANGUAGES: Final = ("en", "zh")


class Caption(StrEnum):
    """What stands before a value."""

    GTIN = "gtin"
    LOT = "lot"
    SERIAL = "serial"
    HARVESTED = "harvested"
    PRODUCED = "produced"
    FROZEN = "frozen"
    SELL_BY = "sell-by"
    BEST_BEFORE = "best-before"
    USE_BY = "use-by"
    CODE = "code"


_WORDS: Final[Mapping[Caption, tuple[str, str]]] = {
    Caption.GTIN: ("GTIN", "GTIN"),
    Caption.LOT: ("Lot", "批号"),
    Caption.SERIAL: ("Serial", "序列号"),
    Caption.HARVESTED: ("Harvested", "采收日期"),
    Caption.PRODUCED: ("Produced", "生产日期"),
    Caption.FROZEN: ("Frozen", "冷冻日期"),
    Caption.SELL_BY: ("Sell by", "销售截止"),
    Caption.BEST_BEFORE: ("Best before", "保质期至"),
    Caption.USE_BY: ("Use by", "食用截止"),
    Caption.CODE: ("Trace code", "追溯码"),
}

_PIECES: Final = re.compile(r"[\u2e80-\uffef] ?|[^ \u2e80-\uffef-]*-|[^ \u2e80-\uffef-]+ ?| ")
"""Where a line may end: behind a Chinese character, a space, a hyphen."""
ELLIPSIS: Final = "…"


def word(caption: Caption, language: str) -> str:
    """A caption in a language."""
    return _WORDS[caption][LANGUAGES.index(language)]


@dataclass(frozen=True, slots=True)
class Style:
    """A typeface and size, and how wide a line may be in millimetres."""

    font: str
    size_pt: float
    width: float

    def fits(self, text: str) -> bool:
        """Whether a text is no wider than a line."""
        return width_mm(text, self.font, self.size_pt) <= self.width


def wrap(text: str, style: Style) -> list[str]:
    """A text in lines of a width, broken between words, and inside a word only if it must be."""
    lines = [""]
    for piece in _PIECES.findall(text):
        if style.fits((lines[-1] + piece).rstrip()):
            lines[-1] += piece
        elif style.fits(piece.rstrip()):
            lines.append(piece)
        else:
            for char in piece:
                if style.fits(lines[-1] + char):
                    lines[-1] += char
                else:
                    lines.append(char)
    return [line.rstrip() for line in lines if line.strip()]


def shorten(text: str, style: Style, most: int) -> list[str]:
    """A text in at most so many lines; what does not fit is left out, and an ellipsis says so."""
    lines = wrap(text, style)
    if len(lines) <= most:
        return lines
    last = lines[most - 1]
    while " " in last and not style.fits(last + ELLIPSIS):
        last = last.rpartition(" ")[0]
    while last and not style.fits(last + ELLIPSIS):
        last = last[:-1]
    return [*lines[: most - 1], last.rstrip() + ELLIPSIS]


def wrap_evenly(text: str, style: Style) -> list[str]:
    """A text in as few lines as its width needs, about equally long: for codes that are read aloud."""
    lines = wrap(text, style)
    while len(closer := wrap(text, replace(style, width=style.width * 0.95))) == len(lines):
        style, lines = replace(style, width=style.width * 0.95), closer
    return lines
