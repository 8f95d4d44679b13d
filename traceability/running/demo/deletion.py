"""The end of the demonstration: the node of this data folder is removed, so that another one can begin.

A log only grows, so nothing of it can be taken out: to be rid of the demonstration is to be rid of its
node, with its name, log, keys and database. Whoever kept a copy or a proof of it keeps that.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, func, make_url, select

from traceability.errors import ConflictError, FileError
from traceability.holding import holding
from traceability.identifiers import Kind, parse_stream
from traceability.operations.accounts.demonstration import HOST
from traceability.operations.leap import CONFIRMED
from traceability.operations.node import Node
from traceability.operations.verifierfile import operator_of
from traceability.running.address import FILE
from traceability.running.demo import journey
from traceability.running.demo.shelves import parties_of
from traceability.store import models
from traceability.store.accounts import User
from traceability.store.engine import Store

INVENTED: Final = "0952"
"""How GTINs begin that GS1 keeps for demonstrations."""
PARTS: Final = (
    *(
        "node.json",
        "policy",
        "keys",
        "lock.sqlite",
        "node.sqlite",
        "documents",
        "pictures",
        "broker",
        CONFIRMED,
    ),
    *("witnesses", "demo", "log", FILE),
)
"""What a node has in its data folder, but the certificate of its site, which phones may trust already."""
LOCKS: Final = ("run.lock", "publisher.lock")
_BESIDE: Final = ("", "-wal", "-shm", "-journal")
_WASTE: Final = ".deleted"


@dataclass(frozen=True, slots=True)
class Contents:
    """What goes. ``foreign`` names what is not of the demonstration, ``kept`` what stays in the folder."""

    parties: int
    batches: int
    records: int
    people: int
    files: int
    size: int
    foreign: Sequence[str]
    kept: Sequence[str]


@contextmanager
def held_still(data: Path) -> Iterator[None]:
    """Keep the node from running inside the block.

    Raises:
        SettingsError: it runs.
    """
    with ExitStack() as stack:
        for name in LOCKS:
            taken = f"the node in {data} runs, so nothing of it is deleted"
            stack.enter_context(holding(data / name, taken, "End it first: Ctrl-C where it was started."))
        yield


def look(store: Store, node: Node) -> Contents:
    """What would go, and what of it is not the demonstration's."""
    paths = [path for part in _parts(node.folder) for path in _below(part)]
    own = {*(part.name for part in _parts(node.folder)), *LOCKS}
    with store.reading() as connection:
        people, parties, batches = _people(connection), _parties(connection), _batches(connection)
        records = connection.execute(select(func.count()).select_from(models.Record)).scalar_one()
    invented = _invented(node)
    foreign = [
        *(f"party {uri}" for uri in parties if uri not in invented),
        *(f"batch {uri}" for uri in batches if not _is_invented(uri)),
        *(f"person {login}" for login, joined in people if joined and not login.endswith(HOST)),
    ]
    return Contents(
        len(parties), len(batches), records, len(people), len(paths),
        sum(path.stat().st_size for path in paths), foreign,
        sorted(path.name for path in node.folder.iterdir() if path.name not in own),
    )  # fmt: skip


def delete(store: Store, node: Node, contents: Contents, *, everything: bool = False) -> None:
    """Remove the node; first its tables, where they are not in its folder. The store is closed by that.

    Args:
        contents: as ``look`` found it.
        everything: also what is not of the demonstration.

    Raises:
        ConflictError: there is something else, or nothing of a demonstration.
        FileError: something cannot be removed.
    """
    if not everything and not (node.folder / "demo").is_dir():
        raise ConflictError(f"{node.folder} holds no demonstration", remedy=_SURE)
    if contents.foreign and not everything:
        first = ", ".join(contents.foreign[:3])
        raise ConflictError(
            f"{len(contents.foreign)} things here are not of the demonstration: {first}", remedy=_SURE
        )
    url = make_url(store.url)
    if url.get_backend_name() != "sqlite":
        store.drop_tables()
    store.close()
    outside = Path(url.database or "") if url.get_backend_name() == "sqlite" else None
    try:
        _remove(node.folder, outside)
    except OSError as error:
        raise FileError(f"{error.filename} cannot be removed: {error.strerror}") from error


_SURE: Final = "Keep it, and begin for real in another folder: FT_DATA. To delete all of it: --everything."


def _remove(data: Path, database: Path | None) -> None:
    """Put all aside at once, so that who is ended in between leaves no half of a node."""
    waste = data / _WASTE
    shutil.rmtree(waste, ignore_errors=True)
    waste.mkdir(mode=0o700)
    for part in _parts(data):
        part.rename(waste / part.name)
    if database is not None:
        for suffix in _BESIDE:
            database.with_name(database.name + suffix).unlink(missing_ok=True)
    shutil.rmtree(waste)


def _parts(data: Path) -> Iterator[Path]:
    for name in PARTS:
        suffixes = _BESIDE if name.endswith(".sqlite") else ("",)
        yield from (path for suffix in suffixes if (path := data / f"{name}{suffix}").exists())


def _below(part: Path) -> list[Path]:
    return [path for path in part.rglob("*") if path.is_file()] if part.is_dir() else [part]


def _invented(node: Node) -> set[str]:
    """The parties that come with the demonstration, and the node's own, which every start makes."""
    plan: Any = journey.kept_plan(node.folder) or {"parties": []}
    return {*parties_of(node, plan).values(), operator_of(node)}


def _parties(connection: Connection) -> list[str]:
    table = models.Key
    query = select(table.subject, models.Stream.uri).join(models.Stream, models.Stream.hash == table.stream)
    rows = connection.execute(query.distinct())
    return sorted({row.subject for row in rows if parse_stream(row.uri).kind is Kind.PARTY_KEYS})


def _batches(connection: Connection) -> list[str]:
    query = select(models.Stream.uri).join(models.Batch).order_by(models.Stream.uri)
    return list(connection.execute(query).scalars())


def _is_invented(uri: str) -> bool:
    return parse_stream(uri).batch.gtin.startswith(INVENTED)


def _people(connection: Connection) -> list[tuple[str, bool]]:
    query = select(User.login, User.password.is_not(None)).order_by(User.login)
    return [(login, bool(joined)) for login, joined in connection.execute(query)]
