"""Auditing a long log, whole and by its bytes alone, by one process and by two.

    peers   one loop that reads the rows of the tables of which the bytes are audited, and hashes each once;
            PyNaCl (libsodium) checking the signatures of frames and events, put together beforehand
    limits  by its bytes three times the first peer, whole one and a half times the second

Two processes of a peer share its rows or signatures out evenly. They are there before they are asked;
the audit starts its own.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from statistics import median as middle
from typing import Final, TypeAlias

from nacl.signing import VerifyKey
from sqlalchemy import select

from bench.auditlog import READINGS, build
from bench.measure import Table, median, ratio, run, timed
from bench.spent import shares, spent
from tests.support.world import World
from traceability import media
from traceability.operations.audit import audit
from traceability.sensing.frame import parse_statement
from traceability.signing import cbor, sdjwt
from traceability.store import models
from traceability.store.engine import Store

PROCESSES: Final = (1, 2)
BYTES_LIMIT: Final = 3.0
WHOLE_LIMIT: Final = 1.5
HASHED: Final = (
    *(models.Record, models.Statement, models.Stream),
    *(models.Tile, models.StatePage, models.Checkpoint),
)
"""Tables whose rows are all that an audit of the bytes reads."""
STAGES: Final = {
    "reading rows from the database": ("report.py:rows",),
    "hashing records again": ("records.py:follow",),
    "reading frames": ("frame.py:parse_statement", "frame.py:columns"),
    "signatures of frames": ("keys.py:verify",),
    "events and other statements": ("chains.py:_audit_row",),
    "derived tables of events": ("projections.py:audit_events",),
    "device statements": ("devices.py:audit_devices",),
    "stays": ("stays.py:audit_stays",),
    "log, tiles, state": ("log.py:audit_log",),
}
"""Where time goes, by the functions in which it is spent."""

Check: TypeAlias = tuple[VerifyKey, bytes, bytes]
"""Key, signed bytes, signature."""
Rounds: TypeAlias = dict[str, list[float]]
_CHECKS: Final[list[Check]] = []


def measure(full: bool, folder: Path) -> Iterator[Table]:
    """By the length of the log."""
    rounds, sizes = (5, (50_000, 200_000)) if full else (3, (20_000,))
    for records in sizes:
        path = folder / str(records) / "node.sqlite"
        path.parent.mkdir()
        world = build(path.parent / "node", f"sqlite:///{path}", records)
        with ProcessPoolExecutor(
            max(PROCESSES), get_context("spawn"), _load_checks, (world.store.url,)
        ) as pool:
            took = _measure(world, path, pool, rounds)
        yield _table(world, took, rounds)
        yield _profile(world)
        world.store.close()


def _measure(world: World, path: Path, pool: Executor, rounds: int) -> Rounds:
    """Everything that is compared, in turn, so that the machine's mood is the same."""
    took: Rounds = defaultdict(list)
    list(pool.map(_check_signatures, range(PROCESSES[-1]), [PROCESSES[-1]] * PROCESSES[-1]))
    for _ in range(rounds):
        for number in PROCESSES:
            for what, work in _works(world, path, pool, number).items():
                took[f"{what} {number}"].append(timed(work).wall_s)
    return took


def _works(world: World, path: Path, pool: Executor, number: int) -> dict[str, Callable[[], object]]:
    """What is compared, each with so many processes."""
    parts = (range(number), [number] * number)
    return {
        "hashed": lambda: list(pool.map(_hash_rows, [path] * number, *parts)),
        "bytes": lambda: _audit(world, number, only_bytes=True),
        "checked": lambda: list(pool.map(_check_signatures, *parts)),
        "whole": lambda: _audit(world, number),
    }


def _audit(world: World, workers: int, *, only_bytes: bool = False) -> None:
    report = audit(world.store, world.node, workers=workers, only_bytes=only_bytes)
    if not report.ok:
        raise RuntimeError(f"the log does not hold: {report.findings[0]}")


def _hash_rows(path: Path, part: int, parts: int) -> None:
    """A part of the rows of the hashed tables, each hashed whole: its texts, bytes and numbers."""
    with closing(sqlite3.connect(path)) as connection:
        for name in (table.__tablename__ for table in HASHED):
            (count,) = connection.execute(f"SELECT count(*) FROM {name}").fetchone()
            first, end = count * part // parts, count * (part + 1) // parts
            for row in connection.execute(f"SELECT * FROM {name} LIMIT ? OFFSET ?", (end - first, first)):
                hashlib.sha256(b"".join([v if type(v) is bytes else str(v).encode() for v in row])).digest()


def _load_checks(url: str) -> None:
    """Put all signatures together, in a process of the peer."""
    store, statement, record = Store(url), models.Statement, models.Record
    kinds = select(record.statement, record.media_type).distinct().subquery()
    query = select(kinds.c.media_type, statement.body).join(kinds, kinds.c.statement == statement.sha256)
    with store.reading() as connection:
        publics = connection.execute(select(models.Key.kid, models.Key.public))
        keys = {row.kid: VerifyKey(row.public) for row in publics}
        for row in connection.execute(query.where(kinds.c.media_type.in_((media.FRAME, media.EVENT)))):
            _CHECKS.append(_check(keys, row.body, is_frame=row.media_type == media.FRAME))
    store.close()


def _check(keys: dict[bytes, VerifyKey], body: bytes, *, is_frame: bool) -> Check:
    if is_frame:
        frame = parse_statement(body)
        signed = cbor.encode(["Signature1", frame.envelope.raw_protected, b"", frame.payload])
        return keys[frame.kid], signed, frame.envelope.signature
    event = sdjwt.parse(body)
    return keys[event.kid], event.signature.signing_input, event.signature.signature


def _check_signatures(part: int, parts: int) -> int:
    """Check a part of the signatures; returns how many."""
    own = _CHECKS[part::parts]
    for key, signed, signature in own:
        key.verify(signed, signature)
    return len(own)


def _table(world: World, took: Rounds, rounds: int) -> Table:
    records = audit(world.store, world.node).counts["records"]
    rows = []
    for number in PROCESSES:
        names = [f"{what} {number}" for what in ("hashed", "bytes", "checked", "whole")]
        hashed, by_bytes, checked, whole = (took[name] for name in names)
        rows.append(
            [
                str(number),
                *(median([records / s for s in some]) for some in (hashed, by_bytes)),
                _judged(by_bytes, hashed, BYTES_LIMIT),
                *(median([records / s for s in some]) for some in (checked, whole)),
                _judged(whole, checked, WHOLE_LIMIT),
            ]
        )
    head = ["processes", "records/s, read and hashed (peer)", "audited by its bytes"]
    head += [f"time / peer (limit {BYTES_LIMIT:g})", "signatures alone (peer)", "audited whole"]
    head += [f"time / peer (limit {WHOLE_LIMIT:g})"]
    note = (
        f"{rounds} rounds, in turn, SQLite; {records:,} records: signed frames of {READINGS} readings,"
        " events, stays; every table as a node leaves it. Records a second; the ratios are of times."
    )
    return Table(f"Audit of {records:,} records", head, rows, note)


def _judged(took: list[float], peer: list[float], limit: float) -> str:
    held = middle([a / b for a, b in zip(took, peer, strict=True)]) <= limit
    return f"{ratio(took, peer)} {'holds' if held else 'missed'}"


def _profile(world: World) -> Table:
    """The share of each stage in the time of one process."""
    found = spent(lambda: _audit(world, 1))
    seconds: dict[str, float] = defaultdict(float)
    for each in found:
        seconds[f"{Path(each.file).name}:{each.function}"] += each.whole_s
    stages = {stage: sum(seconds[name] for name in names) for stage, names in STAGES.items()}
    rows = [[stage, share] for stage, share in shares(stages, seconds["__init__.py:audit"]).items()]
    note = "Shares by cProfile, which makes Python look slower against C and the disk than it is."
    return Table("Audit, where the time goes", ["stage", "share"], rows, note)


if __name__ == "__main__":
    run(("audit", measure))
