"""Where tests keep their files: in memory, if there is room, since nothing of them is to outlast the run."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

MEMORY: Final = Path("/dev/shm")
ROOM_BYTES: Final = 4 * 1024**3


def use_memory() -> None:
    """Let everything temporary be made in memory; ``TMPDIR`` says otherwise."""
    if "TMPDIR" in os.environ or not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM_BYTES:
        return
    os.environ["TMPDIR"] = str(MEMORY)
    tempfile.tempdir = None
