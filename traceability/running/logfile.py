"""The log file of a child: it turns over when it is large, and a full disk ends it only while it is full."""

from __future__ import annotations

from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Final

LOG_BYTES: Final = 5 * 1024**2
"""Size of a log; when it is reached the log becomes ``NAME.log.1`` and a new one begins."""


class LogFile:
    """Lines at the end of a file. What cannot be written is let go: nobody who logs may fail of it."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, FileIO(path, "ab")
        self._why = self._told = ""

    def write(self, line: str) -> None:
        """Add a line."""
        half = b"\n" if self._why else b""  # the last line may have found room for its half
        data = half + line.encode() + b"\n"
        try:
            if self._file.closed:
                self._file = FileIO(self._path, "ab")
            if self._file.seek(0, 2) + len(data) > LOG_BYTES:
                self._turn_over()
            while data:
                data = data[self._file.write(data) :]
            self._why = ""
        except OSError as error:
            self._why = str(error)
            self.close()

    def news(self) -> str | None:
        """What to tell a person: that lines cannot be written, or that they can again; each once."""
        if bool(self._why) == bool(self._told):
            return None
        self._told = self._why
        if self._why:
            return f"its log cannot be written, make room on the disk: {self._why}"
        return "its log is written again"

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):
            self._file.close()

    def _turn_over(self) -> None:
        self._file.close()
        self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        self._file = FileIO(self._path, "ab")
