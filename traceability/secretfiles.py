"""Files that only their owner may read: keys and secrets of a node, a witness."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from traceability.errors import SettingsError


def write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a file that was not there, and have it on disk before returning.

    Raises:
        FileExistsError: it is there already; it was not touched.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: Path, data: bytes, mode: int) -> None:
    """Write a file, new or in the place of another: whole and on disk, or not at all."""
    unfinished = path.with_name(path.name + ".part")
    unfinished.unlink(missing_ok=True)
    write_new(unfinished, data, mode)
    unfinished.replace(path)


def read_secret(path: Path) -> bytes:
    """The bytes of a secret.

    Raises:
        SettingsError: it is missing, or its mode lets others in.
    """
    check_mode(path)
    return path.read_bytes()


def check_mode(path: Path) -> None:
    """Refuse a secret that others could read.

    Raises:
        SettingsError: it is missing, or its mode lets others in.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        raise SettingsError(f"{path} is missing: restore it from your copy of the keys") from None
    if mode & 0o077:
        raise SettingsError(f"{path} has mode {mode:04o}: others can read it; run chmod 600 {path}")
