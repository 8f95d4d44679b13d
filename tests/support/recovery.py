"""Losing a database and what a full witness kept of it.

file = tmp_path / "a.backup"; back_up(world.store, file)   the real one
restore(world, file)                         puts it in the place of the database
folder = mirror_of(world, tmp_path / "w")    a full witness's folder, as far as the log is published
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from tests.support.postgres import Postgres
from tests.support.world import World
from traceability.ledger import merkle
from traceability.ledger.leaves import Found, Reach, check_leaves
from traceability.ledger.note import VerifierKey
from traceability.ledger.tiles import Tiles
from traceability.operations.ingest import Ingest
from traceability.operations.log import latest_checkpoint, log_entries
from traceability.operations.node import Node
from traceability.witness import memory as memories

Change = Callable[[list[bytes]], list[bytes]]


def restore(world: World, file: Path) -> None:
    """Let the database be what it was; the node's folder with its lock stays as it is.

    Whatever ran was stopped before, so that nobody remembers rows that are gone.
    """
    world.ingesting = Ingest(world.store, world.node)
    world.store.engine.dispose()
    url = make_url(world.store.url)
    if url.get_backend_name() == "sqlite":
        database = Path(str(url.database))
        for name in (database.name, f"{database.name}-wal", f"{database.name}-shm"):
            database.with_name(name).unlink(missing_ok=True)
        database.write_bytes(file.read_bytes())
        return
    with world.store.engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
    world.store.engine.dispose()
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    subprocess.run(["pg_restore", f"--dbname={plain}", str(file)], check=True, capture_output=True)


def with_programs(postgres: Postgres, patch: pytest.MonkeyPatch) -> None:
    """Let ``pg_dump`` and ``pg_restore`` be those of the server's own version."""
    patch.setenv("PATH", str(postgres.programs), prepend=":")


def mirror_of(
    world: World,
    folder: Path,
    change: Change = list,
    *,
    note: str | None = None,
    full: Path | None = None,
    node: Node | None = None,
) -> Path:
    """A folder with a copy of the log.

    Args:
        change: what is done to the leaves; rules are not checked then.
        note: its newest checkpoint; the published one if not given.
        full: where the leaves are taken from, if the store has not all of them.
        node: whose log it is said to be.
    """
    policy = (node or world.node).policy
    with world.store.reading() as connection:
        latest = latest_checkpoint(connection)
        assert latest is not None
        honest = log_entries(connection, 0, latest.size) if full is None else leaves_of(full, policy.log)
    entries = change(list(honest))
    tiles, _ = Tiles(lambda *_: b"").append(0, [merkle.leaf_hash(entry) for entry in entries])
    found = check_leaves(Reach(), lambda *_: {}, honest) if entries == honest else None
    folder.mkdir()
    memories.create(folder / "witness.sqlite", "witness.example/w1", full=True)
    with closing(memories.Memory(folder / "witness.sqlite")) as memory:
        memory.trust(policy.log, "http://log.example/log")
        with memory.deciding(policy.log.name) as deciding:
            kept = found or Found(Reach(size=len(entries)), {})
            deciding.mirror.keep(Reach(), kept, entries, tiles, (note or latest.note).encode())
    return folder


def leaves_of(folder: Path, log: VerifierKey) -> list[bytes]:
    """The leaves in such a folder."""
    with closing(memories.Memory(folder / "witness.sqlite")) as memory, memory.mirror(log.name) as mirror:
        return mirror.entries(0, mirror.reach().size)
