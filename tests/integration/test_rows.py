"""Many rows at once: new ones only where that is asked for, and nothing cut to fit."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from traceability.errors import MalformedError
from traceability.store import models, projections, rows
from traceability.store.engine import Store
from traceability.store.rows import insert_all, insert_new, put_all, update_all

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
        found = connection.execute(select(table.program, table.at_ms).order_by(table.program))
        return [(row.program, row.at_ms) for row in found]


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


def test_put_rows_are_new_or_take_the_place_of_those_that_are_there(store):
    with store.transaction() as tx:
        insert_all(tx, models.Heartbeat, [_heartbeat("web"), _heartbeat("gateway", 2)])
        put_all(tx, models.Heartbeat, (_heartbeat(program, 7) for program in ("web", "publisher")))
        put_all(tx, models.Heartbeat, [])
    assert _kept(store) == [("gateway", 2), ("publisher", 7), ("web", 7)]


def test_updated_rows_keep_what_is_not_named_and_no_row_is_new(store):
    with store.transaction() as tx:
        tile = {"level": 0, "hashes": b"a"}
        insert_all(
            tx, models.Tile, [tile | {"number": 1}, tile | {"number": 2}, tile | {"level": 1, "number": 1}]
        )
        update_all(tx, models.Tile, [{"hashes": b"b", "number": n, "level": 0} for n in (2, 3)])
        insert_all(tx, models.Heartbeat, [_heartbeat("web"), _heartbeat("gateway", 2)])
        update_all(tx, models.Heartbeat, [{"program": "web", "at_ms": 5}])
    with store.reading() as connection:
        found = connection.execute(select(models.Tile).order_by(models.Tile.level, models.Tile.number)).all()
        assert connection.execute(select(models.Heartbeat.detail)).scalars().all() == ["ok", "ok"]
    assert [tuple(row) for row in found] == [(0, 1, b"a"), (0, 2, b"b"), (1, 1, b"a")]
    assert _kept(store) == [("gateway", 2), ("web", 5)]


def test_more_rows_than_are_handed_over_at_a_time_are_all_written(store, monkeypatch):
    monkeypatch.setattr(rows, "CHUNK", 3)
    with store.transaction() as tx:
        insert_all(tx, models.Heartbeat, [_heartbeat(f"p{n}", n) for n in range(8)])
    assert _kept(store) == [(f"p{n}", n) for n in range(8)]
