"""A picture that somebody sends is made anew: small, upright, and nothing beside what was drawn is left."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from traceability.errors import PictureError
from traceability.operations.pictures import remake_picture


def encoded(kind: str, size: tuple[int, int] = (640, 320), **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_three_kinds_become_a_small_jpeg(kind):
    with Image.open(io.BytesIO(remake_picture(encoded(kind), 320, 20_000))) as made:
        assert (made.format, made.size) == ("JPEG", (320, 160))


def test_place_camera_and_comments_are_left_out_and_the_picture_stands_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Secret camera"
    exif.get_ifd(0x8825)[2] = (25.0, 36.0, 1.0)
    data = encoded("JPEG", exif=exif, comment=b"my house")
    assert b"Secret camera" in data
    made = remake_picture(data, 640, 50_000)
    assert b"Secret" not in made
    assert b"my house" not in made
    with Image.open(io.BytesIO(made)) as picture:
        assert (picture.size, dict(picture.getexif())) == ((320, 640), {})


def _bomb(side: int) -> bytes:
    """The header of a PNG of that many pixels a side, with next to nothing behind it."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    chunks = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (_bomb(5000), "25,000,000 pixels"),
        (_bomb(60_000), "picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "no picture"),
        (encoded("GIF"), "no picture"),
        (encoded("BMP"), "no picture"),
        (encoded("JPEG")[:700], "no picture"),
        (b"", "no picture"),
    ],
)
def test_other_kinds_broken_ones_and_bombs_are_refused(data, said):
    with pytest.raises(PictureError, match=said):
        remake_picture(data, 320, 20_000)


def test_a_picture_of_noise_is_made_smaller_until_it_fits():
    noise = io.BytesIO()
    Image.effect_noise((900, 600), 80).save(noise, "PNG")
    assert len(remake_picture(noise.getvalue(), 480, 16_000)) <= 16_000


def test_what_does_not_get_small_enough_is_refused():
    with pytest.raises(PictureError, match="does not fit"):
        remake_picture(encoded("PNG"), 640, 100)
