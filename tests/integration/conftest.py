"""Nodes to try things on, with a clock that stands until it is moved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.world import World, make_world


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    """A node on SQLite, and another one on PostgreSQL."""
    made = make_world(tmp_path / "node", database_url)
    yield made
    made.store.close()


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[World]:
    """A node for what does not depend on the database."""
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'store.sqlite'}")
    yield made
    made.store.close()
