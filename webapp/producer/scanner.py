"""Reading codes with the camera or from a photo: a decoder in WebAssembly, from this site alone."""

from __future__ import annotations

from typing import Final

from webapp import built

PROGRAM: Final = "built/zxing.js"
WASM: Final = "built/zxing_reader.wasm"
"""Both come from a package by ``make scanner``, and need not be there."""


def is_built() -> bool:
    """Whether the decoder is there; without it, codes are typed."""
    return built.is_built(PROGRAM, WASM)
