"""Two histories of one node: a copy of its database, put back or gone on with beside it.

twin = twin_of(world, folder)            another database with the same keys, and a lock of its own
taken = snapshot(world, folder)          yesterday's copy of the database
put_back(world, taken)                   and now it is the database
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.support.world import World
from traceability.operations.node import load_node
from traceability.store.engine import Store

_SQLITE = "sqlite:///"


def twin_of(world: World, folder: Path) -> World:
    """The same node on another disk: its keys, its database, its lock, and a clock of its own."""
    shutil.copytree(world.node.folder, folder / "node")
    now = [world.now_ms]
    url = f"{_SQLITE}{snapshot(world, folder)}"
    return World(load_node(folder / "node"), Store(url, clock=lambda: now[0], checkpoints=True), now)


def snapshot(world: World, folder: Path) -> Path:
    """A copy of the database (SQLite) as it is now."""
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / "copy.sqlite"
    _copy(_file(world), copy)
    return copy


def put_back(world: World, taken: Path) -> None:
    """A copy takes the place of the database, as a restored backup does; the lock stays."""
    _copy(taken, _file(world))


def _file(world: World) -> Path:
    return Path(world.store.url.removeprefix(_SQLITE))


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)
