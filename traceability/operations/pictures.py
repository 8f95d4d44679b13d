"""Pictures that others sent, made anew: only what was drawn is left, in a size that a page can carry.

What comes in is opened only if it says that it is a JPEG, PNG or WebP and has few enough pixels; what goes
out is a JPEG without anything that stood beside the picture: place, camera, time, comments, hidden previews.
"""

from __future__ import annotations

import io
import re
import warnings
from typing import Final

from PIL import Image, ImageOps

from traceability.errors import PictureError

MAX_PIXELS: Final = {"JPEG": 50_000_000, "PNG": 16_000_000, "WEBP": 16_000_000}
"""Of what is opened. A JPEG, as the cameras of phones make them, is made smaller while it is read."""
USUAL_SCANS: Final = 10
"""Of a JPEG that comes in several, each over all of it: as most encoders make it."""
MAX_SCANS: Final = 64
MAX_SCANNED: Final = 160_000_000
"""Pixels times scans, at least the usual ones: each is decoded whole, however few bytes it has."""
MAX_BYTES: Final = 12 * 1024 * 1024
"""Of a file that is opened."""
QUALITIES: Final = (82, 70, 55, 40)
SMALLEST_PX: Final = 60
_MARKER: Final = re.compile(rb"\xff+([^\x00\xff])")
_ALONE: Final = frozenset((0x01, *range(0xD0, 0xD9)))
"""Markers that nothing belongs to: TEM, RST0 to RST7, SOI."""
_EOI, _SOS = 0xD9, 0xDA


def remake_picture(data: bytes, longest_px: int, most_bytes: int) -> bytes:
    """A picture as a JPEG.

    Args:
        longest_px: of its longer side; what is smaller stays as it is.
        most_bytes: quality, then size are lowered until it fits.

    Raises:
        PictureError: it is none of the three kinds, broken, of too many pixels, or does not fit.
    """
    picture = _opened(data, longest_px)
    while max(picture.size) >= SMALLEST_PX:
        for quality in QUALITIES:
            out = io.BytesIO()
            picture.save(out, "JPEG", quality=quality, optimize=True)
            if out.tell() <= most_bytes:
                return out.getvalue()
        picture.thumbnail((picture.width * 2 // 3, picture.height * 2 // 3))
    raise PictureError(f"the picture does not fit into {most_bytes:,} bytes")


def _opened(data: bytes, longest_px: int) -> Image.Image:
    """The picture upright, small, on white where it was transparent, and with no word beside it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=tuple(MAX_PIXELS)) as found:
                pixels, most = found.width * found.height, MAX_PIXELS[str(found.format)]
                if pixels > most:
                    raise PictureError(f"the picture has {pixels:,} pixels, at most {most:,} are opened")
                if found.format == "JPEG":
                    _require_few_scans(data, pixels)
                found.draft("RGB", (longest_px, longest_px))
                upright = ImageOps.exif_transpose(found)
                upright.thumbnail((longest_px, longest_px))
                layer = upright.convert("RGBA")
    except PictureError:
        raise
    except Exception as error:  # whatever a decoder trips over, it is no picture for us
        raise PictureError(f"this is no picture that can be opened: {type(error).__name__}") from error
    white = Image.new("RGB", layer.size, "white")
    white.paste(layer, mask=layer.getchannel("A"))
    return white


def _require_few_scans(data: bytes, pixels: int) -> None:
    """Raises PictureError for a JPEG whose scans together are too much work: of 300 kB it can be minutes.

    One scan is read at any size: where there are more, nothing is made smaller while it is read.

    Source: ITU-T T.81, B.1.1 (markers) and B.2 (what follows what).
    """
    scans, at = 0, 0
    while (marker := _MARKER.search(data, at)) is not None and marker[1][0] != _EOI:
        at = marker.end()
        if marker[1][0] in _ALONE:
            continue
        scans += marker[1][0] == _SOS
        if scans > MAX_SCANS or (scans > 1 and max(scans, USUAL_SCANS) * pixels > MAX_SCANNED):
            raise PictureError(f"{scans} scans or more over {pixels:,} pixels, which is too much to open")
        at += int.from_bytes(data[at : at + 2])
