"""Many ranges of numbers as one table of a query: databases limit how many parameters it may have.

SQLite gets them as one JSON text, PostgreSQL as three arrays.
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


def ranges(connection: Connection, given: Iterable[tuple[str, int, int]]) -> FromClause:
    """A table with the columns ``key``, ``first`` and ``last``, both ends included; one row of each given."""
    rows = list(given)
    if connection.dialect.name == "postgresql":
        columns = list(zip(*rows, strict=True)) or [(), (), ()]
        keys = bindparam(None, list(columns[0]), ARRAY(String))
        ends = [bindparam(None, list(ends), ARRAY(BigInteger)) for ends in columns[1:]]
        names = (column("key", String), column("first", BigInteger), column("last", BigInteger))
        return func.unnest(keys, *ends).table_valued(*names).render_derived("ranges")
    row = func.json_each(json.dumps(rows)).table_valued("value").c.value
    key, first, last = (func.json_extract(row, f"$[{place}]") for place in range(3))
    return select(
        cast(key, String).label("key"),
        cast(first, BigInteger).label("first"),
        cast(last, BigInteger).label("last"),
    ).subquery("ranges")
