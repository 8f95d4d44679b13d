"""Auditing: the stored bytes are read again, and everything that follows from them is recomputed.

    keys      key streams: who may sign what
    chains    every stream, record and statement; what they say is projected into
    tables    the derived tables, which must be what the statements give
    projections   rows by which events are queried and traced
    devices   every counter's fate, and how far each device is settled
    stays     texts and summaries of stays, by the rules of any verifier
    log       indexes, tiles, checkpoints, the state tree at each and as kept, the lock
    tallies   received = accepted + duplicate + rejected + quarantined, and the quarantine

Nothing is trusted but the node's policy and lock. The audit never stops at what it finds.
What it cannot see: records that were never published, if everything about them is removed.
"""

from __future__ import annotations

from sqlalchemy import Connection

from traceability.operations.audit.chains import audit_chains
from traceability.operations.audit.devices import audit_devices
from traceability.operations.audit.keys import audit_keys
from traceability.operations.audit.log import audit_log
from traceability.operations.audit.projections import audit_projections
from traceability.operations.audit.report import Finding, Progress, Report, Run
from traceability.operations.audit.stays import audit_stays
from traceability.operations.audit.tables import audit_tables
from traceability.operations.audit.tallies import audit_tallies
from traceability.operations.lock import Lock
from traceability.operations.node import Node
from traceability.store.engine import Store

__all__ = ["Finding", "Report", "audit", "audit_connection"]


def audit(store: Store, node: Node, progress: Progress | None = None) -> Report:
    """Audit a node in one snapshot of its store.

    Raises:
        StoreUnavailableError: the database does not answer.
        SettingsError: the node's secret is not there.
    """
    with store.reading() as connection:
        return audit_connection(connection, node, progress)


def audit_connection(connection: Connection, node: Node, progress: Progress | None = None) -> Report:
    """Audit what a connection sees; raises as ``audit``."""
    run = Run(connection, node, progress)
    lock = Lock(node.lock_path)
    locked = [lock.newest()]
    audit_keys(run)
    told = audit_chains(run)
    audit_tables(run, told)
    audit_projections(run)
    audit_devices(run, told)
    audit_stays(run)
    newest = audit_log(run)
    audit_tallies(run)
    locked.append(lock.newest())
    if not newest & set(locked):
        run.found("lock", "lock.sqlite", "the store's newest checkpoint is not the newest that was signed")
    return run.report()
