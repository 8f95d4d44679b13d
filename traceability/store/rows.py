"""Many rows into one table at once, as fast as the driver takes them.

The statement is compiled once for a table and its columns. SQLite gets the rows one after the other
in one call; PostgreSQL gets each column as one array, and so parses and plans once for all rows.
Values go to the driver as they are: columns here hold numbers, texts, bytes, truths and NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import chain, islice
from typing import Any, Final, TypeAlias

from sqlalchemy import Dialect, FromClause, String, Text, bindparam, cast, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

from traceability.store.engine import Transaction
from traceability.store.models import Base

CHUNK: Final = 10_000
"""Rows that are handed over at a time."""

_KEY: Final = "key "
"""Begins the name of a parameter that says which row, where another one of its column may say what is new."""

_Rows: TypeAlias = Iterable[Mapping[str, object]]
_Insert: TypeAlias = Any
"""An insert of either dialect: their ``on_conflict`` methods are alike, but have no type in common."""
_Kind: TypeAlias = Callable[[_Insert], _Insert]
_Fold: TypeAlias = Callable[[Any, Any], Mapping[str, Any]]


def insert_all(tx: Transaction, model: type[Base], rows: _Rows) -> None:
    """Insert rows, all with the same columns; none of them may be there yet.

    Raises:
        sqlalchemy.exc.IntegrityError: one is.
    """
    _write(tx, _plain, model, rows)


def insert_new(tx: Transaction, model: type[Base], rows: _Rows) -> None:
    """Insert the rows that are not there yet; those that are stay as they are."""
    _write(tx, _only_new, model, rows)


def put_all(tx: Transaction, model: type[Base], rows: _Rows) -> None:
    """Insert rows, and give those that are there already these values; no row stands twice in ``rows``."""
    _write(tx, _in_place, model, rows)


def fold_all(tx: Transaction, model: type[Base], fold: _Fold, rows: _Rows) -> None:
    """Insert rows, and fold those that are there already into them; no row stands twice in ``rows``.

    Args:
        fold: from the columns of a row that is there and of a new one to what it becomes, by column.
    """
    _write(tx, _folding(fold), model, rows)


def update_all(tx: Transaction, model: type[Base], rows: _Rows) -> None:
    """Change rows that are there: each of ``rows`` has the primary key and what is new."""
    _write(tx, None, model, rows)


def _write(tx: Transaction, kind: _Kind | None, model: type[Base], rows: _Rows) -> None:
    dialect, left = tx.connection.dialect, iter(rows)
    for row in left:
        columns, some = tuple(row), chain([row], islice(left, CHUNK - 1))
        if dialect.name == "sqlite":
            sql, order = _one_by_one(model, columns, kind, dialect)
            tx.connection.exec_driver_sql(sql, [tuple(map(row.__getitem__, order)) for row in some])
        else:
            sql = _as_arrays(model, columns, kind, dialect)
            arrays = zip(*(map(row.__getitem__, columns) for row in some), strict=True)
            tx.connection.exec_driver_sql(sql, dict(zip(columns, map(list, arrays), strict=True)))


def _plain(insert: _Insert) -> _Insert:
    return insert


def _only_new(insert: _Insert) -> _Insert:
    return insert.on_conflict_do_nothing()


def _in_place(insert: _Insert) -> _Insert:
    key, others = _parted(insert.table, insert.table.columns.keys())
    return insert.on_conflict_do_update(
        index_elements=key, set_={name: insert.excluded[name] for name in others}
    )


@lru_cache
def _folding(fold: _Fold) -> _Kind:
    def kind(insert: _Insert) -> _Insert:
        key, _ = _parted(insert.table, ())
        changes = fold(insert.table.c, insert.excluded)
        return insert.on_conflict_do_update(index_elements=key, set_=changes)

    return kind


@lru_cache
def _one_by_one(
    model: type[Base], columns: tuple[str, ...], kind: _Kind | None, dialect: Dialect
) -> tuple[str, tuple[str, ...]]:
    """SQLite's statement, and the order of the columns in it."""
    if kind is not None:
        compiled = kind(sqlite.insert(model)).compile(dialect=dialect, column_keys=columns)
        return compiled.string, tuple(compiled.positiontup or ())
    key, others = _parted(model.__table__, columns)
    this = (model.__table__.c[name] == bindparam(f"{_KEY}{name}") for name in key)
    compiled = update(model).where(*this).compile(dialect=dialect, column_keys=others)
    return compiled.string, tuple(name.removeprefix(_KEY) for name in compiled.positiontup or ())


@lru_cache
def _as_arrays(model: type[Base], columns: tuple[str, ...], kind: _Kind | None, dialect: Dialect) -> str:
    """PostgreSQL's statement."""
    arrays = ((name, postgresql.ARRAY(_unbounded(model.__table__.c[name].type))) for name in columns)
    source = select(*(func.unnest(cast(bindparam(name), kind)).label(name) for name, kind in arrays))
    if kind is not None:
        insert = kind(postgresql.insert(model).from_select(columns, source))
        return str(insert.compile(dialect=dialect))
    (key, others), given = _parted(model.__table__, columns), source.subquery("given")
    this = (model.__table__.c[name] == given.c[name] for name in key)
    new = {name: given.c[name] for name in others}
    return update(model).where(*this).values(new).compile(dialect=dialect).string


def _parted(table: FromClause, columns: Iterable[str]) -> tuple[list[str], list[str]]:
    """The primary key, and the other columns."""
    key = [column.name for column in table.primary_key]
    return key, [name for name in columns if name not in key]


def _unbounded(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """A cast to a type of limited length would cut what is too long, where an insert refuses it."""
    return Text() if isinstance(kind, String) else kind
