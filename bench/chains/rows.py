"""What happens as rows, straight into a store: things, events, mentions and links, nothing else.

These tables follow from events, and traces read nothing but them. So that a chain of millions is
there in a minute or two, there are no statements, records and disclosures behind the rows, and no
``terms``. Such a store is good for measuring and for nothing else: an audit of it fails.
"""

from __future__ import annotations

import gc
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any, Final, TypeAlias

from bench.chains.happening import WORDS, Amount, Happening
from traceability.operations.project import event_number, process_name
from traceability.store.engine import Store
from traceability.store.models import Base
from traceability.supply.epcis.cbv import BIZ_STEPS, DISPOSITIONS
from traceability.supply.lineage import LinkKind, thing_id

HANDFUL: Final = 50_000
"""Events that are written at a time."""
UOM: Final = "KGM"
INPUT, OUTPUT = int(LinkKind.INPUT), int(LinkKind.OUTPUT)
PACKING: Final = {"load": int(LinkKind.PACK), "unload": int(LinkKind.TAKE)}
SQLITE: Final = (
    *("foreign_keys=OFF", "synchronous=OFF", "secure_delete=OFF"),
    *("journal_mode=OFF", "cache_size=-1000000"),
)
POSTGRESQL: Final = ("session_replication_role = replica", "synchronous_commit = off")
"""While rows are written that name statements that are not there; and quicker than is safe."""

_id = lru_cache(maxsize=100_000)(thing_id)

TABLES: Final = ("things", "events", "mentions", "links")

Row: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of each table, with its columns in their order."""

    things: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    mentions: list[Row] = field(default_factory=list)
    links: list[Row] = field(default_factory=list)

    def tables(self) -> Iterator[tuple[str, list[Row]]]:
        """Each table with its rows, in the order of their keys: so its tree is walked once."""
        for name, rows in zip(TABLES, (self.things, self.events, self.mentions, self.links), strict=True):
            rows.sort()
            yield name, rows


def statement_of(happening: Happening) -> bytes:
    """What stands for the SHA-256 of the statement that is not there."""
    return hashlib.sha256(f"{happening.number}".encode()).digest()


def rows_of(chain: Iterable[Happening]) -> Rows:
    """The rows of some events, as ``operations.project`` makes them from statements."""
    rows = Rows()
    for happening in chain:
        statement = statement_of(happening)
        number = event_number(statement)
        process = happening.process or process_name(statement)
        rows.events.append(_event(happening, statement, number))
        _mention(rows, happening, number)
        _link(rows, happening, number, process)
    return rows


def _event(happening: Happening, statement: bytes, number: int) -> Row:
    words, firm = WORDS[happening.step], happening.firm
    return (
        number,
        statement,
        f"urn:example:event:{happening.number}",
        False,
        statement,
        firm.party,
        words.type,
        words.action,
        happening.at_ms,
        happening.at_ms,
        BIZ_STEPS.web + words.biz_step,
        DISPOSITIONS.web + words.disposition,
        firm.place,
        firm.place,
        happening.process,
    )


def _mention(rows: Rows, happening: Happening, number: int) -> None:
    """What an event names; what is named for the first time is a new thing."""
    at_ms, parents = happening.at_ms, [happening.parent] if happening.parent else []
    named = (
        (happening.step == "harvest", "epc", [*happening.units, *_uris(happening.lots)]),
        (happening.step == "load", "parent", parents),
        (False, "child", _uris(happening.children)),
        (False, "input", _uris(happening.inputs)),
        (True, "output", _uris(happening.outputs)),
    )
    for new, role, uris in named:
        ids = [_id(uri) for uri in uris]
        rows.mentions.extend((thing, at_ms, number, role) for thing in ids)
        if new:
            rows.things.extend(zip(ids, uris, strict=True))


def _link(rows: Rows, happening: Happening, number: int, process: str) -> None:
    """The links of an event; a process is a thing as well, from the event on that tells what goes in."""
    at_ms, add = happening.at_ms, rows.links.append
    if happening.inputs or happening.outputs:
        node = _id(process)
        for amount in happening.inputs:
            add((_id(amount.uri), INPUT, at_ms, node, number, str(amount.mass_kg), UOM))
        for amount in happening.outputs:
            add((node, OUTPUT, at_ms, _id(amount.uri), number, str(amount.mass_kg), UOM))
        if happening.inputs:
            rows.things.append((node, process))
    if happening.parent:
        kind, parent = PACKING[happening.step], _id(happening.parent)
        for amount in happening.children:
            add((_id(amount.uri), kind, at_ms, parent, number, str(amount.mass_kg), UOM))


def _uris(amounts: Iterable[Amount]) -> list[str]:
    return [amount.uri for amount in amounts]


def fill(store: Store, chain: Iterable[Happening]) -> dict[str, int]:
    """Put what happens into a store that is empty but for its tables.

    Returns:
        How many rows went into each table.
    """
    write = _insert if store.engine.dialect.name == "sqlite" else _copy
    source, written = iter(chain), Counter[str]()
    with _without_indexes(store), _without_collector(), _quick(store) as connection:
        while part := list(islice(source, HANDFUL)):
            for name, rows in rows_of(part).tables():
                write(connection, name, rows)
                written[name] += len(rows)
    return dict(written)


@contextmanager
def _without_indexes(store: Store) -> Iterator[None]:
    """Other indexes than those of keys are made when all is there."""
    indexes = [index for table in TABLES for index in Base.metadata.tables[table].indexes]
    with store.transaction() as tx:
        for index in indexes:
            index.drop(tx.connection)
    yield
    with store.transaction() as tx:
        for index in indexes:
            index.create(tx.connection)
        if tx.locking:
            tx.connection.exec_driver_sql("ANALYZE")


@contextmanager
def _quick(store: Store) -> Iterator[Any]:
    """A connection of the driver that checks less, and keeps less safely, than a node's."""
    sqlite = store.engine.dialect.name == "sqlite"
    with closing(store.engine.raw_connection()) as pooled:
        connection: Any = pooled.driver_connection
        for setting in SQLITE if sqlite else POSTGRESQL:
            connection.execute(f"PRAGMA {setting}" if sqlite else f"SET {setting}")
        yield connection
        if sqlite:
            connection.execute("PRAGMA journal_mode=WAL")
        connection.commit()
        pooled.invalidate()  # its settings go with it


@contextmanager
def _without_collector() -> Iterator[None]:
    """Among millions of rows there are no cycles, and looking for them takes a quarter of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _insert(connection: Any, table: str, rows: Sequence[Row]) -> None:
    marks = ", ".join("?" for _ in Base.metadata.tables[table].columns)
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(f"INSERT INTO {table} ({_columns(table)}) VALUES ({marks})", rows)
    connection.execute("COMMIT")


def _copy(connection: Any, table: str, rows: Sequence[Row]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({_columns(table)}) FROM STDIN") as out:
        for row in rows:
            out.write_row(row)
    connection.commit()


def _columns(table: str) -> str:
    return ", ".join(column.name for column in Base.metadata.tables[table].columns)
