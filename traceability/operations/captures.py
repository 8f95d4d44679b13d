"""Capture jobs: what became of a document, event by event (EPCIS 2.0 12.6).

A job is done when it is written; what it says of an event points at it in the document. Who only
wants everything or nothing (``rollback``) learns of an event that is not valid at once, and there
is no job; what the store refuses stands in the job, either way.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import partial
from typing import Final

from sqlalchemy import Connection, delete, insert, select, tuple_

from traceability.errors import (
    EventError,
    MalformedError,
    Problem,
    QueryError,
    StatementError,
    TraceabilityError,
)
from traceability.operations.accounts.trail import COMMAND_LINE, Actor
from traceability.operations.capture import Captured, capture
from traceability.operations.draft import Given
from traceability.operations.node import Node
from traceability.store.access import Capture
from traceability.store.engine import AnyRow, Store
from traceability.supply.epcis.document import CapturedEvent, Document
from traceability.supply.epcis.vocabulary import check_vocabulary
from traceability.supply.lineage import SINGLE, links_of
from traceability.supply.recall import MEMBER

CHUNK: Final = 500
"""Events that are recorded at a time where some may be refused."""
MAX_FAULTS: Final = 200
"""Events of which a job says what is wrong with them; the others are counted."""
MAX_PROBLEMS: Final = 20
"""Problems that are named of one event."""
ANY_NODE: Final = "node.invalid"
"""For what is the same at every node."""
MAX_JOBS: Final = 1_000
"""Jobs that are kept of a party: the newest."""


class Behaviour(StrEnum):
    """What happens to the other events when one is refused."""

    ROLLBACK = "rollback"
    PROCEED = "proceed"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an event was not recorded: the error's code, words and advice, and where it stands.

    ``pointer`` leads to the event in its document; ``problems`` to what is wrong in it.
    """

    pointer: str
    code: str
    detail: str
    remedy: str
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """A finished capture job. Times are milliseconds since 1970 UTC; ``recorded`` counts events."""

    id: str
    party: str
    created_ms: int
    finished_ms: int
    behaviour: Behaviour
    recorded: int
    faults: tuple[Fault, ...]

    @property
    def success(self) -> bool:
        """Whether every event is recorded."""
        return not self.faults


def problems_of(event: CapturedEvent, root: str) -> tuple[Problem, ...]:
    """What is wrong with an event, this system's own words included.

    Args:
        root: pointer to the event; its own problems have whole pointers already.
    """
    own = [Problem(root + p.pointer, p.expected, p.got) for p in check_vocabulary(event.event)]
    if MEMBER in event.event:
        expected = "nothing here: recalls are issued by `traceability recall`, after a trace"
        own.append(Problem(f"{root}/{MEMBER}", expected, "a recall"))
    found = (*event.problems, *own)
    return found or tuple(_unlinkable(event, root))


def _unlinkable(event: CapturedEvent, root: str) -> Iterator[Problem]:
    """What no link of the lineage graph can be made of: quantities above all."""
    try:
        links_of(event.event, SINGLE, ANY_NODE)
    except StatementError as error:
        yield Problem(root, str(error), "something else")


def given_of(event: CapturedEvent, document: Document) -> Given:
    """An event as capture takes it."""
    return Given(event.event, event.context, document.context or None)


def capture_document(
    store: Store,
    node: Node,
    party: str,
    document: Document,
    behaviour: Behaviour,
    actor: Actor = COMMAND_LINE,
) -> Job:
    """Record a document's events for a party, and what became of them.

    Raises:
        EventError: with ``ROLLBACK``, an event is not valid; nothing was recorded.
        UnknownSignerError: the party has no key in this node's custody.
        StatementError, OversizeError: with ``ROLLBACK``, an event cannot be signed as it is.
    """
    created_ms = store.clock()
    roots = [_root(event, document) for event in document.events]
    problems = [problems_of(event, root) for event, root in zip(document.events, roots, strict=True)]
    proceed = behaviour is Behaviour.PROCEED
    if not proceed and any(problems):
        raise EventError([problem for found in problems for problem in found])
    faults = {i: _invalid(roots[i], found) for i, found in enumerate(problems) if found}
    valid = [i for i, found in enumerate(problems) if not found]
    given = [given_of(document.events[i], document) for i in valid]
    take = partial(capture, store, node, party, actor=actor)
    answers = list(_proceed(take, given)) if proceed else take(given)
    for i, answer in zip(valid, answers, strict=True):
        refused = answer.refused if isinstance(answer, Captured) else answer
        if refused is not None:
            faults[i] = fault_of(roots[i], refused)
    recorded = 0 if faults and not proceed else len(document.events) - len(faults)
    told = [fault for _, fault in sorted(faults.items())]
    return add_job(store, party, behaviour, recorded, told, created_ms)


def fault_of(root: str, error: TraceabilityError) -> Fault:
    """What a job says of a refused event."""
    problems = tuple(Problem(root + p.pointer, p.expected, p.got) for p in error.problems)
    return Fault(root, error.code, str(error), error.remedy(), problems)


def add_job(
    store: Store,
    party: str,
    behaviour: Behaviour,
    recorded: int,
    faults: Sequence[Fault],
    created_ms: int,
) -> Job:
    """Keep a finished job; the oldest of the party's are forgotten."""
    kept = tuple(faults[:MAX_FAULTS])
    if more := len(faults) - len(kept):
        kept += (Fault("", "bad-event", f"{more} more events were refused", "Correct those that are named."),)
    with store.transaction() as tx:
        job = Job(secrets.token_hex(16), party, created_ms, tx.now_ms, behaviour, recorded, kept)
        row = {
            "id": job.id,
            "party": party,
            "created_ms": created_ms,
            "finished_ms": tx.now_ms,
            "behaviour": behaviour.value,
            "recorded": recorded,
            "problems": json.dumps([asdict(fault) for fault in kept]),
        }
        old = select(Capture.id).where(Capture.party == party)
        old = old.order_by(Capture.created_ms.desc(), Capture.id.desc()).offset(MAX_JOBS - 1)
        forgotten = tx.connection.execute(old.limit(CHUNK)).scalars().all()
        tx.connection.execute(delete(Capture).where(Capture.id.in_(forgotten)))
        tx.connection.execute(insert(Capture).values(row))
    return job


def find_job(connection: Connection, party: str, job_id: str) -> Job | None:
    """A job of a party; None if there is none, or if it is somebody else's."""
    query = select(Capture).where(Capture.id == job_id, Capture.party == party)
    row = connection.execute(query).one_or_none()
    return None if row is None else _job(row)


def list_jobs(connection: Connection, party: str, limit: int, after: str | None) -> tuple[Job, ...]:
    """A party's jobs, the newest first.

    Args:
        after: the id of the last job of the page before.

    Raises:
        QueryError: the party has no such job.
    """
    query = select(Capture).where(Capture.party == party)
    if after is not None:
        last = find_job(connection, party, after)
        if last is None:
            raise QueryError("nextPageToken is not one of this list: begin again without it")
        query = query.where(tuple_(Capture.created_ms, Capture.id) < (last.created_ms, last.id))
    query = query.order_by(Capture.created_ms.desc(), Capture.id.desc()).limit(limit)
    return tuple(map(_job, connection.execute(query)))


def _root(event: CapturedEvent, document: Document) -> str:
    return f"/epcisBody/eventList/{event.index}" if document.context else ""


def _invalid(root: str, problems: Sequence[Problem]) -> Fault:
    error = EventError(problems[:1])
    more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
    return Fault(root, error.code, str(error) + more, error.remedy(), tuple(problems[:MAX_PROBLEMS]))


def _proceed(
    take: Callable[..., Sequence[Captured]], given: Sequence[Given]
) -> Iterator[Captured | MalformedError]:
    """Record what can be recorded; an event that cannot be signed keeps none of the others out."""
    for first in range(0, len(given), CHUNK):
        some = given[first : first + CHUNK]
        try:
            yield from take(some, proceed=True)
        except MalformedError as error:
            if len(some) == 1:
                yield error
            else:
                half = len(some) // 2
                yield from _proceed(take, some[:half])
                yield from _proceed(take, some[half:])


def _job(row: AnyRow) -> Job:
    faults = tuple(
        Fault(**{**said, "problems": tuple(Problem(**problem) for problem in said["problems"])})
        for said in json.loads(row.problems)
    )
    behaviour = Behaviour(row.behaviour)
    return Job(row.id, row.party, row.created_ms, row.finished_ms, behaviour, row.recorded, faults)
