"""The document store: files beside the database, each under its own SHA-256.

    FT_DATA/documents/3f/3f0a...    at most 16 MiB each, written whole and never changed

A file says nothing of itself: its name, its media type and who deposited it stand in the notices. One
that is gone, or was changed on the disk, changes nothing that was signed; it is just not handed out.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final

from traceability.errors import FileError, OversizeError, TamperError, UnknownSubjectError
from traceability.secretfiles import write_new

MAX_BYTES: Final = 16 * 1024 * 1024
_NAME: Final = re.compile(r"[0-9a-f]{64}")


class State(StrEnum):
    """How the file of a notice is here."""

    KEPT = "kept"
    CHANGED = "changed"
    GONE = "gone"


def keep_document(folder: Path, data: bytes) -> str:
    """Keep a file; the same one again is written again, so that a damaged copy is healed.

    Args:
        folder: the node's data folder.

    Returns:
        Its SHA-256, 64 hexadecimal digits.

    Raises:
        OversizeError: more than 16 MiB.
        FileError: it cannot be written.
    """
    require_size(len(data))
    sha256 = hashlib.sha256(data).hexdigest()
    path = _path(folder, sha256)
    unfinished = path.with_name(f"{sha256}.{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_new(unfinished, data, 0o600)
        unfinished.replace(path)
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror}") from error
    return sha256


def read_document(folder: Path, sha256: str) -> bytes:
    """A file by its SHA-256.

    Raises:
        UnknownSubjectError: it is not here.
        TamperError: what is here is not that file.
    """
    path = _path(folder, sha256)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UnknownSubjectError(
            f"the file with SHA-256 {sha256} is not kept here",
            remedy="Ask the firm that deposited it: the notice says what its SHA-256 must be.",
        ) from None
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise TamperError("a document was changed after it was deposited", expected=sha256, got=found)
    return data


def document_state(folder: Path, sha256: str) -> State:
    """Whether a file is here as it was deposited; hashed again only after it was touched."""
    path = _path(folder, sha256)
    try:
        found = path.stat()
        touched = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        return State.KEPT if _hash_of(path, touched) == sha256 else State.CHANGED
    except OSError:
        return State.GONE


@lru_cache(maxsize=4096)
def _hash_of(path: Path, _touched: tuple[int, ...]) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def require_size(size: int) -> None:
    """Raises OversizeError if a file is larger than what is kept."""
    if size > MAX_BYTES:
        raise OversizeError(
            f"a document of {size:,} bytes, at most {MAX_BYTES:,} are kept",
            remedy="Deposit a smaller one, for instance a picture in fewer pixels.",
        )


def _path(folder: Path, sha256: str) -> Path:
    if not _NAME.fullmatch(sha256):
        raise UnknownSubjectError(f"{sha256[:64]!r} is not the SHA-256 of a document")
    return folder / "documents" / sha256[:2] / sha256
