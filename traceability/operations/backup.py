"""A copy of the database while the node goes on: SQLite's by its own backup, PostgreSQL's by ``pg_dump``.

What is left out on purpose is the lock database: a copy of it would say that an old store is new.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import URL, make_url

from traceability.errors import ConflictError, FileError, SettingsError
from traceability.secretfiles import write_new
from traceability.store.engine import Store

PROGRAM: Final = "pg_dump"


def back_up(store: Store, file: Path) -> int:
    """Write one snapshot of the database into a new file that its owner alone may read.

    It is complete or not there: it gets its name when all of it is on the disk.

    Returns:
        Its size in bytes.

    Raises:
        ConflictError: the file is there already.
        FileError: it cannot be written.
        SettingsError: PostgreSQL's program for it is not here, or refused.
    """
    if file.exists():
        raise ConflictError(f"{file} is there already", remedy="Give each backup a name of its own.")
    part = file.with_name(f"{file.name}.part")
    try:
        part.unlink(missing_ok=True)
        write_new(part, b"", 0o600)
        url = make_url(store.url)
        if url.get_backend_name() == "sqlite":
            _copy(Path(url.database or ""), part)
        else:
            _dump(url, part, file)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.rename(file)
        return file.stat().st_size
    except (OSError, sqlite3.Error) as error:
        raise FileError(f"{file} cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def _copy(database: Path, part: Path) -> None:
    """All pages in one step: one snapshot, and in WAL mode nobody waits for it."""
    source = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
    with closing(source), closing(sqlite3.connect(part)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it


def _dump(url: URL, part: Path, file: Path) -> None:
    plain = url.set(drivername="postgresql", password=None).render_as_string()
    command = [PROGRAM, "--format=custom", f"--dbname={plain}", "--file"]
    by_hand = f"Run it where PostgreSQL's own programs are: {shlex.join([*command, str(file)])}"
    if shutil.which(PROGRAM) is None:
        raise SettingsError(f"{PROGRAM} is not on this machine", remedy=by_hand)
    secret = {} if url.password is None else {"PGPASSWORD": str(url.password)}
    done = subprocess.run(
        [*command, str(part)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | secret,
    )
    if done.returncode:
        raise SettingsError(f"{PROGRAM} refused: {done.stderr.strip()[:500]}", remedy=by_hand)
