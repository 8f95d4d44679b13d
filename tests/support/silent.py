"""What is written without a word in the trail: each commit of this process, and the tables that it changed.

with listening() as commits:
    client.post(...)
assert silent(commits) == []
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, event

from traceability.store.accounts import TrailEntry

_WRITES: Final = re.compile(r"\s*(?:INSERT (?:OR \w+ )?INTO|UPDATE|DELETE FROM) \"?(\w+)", re.IGNORECASE)
_KEY: Final = "tables written"
TRAIL: Final = TrailEntry.__tablename__
BY_ITSELF: Final[Mapping[str, str]] = {
    "sessions": "when a session was used last, and what its next page is to say",
    "attempts": "tries that failed, so that guessing is slowed down",
    "scans": "how often codes were opened, which nobody did on somebody's behalf",
    "captures": "what an interface answered: the events themselves are in the trail",
    "heartbeats": "what programs say of themselves",
}
"""Tables of which no row is a change that somebody made, and why."""


@contextmanager
def listening() -> Iterator[list[frozenset[str]]]:
    """The tables changed by each transaction that is committed while the block runs."""
    commits: list[frozenset[str]] = []

    def executed(connection: Connection, cursor: Any, statement: str, *_: object) -> None:
        found = _WRITES.match(statement)
        if found and cursor.rowcount != 0:
            connection.info.setdefault(_KEY, set()).add(found[1])

    def committed(connection: Connection) -> None:
        if tables := connection.info.pop(_KEY, None):
            commits.append(frozenset(tables))

    def rolled_back(connection: Connection) -> None:
        connection.info.pop(_KEY, None)

    heard = (("after_cursor_execute", executed), ("commit", committed), ("rollback", rolled_back))
    for name, listener in heard:
        event.listen(Engine, name, listener)
    try:
        yield commits
    finally:
        for name, listener in heard:
            event.remove(Engine, name, listener)


def changes_in(commits: Iterable[frozenset[str]]) -> list[frozenset[str]]:
    """The commits that changed something on somebody's behalf."""
    return [tables for tables in commits if tables - BY_ITSELF.keys() - {TRAIL} or TRAIL in tables]


def silent(commits: Iterable[frozenset[str]]) -> list[list[str]]:
    """Those of them of which the trail says nothing."""
    return [sorted(tables) for tables in changes_in(commits) if TRAIL not in tables]
