"""Files that people name at the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from traceability.errors import FileError, MalformedError


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


def format_of(named: str | None, out: Path | None, endings: Mapping[str, str]) -> str | None:
    """The format that was named, or else the one that the file's name ends with; None if neither says one.

    Args:
        endings: of file names, with the formats that they promise.

    Raises:
        MalformedError: they contradict each other, or the ending is that of no format.
    """
    ending = out.suffix[1:].lower() if out is not None else ""
    told = endings.get(ending)
    if named is None and ending and told is None:
        raise MalformedError(
            f"no format is written to files that end with .{ending}",
            remedy=f"End it with one of .{', .'.join(endings)}, or add --format.",
        )
    if named is not None and told not in {None, named}:
        raise MalformedError(
            f"--format {named} contradicts the ending of {out}",
            remedy="Leave --format out, or give the file another name.",
        )
    return named or told
