"""Many rows at once: new ones only where that is asked for, and nothing cut to fit."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from traceability.errors import MalformedError
from traceability.store import models, projections
from traceability.store.engine import Store
from traceability.store.rows import insert_all, insert_new

LONG = "w" * 33


@pytest.fixture
def store(database_url):
    opened = Store(database_url)
    yield opened
    opened.close()


def _heartbeat(program: str, at_ms: int = 1) -> dict[str, object]:
    return {"detail": "ok", "program": program, "at_ms": at_ms}


def _kept(store: Store) -> list[tuple[str, int]]:
    table = models.Heartbeat
    with store.reading() as connection:
        rows = connection.execute(select(table.program, table.at_ms).order_by(table.program))
        return [(row.program, row.at_ms) for row in rows]


def test_new_rows_are_added_and_old_ones_stay(store):
    with store.transaction() as tx:
        insert_all(tx, models.Heartbeat, [_heartbeat("web"), _heartbeat("gateway", 2)])
        insert_new(tx, models.Heartbeat, [_heartbeat("web", 9), _heartbeat("publisher", 3)])
        insert_new(tx, models.Heartbeat, [])
    assert _kept(store) == [("gateway", 2), ("publisher", 3), ("web", 1)]


def test_a_row_given_twice_is_one_new_row(store):
    with store.transaction() as tx:
        insert_new(tx, models.Heartbeat, [_heartbeat("web", 1), _heartbeat("web", 2)])
    assert _kept(store) == [("web", 1)]


def test_a_row_that_is_there_is_an_error_where_none_may_be(store):
    with pytest.raises(IntegrityError), store.transaction() as tx:
        insert_all(tx, models.Heartbeat, [_heartbeat("web"), _heartbeat("web")])
    assert _kept(store) == []


def test_null_is_kept(store):
    link = {"src": 1, "kind": 1, "at_ms": 1, "event": 1, "uom": "KGM"}
    with store.transaction() as tx:
        rows = [link | {"dst": dst, "quantity": quantity} for dst, quantity in ((1, None), (2, "1.50"))]
        insert_new(tx, projections.Link, rows)
    with store.reading() as connection:
        found = connection.execute(select(projections.Link.dst, projections.Link.quantity)).all()
    assert sorted(found) == [(1, None), (2, "1.50")]


@pytest.mark.parametrize("insert", [insert_all, insert_new])
def test_what_is_too_long_is_refused_rather_than_cut(store, insert):
    if store.engine.dialect.name == "sqlite":
        with store.transaction() as tx:
            insert(tx, models.Heartbeat, [_heartbeat(LONG)])
        assert _kept(store) == [(LONG, 1)]  # SQLite has no lengths: it keeps all of it
        return
    with pytest.raises(MalformedError, match="too long"), store.transaction() as tx:
        insert(tx, models.Heartbeat, [_heartbeat(LONG)])
    assert _kept(store) == []
