"""Disks whose power a test cuts, or that it fills: one in a file, one in memory. Root alone may mount."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.skips import NEEDS_ROOT


def _done(*command: str | Path) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def mounted(at: Path, *options: str | Path) -> Iterator[Path]:
    """A file system at a folder, made for it; the test is skipped where nobody may mount."""
    at.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0 or not _done("mount", *options, at):
        pytest.skip(f"{NEEDS_ROOT}: mount {' '.join(map(str, options))}")
    try:
        yield at
    finally:
        if not _done("umount", at):
            subprocess.run(("umount", "-l", at), check=True)  # a test that fails may still use it


def image(path: Path, size_mb: int) -> None:
    """A file with an empty ext4 in it, to be mounted by ``-o loop``."""
    program = shutil.which("mkfs.ext4", path=f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin")
    if program is None:
        pytest.skip("mkfs.ext4 is not on this machine: apt-get install e2fsprogs")
    with path.open("wb") as file:
        file.truncate(size_mb * 1024**2)
    subprocess.run((program, "-q", path), check=True)


def copy(path: Path, to: Path) -> None:
    """What stands in an image at this moment, and nothing that is still on its way there."""
    subprocess.run(("cp", "--sparse=always", path, to), check=True)


@contextmanager
def small(at: Path, kilobytes: int) -> Iterator[Path]:
    """A disk in memory of that size."""
    with mounted(at, "-t", "tmpfs", "-o", f"size={kilobytes}k,mode=700", "tmpfs"):
        yield at


@contextmanager
def filled(at: Path, leaving: int) -> Iterator[None]:
    """While the block runs, a disk has no more than so many bytes left."""
    filler = at / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while (more := _free(at) - leaving) > 0:
            file.write(bytes(min(more, 1024**2)))
    try:
        yield
    finally:
        filler.unlink()


def _free(at: Path) -> int:
    disk = os.statvfs(at)
    return disk.f_bavail * disk.f_frsize
