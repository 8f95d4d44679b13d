"""Files that are built from packages by ``make``, and need not be there: a page does without them."""

from __future__ import annotations

from pathlib import Path

from flask import current_app


def file_of(name: str) -> Path:
    """Where a file of the site lies, built or not; ``name`` is below ``static``."""
    return Path(str(current_app.static_folder)) / name


def is_built(*names: str) -> bool:
    """Whether all of these files are there."""
    return all(file_of(name).is_file() for name in names)
