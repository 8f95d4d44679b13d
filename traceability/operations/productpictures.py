"""Pictures of products: whatever a phone sends is kept as one small picture that says nothing but itself.

FT_DATA/pictures/0b7e....jpg    written whole, never changed, under a random name
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Final

from traceability.errors import FileError, OversizeError, UnknownSubjectError
from traceability.operations.pictures import MAX_BYTES, remake_picture
from traceability.secretfiles import write_new

EDGE_PX: Final = 1024
"""Of the longer edge of what is kept."""
KEPT_BYTES: Final = 256 * 1024
_NAME: Final = re.compile(r"[0-9a-f]{32}")


def keep_picture(folder: Path, data: bytes) -> str:
    """Keep a picture in a node's data folder, made small and clean; returns its new name.

    Raises:
        OversizeError: more bytes than are taken.
        PictureError: not a picture that is opened.
        FileError: it cannot be written.
    """
    if len(data) > MAX_BYTES:
        raise OversizeError(
            f"a picture of {len(data):,} bytes, at most {MAX_BYTES:,} are taken",
            remedy="Take it with fewer pixels, or send a part of it.",
        )
    name = secrets.token_hex(16)
    path = _path(folder, name)
    kept = remake_picture(data, EDGE_PX, KEPT_BYTES)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_new(path, kept, 0o600)
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror}") from error
    return name


def read_picture(folder: Path, name: str) -> bytes:
    """A picture that was kept.

    Raises:
        UnknownSubjectError: there is none of this name.
    """
    try:
        return _path(folder, name).read_bytes()
    except OSError:
        raise UnknownSubjectError(f"there is no picture {name}") from None


def drop_picture(folder: Path, name: str) -> None:
    """Remove a picture, once no row names it any more."""
    _path(folder, name).unlink(missing_ok=True)


def _path(folder: Path, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise UnknownSubjectError(f"{name[:64]!r} is not the name of a picture")
    return folder / "pictures" / f"{name}.jpg"
