"""How the log and its witnesses are, for people: what waits, what is stale, who has seen how much.

An age alone is no trouble: a node to which nothing is sent has an old checkpoint. Stale is a checkpoint
that does not cover what was recorded a minute ago.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, func, select

from traceability.operations.heartbeat import Works, how_it_works, newest_beats
from traceability.operations.log import latest_checkpoint
from traceability.operations.node import Node
from traceability.store import models
from traceability.verification.quorum import COMPLETE

PROGRAMS: Final = ("gateway", "publisher")
STALE_MS: Final = 60_000
"""The publisher needs two seconds for what is recorded; after a minute something hinders it."""
WITNESS_STALE_MS: Final = 600_000
"""A witness is asked every minute (``operations.cosign``); after ten it is away."""
REFUSALS: Final = 50


class Seen(StrEnum):
    """How a witness stands to the newest checkpoint."""

    CURRENT = "current"
    BEHIND = "behind"
    AWAY = "away"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class WitnessState:
    """A witness of the node's policy: the newest checkpoint that it signed here, and when (milliseconds)."""

    name: str
    full: bool
    asked: bool
    seen: Seen
    size: int | None
    at_ms: int | None


@dataclass(frozen=True, slots=True)
class LogState:
    """The log: its newest checkpoint, and what was recorded and is not in it yet.

    ``quorum`` says whether enough witnesses signed it: None where the policy wants none.
    """

    origin: str
    size: int
    at_ms: int | None
    waiting: int
    waiting_since_ms: int | None
    stale: bool
    quorum: bool | None


@dataclass(frozen=True, slots=True)
class Refused:
    """Messages of one source that were refused and are kept, by reason; ``at_ms`` is the newest."""

    source: str
    code: str
    count: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class NodeHealth:
    """All of it; ``lost`` counts records whose statements were lost with a database."""

    programs: tuple[Works, ...]
    log: LogState
    witnesses: tuple[WitnessState, ...]
    refused: tuple[Refused, ...]
    lost: int

    @property
    def well(self) -> bool:
        """Whether nothing here is to be looked at."""
        away = any(each.seen in {Seen.AWAY, Seen.NEVER} and each.asked for each in self.witnesses)
        hindered = any(each.error for each in self.programs)
        return not (hindered or self.log.stale or away or self.lost or self.log.quorum is False)


def look_at_node(connection: Connection, node: Node, now_ms: int) -> NodeHealth:
    """How a node is, from one snapshot."""
    beats = newest_beats(connection)
    programs = tuple(how_it_works(name, beats, now_ms) for name in PROGRAMS)
    witnesses, times = _witnesses(connection, node, now_ms)
    lost = select(func.count()).select_from(models.Record).where(models.Record.statement.is_(None))
    return NodeHealth(
        programs,
        _log(connection, node, now_ms, times),
        witnesses,
        tuple(refusals(connection)),
        int(connection.execute(lost).scalar_one()),
    )


def refusals(connection: Connection, sources: Sequence[str] | None = None) -> list[Refused]:
    """The refused messages that are kept, by source and reason, the newest first; of some sources, or all."""
    table, newest = models.Quarantine, func.max(models.Quarantine.received_ms)
    query = select(table.source, table.code, func.count(), newest).group_by(table.source, table.code)
    if sources is not None:
        query = query.where(table.source.in_(sources))
    rows = connection.execute(query.order_by(newest.desc(), table.source, table.code).limit(REFUSALS))
    return [Refused(*row) for row in rows]


def _log(connection: Connection, node: Node, now_ms: int, times: dict[str, int]) -> LogState:
    record, latest = models.Record, latest_checkpoint(connection)
    size = latest.size if latest else 0
    query = select(func.count(), func.min(record.time_ms)).select_from(record)
    row = connection.execute(query.where(record.log_index.is_(None))).one()
    since_ms: int | None = row[1]
    quorum = node.policy.quorum
    return LogState(
        node.origin,
        size,
        latest.time_ms if latest else None,
        row[0],
        since_ms,
        stale=latest is None or (since_ms is not None and now_ms - since_ms > STALE_MS),
        quorum=quorum.as_of(times) is not None if quorum.asks else None,
    )


def _witnesses(
    connection: Connection, node: Node, now_ms: int
) -> tuple[tuple[WitnessState, ...], dict[str, int]]:
    """Each witness of the policy; and when those signed that signed the newest checkpoint (seconds)."""
    latest, full = latest_checkpoint(connection), _full(node)
    size, table, times = latest.size if latest else 0, models.Cosignature, dict[str, int]()
    found = []
    for witness in node.policy.quorum.witnesses:
        query = select(table.size, table.time_s).where(table.witness == witness.key.vkey())
        row = connection.execute(query.order_by(table.size.desc()).limit(1)).one_or_none()
        if row is None:
            found.append(
                WitnessState(witness.name, witness.name in full, bool(witness.url), Seen.NEVER, None, None)
            )
            continue
        at_ms = row.time_s * 1000
        current = row.size == size
        seen = Seen.CURRENT if current else Seen.BEHIND
        if now_ms - at_ms > WITNESS_STALE_MS:
            seen = Seen.AWAY
        if current:
            times[witness.name] = row.time_s
        found.append(
            WitnessState(witness.name, witness.name in full, bool(witness.url), seen, row.size, at_ms)
        )
    return tuple(found), times


def _full(node: Node) -> set[str]:
    """The witnesses that read and keep the whole log: the members of the group of that name."""
    groups = {group.name: group.members for group in node.policy.quorum.groups}
    waiting, found = list(groups.get(COMPLETE, ())), set[str]()
    while waiting:
        name = waiting.pop()
        waiting += groups.get(name, ())
        found.add(name)
    return found
