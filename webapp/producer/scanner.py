"""Reading codes with the camera or from a photo: a decoder in WebAssembly, from this site alone."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from flask import current_app

PROGRAM: Final = "built/zxing.js"
WASM: Final = "built/zxing_reader.wasm"
"""Both come from a package by ``make scanner``, and need not be there."""


def is_built() -> bool:
    """Whether the decoder is there; without it, codes are typed."""
    folder = Path(str(current_app.static_folder))
    return (folder / PROGRAM).is_file() and (folder / WASM).is_file()
