"""Drawing for people at a terminal."""

from __future__ import annotations

from typing import TextIO

import qrcode


def draw_qr(text: str, out: TextIO) -> None:
    """Draw a QR code (error correction M) from half blocks, with the border that ISO/IEC 18004 asks for.

    A terminal gets the colours along, so that its own do not matter; into a file the light
    modules are the drawn ones, as most terminals have a dark ground.
    """
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=4)
    code.add_data(text)
    code.make(fit=True)
    code.print_ascii(out=out, tty=out.isatty(), invert=True)
