"""Auditing: the stored bytes are read again, and everything that follows from them is recomputed.

    keys      key streams: who may sign what
    records   every record and the bytes of its statement, behind the record before it
    chains    what the statements say; it is projected into
    streams   the rows of streams, and what nothing refers to
    tables    the derived tables, which must be what the statements give
    projections   rows by which events are queried and traced
    devices   every counter's fate, and how far each device is settled
    stays     texts and summaries of stays, by the rules of any verifier
    rollups   readings added up, by the frames
    log       indexes, tiles, checkpoints, the state tree at each and as kept, the lock
    tallies   received = the sum of what became of it, and the quarantine

With ``only_bytes`` there are ``records``, ``streams`` and ``log`` alone: all that was hashed is hashed again,
and the checkpoints are signed.

The work is split into parts (``tasks``) by the data alone, so that the findings and their order are the same
whoever does them: this process, or several (``workers``) that see the same snapshot.

Nothing is trusted but the node's policy and lock. The audit never stops at what it finds.
What it cannot see: records that were never published, if everything about them is removed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, func, select

from traceability.operations.audit.chains import chain_tasks
from traceability.operations.audit.devices import audit_accepted, device_tasks
from traceability.operations.audit.keys import audit_keys
from traceability.operations.audit.log import log_task
from traceability.operations.audit.projections import audit_projections, audit_things, projection_tasks
from traceability.operations.audit.records import audit_records, record_tasks
from traceability.operations.audit.report import Finding, Progress, Report, Run
from traceability.operations.audit.rollups import audit_rollups, rollup_tasks
from traceability.operations.audit.stays import stay_tasks
from traceability.operations.audit.streams import stream_tasks
from traceability.operations.audit.tables import audit_tables
from traceability.operations.audit.tallies import audit_tallies
from traceability.operations.audit.tasks import Done, Perform, Task, perform_here
from traceability.operations.audit.told import Tables
from traceability.operations.audit.workers import Workers, cores
from traceability.operations.lock import Lock
from traceability.operations.node import Node
from traceability.store import models
from traceability.store.engine import Store

__all__ = ["Finding", "Report", "audit", "audit_connection"]

WORTH_A_PROCESS: Final = 4_000
"""Records for which it is worth while to start one more process."""
WORTH_OF_BYTES: Final = 50_000
"""The same, if only their bytes are audited."""


def audit(
    store: Store,
    node: Node,
    progress: Progress | None = None,
    *,
    workers: int | None = None,
    only_bytes: bool = False,
) -> Report:
    """Audit a node in one snapshot of its store.

    Args:
        workers: processes that share the work; as many as there are cores if not given, but no more
            than the number of records is worth.
        only_bytes: leave the statements unread, and the tables that follow from them.

    Raises:
        StoreUnavailableError: the database does not answer.
        SettingsError: the node's secret is not there.
        WorkerLostError: a process ended before its work was done; nothing is known of the whole.
    """
    number = _worth(store, WORTH_OF_BYTES if only_bytes else WORTH_A_PROCESS) if workers is None else workers
    if number == 1:
        with store.reading() as connection:
            return audit_connection(connection, node, progress, only_bytes=only_bytes)
    with Workers(store, node, number) as here, store.reading() as connection:
        here.share(connection)
        return audit_connection(connection, node, progress, only_bytes=only_bytes, perform=here.perform)


def audit_connection(
    connection: Connection,
    node: Node,
    progress: Progress | None = None,
    *,
    only_bytes: bool = False,
    perform: Perform = perform_here,
) -> Report:
    """Audit what a connection sees; raises as ``audit``."""
    run = Run(connection, node, only_bytes)
    lock = Lock(node.lock_path)
    locked = [lock.newest()]
    if only_bytes:
        newest = _audit_bytes(run, progress, perform)
    else:
        audit_keys(run)
        newest = _audit_parts(run, progress, perform)
    locked.append(lock.newest())
    if not newest & set(locked):
        run.found("lock", "lock.sqlite", "the store's newest checkpoint is not the newest that was signed")
    return run.report()


def _audit_bytes(run: Run, progress: Progress | None, perform: Perform) -> set[bytes | None]:
    """Let the parts be done that need no statement read; returns what ``audit_log`` does."""
    parts = [*record_tasks(run, audit_records), *stream_tasks(run), log_task(run)]
    return set(_values(run, perform(run, parts, progress))[-1])


def _audit_parts(run: Run, progress: Progress | None, perform: Perform) -> set[bytes | None]:
    """Let all parts be done, and put together what came of them, in an order that never changes.

    Returns:
        What ``audit_log`` does.
    """
    kinds: list[Sequence[Task]] = [
        *(chain_tasks(run), stream_tasks(run), projection_tasks(run), [Task("things", 0, audit_things)]),
        *(device_tasks(run), stay_tasks(run), rollup_tasks(run), [log_task(run)]),
        [Task("tallies", 0, audit_tallies)],
    ]
    done = iter(perform(run, [task for kind in kinds for task in kind], progress))
    chains, streams, events, things, devices, stays, rollups, log, tallies = (
        list(islice(done, len(kind))) for kind in kinds
    )
    told, whole = Tables(), list[Done]()
    for said, cells in _values(run, chains):
        told.take(said)
        whole.append(cells)
    _values(run, streams)
    audit_tables(run, told)
    audit_projections(run, _values(run, events))
    _values(run, things)
    accepted = Counter[str]()
    for each in _values(run, devices):
        accepted.update(each)
    audit_accepted(run, told.accepted, accepted)
    _values(run, stays)
    audit_rollups(run, _values(run, [*whole, *rollups]))
    (newest,) = _values(run, log)
    _values(run, tallies)
    return set(newest)


def _values(run: Run, done: Sequence[Done]) -> list[Any]:
    """Note what parts found and counted; returns what they say."""
    for each in done:
        run.findings += each.findings
        run.lost += each.lost
        run.counts.update(each.counts)
    return [each.value for each in done]


def _worth(store: Store, records_each: int) -> int:
    """How many processes the records are worth."""
    with store.reading() as connection:
        records = connection.execute(select(func.count()).select_from(models.Record)).scalar_one()
    return max(1, min(cores(), records // records_each))
