"""The QR code of a label, as modules.

Sources: ISO/IEC 18004 (symbol, quiet zone of four modules); GS1 General Specifications, symbol specification
table 1: a QR code with a GS1 Digital Link has modules of 0.396 to 0.990 mm.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import qrcode
from qrcode.constants import ERROR_CORRECT_H, ERROR_CORRECT_M, ERROR_CORRECT_Q
from qrcode.exceptions import DataOverflowError

from traceability.errors import LabelError

QUIET_MODULES: Final = 4
MIN_MODULE_MM: Final = 0.396
MAX_MODULE_MM: Final = 0.990


class Level(StrEnum):
    """How much of a code may be spoilt: 30, 25 or 15 % (ISO/IEC 18004); the first for which there is room."""

    H = "H"
    Q = "Q"
    M = "M"


_LEVELS: Final = {Level.H: ERROR_CORRECT_H, Level.Q: ERROR_CORRECT_Q, Level.M: ERROR_CORRECT_M}


@dataclass(frozen=True, slots=True)
class Symbol:
    """A square of modules, without its quiet zone; ``rows[y][x]`` is true where it is dark.

    ``mask`` is the pattern (ISO/IEC 18004, 7.8) that was laid over it.
    """

    rows: tuple[tuple[bool, ...], ...]
    mask: int

    @property
    def modules(self) -> int:
        """How many stand in a row, with the quiet zone on both sides."""
        return len(self.rows) + 2 * QUIET_MODULES

    def runs(self) -> list[tuple[int, int, int]]:
        """Dark modules side by side as one piece: x, y, how many; from the corner of the quiet zone."""
        found = []
        for y, row in enumerate(self.rows):
            start = None
            for x, dark in enumerate((*row, False)):
                if dark and start is None:
                    start = x
                elif not dark and start is not None:
                    found.append((start + QUIET_MODULES, y + QUIET_MODULES, x - start))
                    start = None
        return found


def encode_symbol(text: str, level: Level = Level.H, mask: int | None = None) -> Symbol:
    """The smallest QR code of a text.

    Args:
        mask: 0 to 7; the best one if not given, which takes six times as long to find.

    Raises:
        LabelError: the text is too long.
    """
    code: qrcode.QRCode[Any] = qrcode.QRCode(error_correction=_LEVELS[level], border=0, mask_pattern=mask)
    code.add_data(text)
    try:
        code.best_fit()
    except (DataOverflowError, ValueError) as error:
        raise LabelError(f"{len(text)} characters are too many for a QR code") from error
    mask = code.best_mask_pattern() if mask is None else mask
    code.makeImpl(False, mask)
    return Symbol(tuple(tuple(bool(dark) for dark in row) for row in code.modules), mask)
