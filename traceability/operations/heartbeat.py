"""Heartbeats: when a program last said that it works, and what hinders it if it does not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select, update

from traceability.store import models
from traceability.store.engine import Store
from traceability.store.rows import insert_new

STALE_MS: Final = 15_000
"""A program that has not said for this long that it works is taken to be down."""


@dataclass(frozen=True, slots=True)
class Beat:
    """A program's newest heartbeat; ``detail["error"]`` is the code of what hinders it, or None."""

    program: str
    at_ms: int
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Works:
    """Whether a program says that it works: ``error`` is a sentence about why not, or None."""

    program: str
    at_ms: int | None
    error: str | None
    detail: Mapping[str, Any] | None


def how_it_works(program: str, beats: Mapping[str, Beat], now_ms: int) -> Works:
    """Whether a program said lately, by this machine's clock, that it works and that nothing hinders it."""
    if program not in beats:
        return Works(program, None, f"the {program} has never run: start it with `traceability run`", None)
    found = beats[program]
    age_ms = now_ms - found.at_ms
    if abs(age_ms) > STALE_MS:
        return Works(program, found.at_ms, f"the {program} has said nothing for {age_ms // 1000} s", None)
    error = found.detail.get("error")
    return Works(program, found.at_ms, str(error) if error else None, found.detail)


def beat(store: Store, program: str, detail: Mapping[str, Any]) -> None:
    """Say that a program works.

    Args:
        program: ``gateway`` or ``publisher``.
        detail: what there is to say; made into JSON.

    Raises:
        StoreUnavailableError: try again.
    """
    with store.transaction() as tx:
        table = models.Heartbeat
        row = {"at_ms": tx.now_ms, "detail": json.dumps(detail, sort_keys=True)}
        insert_new(tx, table, [{"program": program, **row}])
        tx.connection.execute(update(table).where(table.program == program).values(row))


def newest_beats(connection: Connection) -> dict[str, Beat]:
    """The newest heartbeat of every program that ever gave one."""
    rows = connection.execute(select(models.Heartbeat.__table__))
    return {r.program: Beat(r.program, r.at_ms, json.loads(r.detail)) for r in rows}
