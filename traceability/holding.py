"""A file that one process holds, so that another one of its kind does not start beside it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from traceability.errors import SettingsError


@contextmanager
def holding(path: Path, taken: str, remedy: str) -> Iterator[None]:
    """Hold a lock file inside the block; the system frees it however the process ends.

    Args:
        path: of the file, in a folder that is there.
        taken: what it means that another one holds it.

    Raises:
        SettingsError: another one does.
    """
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(taken, remedy=remedy) from None
        yield
