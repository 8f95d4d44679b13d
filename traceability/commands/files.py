"""Files that people name at the command line."""

from __future__ import annotations

from pathlib import Path

from traceability.errors import FileError


def read_file(path: Path, most: int = -1) -> bytes:
    """The content of a file, or its first ``most`` bytes; ``-`` is the standard input.

    Raises:
        FileError: it cannot be read.
    """
    try:
        with Path("/dev/stdin" if str(path) == "-" else path).open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from error


def write_file(path: Path, content: bytes | str) -> None:
    """Write a file, a text as UTF-8.

    Raises:
        FileError: it cannot be written.
    """
    try:
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror}") from error
