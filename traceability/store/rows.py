"""Many rows into one table at once, as fast as the driver takes them.

The statement is compiled once for a table and its columns. SQLite gets the rows one after the other
in one call; PostgreSQL gets each column as one array, and so parses and plans once for all rows.
Values go to the driver as they are: columns here hold numbers, texts, bytes, truths and NULL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

from sqlalchemy import Dialect, String, Text, bindparam, cast, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

from traceability.store.engine import Transaction
from traceability.store.models import Base

CHUNK: Final = 10_000
"""Rows that are handed over at a time."""

_Rows: TypeAlias = Iterable[Mapping[str, object]]


def insert_all(tx: Transaction, model: type[Base], rows: _Rows) -> None:
    """Insert rows, all with the same columns; none of them may be there yet.

    Raises:
        sqlalchemy.exc.IntegrityError: one is.
    """
    _insert(tx, model, rows, only_new=False)


def insert_new(tx: Transaction, model: type[Base], rows: _Rows) -> None:
    """Insert the rows that are not there yet; those that are stay as they are."""
    _insert(tx, model, rows, only_new=True)


def _insert(tx: Transaction, model: type[Base], rows: _Rows, *, only_new: bool) -> None:
    values = list(rows)
    for first in range(0, len(values), CHUNK):
        some, columns = values[first : first + CHUNK], tuple(values[0])
        if tx.connection.dialect.name == "sqlite":
            sql, order = _one_by_one(model, columns, only_new, tx.connection.dialect)
            tx.connection.exec_driver_sql(sql, [tuple(map(row.__getitem__, order)) for row in some])
        else:
            sql = _as_arrays(model, columns, only_new, tx.connection.dialect)
            tx.connection.exec_driver_sql(sql, {name: [row[name] for row in some] for name in columns})


@lru_cache
def _one_by_one(
    model: type[Base], columns: tuple[str, ...], only_new: bool, dialect: Dialect
) -> tuple[str, tuple[str, ...]]:
    """SQLite's statement, and the order of the columns in it."""
    plain = sqlite.insert(model)
    insert = plain.on_conflict_do_nothing() if only_new else plain
    compiled = insert.compile(dialect=dialect, column_keys=columns)
    return compiled.string, tuple(compiled.positiontup or ())


@lru_cache
def _as_arrays(model: type[Base], columns: tuple[str, ...], only_new: bool, dialect: Dialect) -> str:
    """PostgreSQL's statement."""
    arrays = ((name, postgresql.ARRAY(_unbounded(model.__table__.c[name].type))) for name in columns)
    source = select(*(func.unnest(cast(bindparam(name), kind)) for name, kind in arrays))
    plain = postgresql.insert(model).from_select(columns, source)
    insert = plain.on_conflict_do_nothing() if only_new else plain
    return insert.compile(dialect=dialect).string


def _unbounded(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """A cast to a type of limited length would cut what is too long, where an insert refuses it."""
    return Text() if isinstance(kind, String) else kind
