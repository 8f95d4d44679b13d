"""What became of every counter, and how far each device is settled."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from sqlalchemy import func, select, union

from traceability.errors import ClockAheadError, NotInstalledError, TraceabilityError, UnknownSignerError
from traceability.operations.audit.report import Run
from traceability.operations.audit.tasks import Task
from traceability.operations.audit.told import compare_said, span_of
from traceability.operations.tally import ACCEPTED, MAX_KEPT_BYTES
from traceability.sensing.frame import DeviceStatement, parse_statement
from traceability.store import models
from traceability.store.engine import AnyRow

RANGE: Final = 20_000
"""Counters that one part of the audit reads, about: more, where one device has more."""
_DATED: Final = frozenset({ClockAheadError.code, NotInstalledError.code})
"""Refusals for which the readings were looked at."""


def device_tasks(run: Run) -> list[Task]:
    """The counters of all devices, those of some at a time."""
    said, device = models.DeviceStatement, models.Device
    names = union(select(said.device.label("device")), select(device.id.label("device"))).subquery()
    number = select(func.count()).where(said.device == names.c.device).scalar_subquery()
    query = select(names.c.device, number.label("number")).order_by(names.c.device)
    tasks, first, weight = [], "", 0
    for row in run.rows(query):
        if weight >= RANGE:
            tasks.append(Task("device statements", weight, audit_devices, (first, row.device)))
            first, weight = row.device, 0
        weight += row.number
    return [*tasks, Task("device statements", weight, audit_devices, (first, None))]


def audit_devices(run: Run, first: str, end: str | None) -> Counter[str]:
    """Go through the counters of the devices from ``first`` on; accepted ones are compared with records.

    Returns:
        How many counters of each device are accepted.
    """
    said, device = models.DeviceStatement, models.Device
    counters = select(said.__table__).where(said.device >= first).order_by(said.device, said.counter)
    devices = select(device.id, device.settled).where(device.id >= first).order_by(device.id)
    if end is not None:
        counters, devices = counters.where(said.device < end), devices.where(device.id < end)
    settled = {row.id: row.settled for row in run.connection.execute(devices)}
    accepted: Counter[str] = Counter()
    for name, own in groupby(run.rows(counters), key=lambda row: row.device):
        accepted[name] = 0
        reached = _reach(_spans(run, name, _audit_counters(run, accepted, own)))
        run.same("device", f"device {name}", "settled", reached, settled.pop(name, None))
    for name, stored in settled.items():
        reached = _reach(_spans(run, name, ()))
        run.same("device", f"device {name}", "settled", reached, stored)
    return accepted


def audit_accepted(run: Run, told: Counter[str], accepted: Counter[str]) -> None:
    """Each device has as many accepted counters as it has records."""
    for device in accepted:
        run.same("device-statement", f"device {device}", "accepted counters", told[device], accepted[device])


def _audit_counters(run: Run, accepted: Counter[str], rows: Iterable[AnyRow]) -> Iterator[int]:
    for row in rows:
        run.counts["device statements"] += 1
        placed = row.stream is not None and row.seq is not None
        if row.outcome == ACCEPTED:
            accepted[row.device] += 1
            if not placed:
                where = f"counter {row.counter} of device {row.device}"
                run.found("device-statement", where, "it is accepted, but no record is named")
        else:
            where = f"counter {row.counter} of device {row.device}"
            if row.stream is not None or row.seq is not None:
                run.found("device-statement", where, "it is refused, but a record is named")
            with run.noting("device-statement", where):
                _audit_refused(run, row, where)
        yield row.counter


def _audit_refused(run: Run, row: AnyRow, where: str) -> None:
    """Compare a refused counter with its quarantined bytes, if the quarantine had room for them."""
    table = models.Quarantine
    query = select(table.body, table.size).where(table.source == row.device, table.code == row.outcome)
    bodies = [
        kept.body for kept in run.connection.execute(query) if kept.size == len(kept.body) <= MAX_KEPT_BYTES
    ]
    body = next((body for body in bodies if hashlib.sha256(body).digest() == row.sha256), None)
    if body is None:
        unkept = select(models.Tally.unkept).where(models.Tally.source == row.device)
        if not run.connection.execute(unkept).scalar_one_or_none():
            run.found("device-statement", where, f"no quarantined statement was refused as {row.outcome}")
        return
    statement = parse_statement(body)
    signer = run.signers.by_kid.get(statement.kid)
    if signer is None or signer.subject != statement.issuer:
        raise UnknownSignerError(f"{statement.issuer} is not enrolled")
    statement.verify(signer.key)
    run.same("device-statement", where, "device", statement.device, row.device)
    run.same("device-statement", where, "counter", statement.counter, row.counter)
    span = _refused_span(statement, row.outcome) or (None, None)
    compare_said(run, row, (statement.sha256, statement.prev, statement.boot, row.outcome, *span))


def _refused_span(statement: DeviceStatement, code: str) -> tuple[int, int] | None:
    if code not in _DATED:
        return None
    try:
        return span_of(statement)
    except TraceabilityError:
        return None


def _spans(run: Run, device: str, counters: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Counters and declared gaps of a device, ascending by their first number."""
    table = models.Gap
    query = select(table.first, table.last).where(table.device == device).order_by(table.first)
    gaps = [(row.first, row.last) for row in run.connection.execute(query)]
    yield from sorted([*((counter, counter) for counter in counters), *gaps])


def _reach(spans: Iterable[tuple[int, int]]) -> int:
    """The last number up to which the spans leave no hole, from 0 on; -1 if 0 is not in any."""
    reached = -1
    for first, last in spans:
        if first > reached + 1:
            break
        reached = max(reached, last)
    return reached
