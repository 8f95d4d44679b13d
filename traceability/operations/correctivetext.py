"""The record of an alarm as a text in both languages, and its deposit about the batches that were there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, or_, select

from traceability.errors import ConflictError
from traceability.identifiers import Kind, parse_stream
from traceability.ledger.record import format_time
from traceability.ledger.state import stream_hash
from traceability.operations.accounts.trail import note
from traceability.operations.alarms import Shown
from traceability.operations.corrective import REPORT, Entry, Hand, Record, record_of
from traceability.operations.deposit import deposit_in, describe
from traceability.operations.node import Node
from traceability.operations.ownalarms import find_own
from traceability.store import models
from traceability.store.engine import Store
from traceability.supply.notice import Purpose

WORDS: Final = {
    "limit": "critical limit / 关键限值",
    "measured": "measured, and how long / 实测值与持续时间",
    "product": "done with the product / 产品处置",
    "cause": "cause / 原因",
    "prevention": "against it happening again / 预防措施",
    "found": "found / 验证结果",
}
MOST: Final = 64
"""Batches that are offered."""


def render_record(alarm: Shown, record: Record) -> str:
    """The whole record; the same bytes each time."""
    return "\n".join(_lines(alarm, record)) + "\n"


def batches_of(connection: Connection, alarm: Shown) -> Sequence[str]:
    """The URIs of the batches that an alarm is about: itself, or those that were in the asset then."""
    if parse_stream(alarm.stream).kind is Kind.BATCH:
        return [alarm.stream]
    stay, stream = models.Stay, models.Stream
    query = select(stream.uri).distinct().join(stay, stay.batch == stream.hash)
    query = query.where(
        stay.asset == stream_hash(alarm.stream), or_(stay.left_ms.is_(None), stay.left_ms > alarm.began_ms)
    )
    if alarm.ended_ms is not None:
        query = query.where(stay.entered_ms < alarm.ended_ms)
    return connection.execute(query.order_by(stream.uri).limit(MOST)).scalars().all()


def deposit_record(store: Store, node: Node, hand: Hand, number: str, batches: Sequence[str]) -> str:
    """Deposit a verified record about some of its batches, signed for the party: it is public then.

    Returns:
        The SHA-256 of the text, in hexadecimal digits.

    Raises:
        UnknownSubjectError: the party has no such alarm.
        ConflictError: no batch was named, or one that was not there; or the record is not verified.
        QuotaError, UnknownSignerError: as ``deposit.deposit``.
    """
    with store.transaction() as tx:
        alarm = find_own(tx.connection, hand.party, number)
        record = record_of(tx.connection, number)
        if record.verification is None:
            raise ConflictError("this record is not verified", remedy="A second person verifies it first.")
        if not batches or not set(batches) <= set(batches_of(tx.connection, alarm)):
            raise ConflictError("choose among the batches that were there", remedy="Tick one or more.")
        data = render_record(alarm, record).encode()
        name = f"corrective-action-{number[:8]}.txt"
        for uri in batches:
            deposit_in(tx, node, hand.party, data, describe(data, name, uri, Purpose.OTHER))
        note(tx, hand.actor, "corrective-deposited", number, batches=list(batches))
    return hashlib.sha256(data).hexdigest()


def _lines(alarm: Shown, record: Record) -> Iterator[str]:
    ended = format_time(alarm.ended_ms) if alarm.ended_ms is not None else "-"
    yield "CORRECTIVE ACTION RECORD / 纠正措施记录 (Codex CXC 1-1969)"
    yield f"alarm / 报警: {alarm.id} {alarm.kind}"
    yield f"place / 地点: {alarm.stream}"
    yield f"device / 设备: {alarm.device}"
    yield f"began, over / 开始、结束: {format_time(alarm.began_ms)}, {ended}"
    detail = ", ".join(f"{name} {value}" for name, value in sorted(alarm.detail.items()))
    yield f"detail / 详情: {detail or '-'}"
    for entry in record.entries:
        yield ""
        yield f"{entry.number}. {_title(entry)}: {entry.name}, {format_time(entry.made_ms)}"
        yield from (f"{WORDS[name]}: {entry.says[name]}" for name in WORDS if name in entry.says)


def _title(entry: Entry) -> str:
    return (
        "report / 报告" if entry.kind == REPORT else f"verification of {entry.of} / 对第 {entry.of} 条的验证"
    )
