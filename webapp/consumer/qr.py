"""The code of a page for a label, and the same as a path that a page draws without asking for a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import qrcode
from qrcode.constants import ERROR_CORRECT_Q

QUIET: Final = 4
"""Empty modules around a code (ISO/IEC 18004)."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A QR code as an SVG path of strokes one module high; ``size`` with its empty border, in modules."""

    size: int
    path: str


def make_code(text: str) -> qrcode.QRCode[Any]:
    """The code of a text, with a quarter of it redundant."""
    code: qrcode.QRCode[Any] = qrcode.QRCode(error_correction=ERROR_CORRECT_Q, border=QUIET, box_size=8)
    code.add_data(text)
    return code


def draw_code(text: str) -> Drawn:
    """The same as a path: a stroke for each run of dark modules."""
    rows = make_code(text).get_matrix()
    return Drawn(len(rows), "".join(f"M{x} {y}.5h{n}" for y, row in enumerate(rows) for x, n in _runs(row)))


def _runs(row: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Where dark modules begin, and how many there are."""
    at = 0
    for dark, modules in groupby(row):
        length = len(list(modules))
        if dark:
            yield at, length
        at += length
