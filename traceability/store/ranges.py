"""Many ranges of numbers as one table of a query: databases limit how many parameters it may have.

SQLite gets them as one JSON text, PostgreSQL as three arrays. The query is built once for each
database, since building it costs more than asking it:

    @cache
    def _beside(dialect: str) -> Select[int]:
        near = ranges(dialect)
        return select(...).select_from(near.join(...))

    connection.execute(_beside(connection.dialect.name), given(connection, rows))
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    FromClause,
    String,
    bindparam,
    cast,
    column,
    func,
    select,
)


def ranges(dialect: str) -> FromClause:
    """A table with the columns ``key``, ``first`` and ``last``, both ends included, of what is ``given``."""
    if dialect == "postgresql":
        keys = bindparam("keys", type_=ARRAY(String))
        ends = [bindparam(name, type_=ARRAY(BigInteger)) for name in ("firsts", "lasts")]
        names = (column("key", String), column("first", BigInteger), column("last", BigInteger))
        return func.unnest(keys, *ends).table_valued(*names).render_derived("ranges")
    row = func.json_each(bindparam("ranges", type_=String)).table_valued("value").c.value
    key, first, last = (func.json_extract(row, f"$[{place}]") for place in range(3))
    return select(
        cast(key, String).label("key"),
        cast(first, BigInteger).label("first"),
        cast(last, BigInteger).label("last"),
    ).subquery("ranges")


def given(connection: Connection, rows: Iterable[tuple[str, int, int]]) -> dict[str, object]:
    """The parameters of a query from ``ranges``: key, first and last of each row."""
    every = list(rows)
    if connection.dialect.name == "postgresql":
        columns = list(zip(*every, strict=True)) or [(), (), ()]
        return dict(zip(("keys", "firsts", "lasts"), map(list, columns), strict=True))
    return {"ranges": json.dumps(every)}
