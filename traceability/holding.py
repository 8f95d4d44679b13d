"""A file that one process holds, so that another one of its kind does not start beside it."""

from __future__ import annotations

import fcntl
import os
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
        SettingsError: another one does, or the file cannot be opened or held.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)  # whoever made it, all may hold it
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise SettingsError(taken, remedy=remedy) from None
    except OSError as error:
        os.close(descriptor)
        raise _unusable(path, error) from error
    try:
        yield
    finally:
        os.close(descriptor)


def _unusable(path: Path, error: OSError) -> SettingsError:
    return SettingsError(
        f"{path} cannot be held: {error.strerror}",
        remedy="It must be an empty file that this user can read, in a folder that this user can write to.",
    )
