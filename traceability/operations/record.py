"""Recording what a person enters: EPCIS events, by the step of the journey that each is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeAlias

from traceability.errors import ConflictError, EventError, TraceabilityError
from traceability.operations.accounts.trail import COMMAND_LINE
from traceability.operations.capture import Captured, note_recorded, record_drafts
from traceability.operations.draft import Draft, Given, draft_event
from traceability.operations.enrol import signing_key
from traceability.operations.keyring import alone
from traceability.operations.node import Node
from traceability.store.engine import Store, Transaction
from traceability.supply.epcis.context import read_context
from traceability.supply.epcis.events import CONTEXT, STEPS, format_event_time
from traceability.supply.epcis.model import check_event
from traceability.supply.epcis.vocabulary import check_vocabulary

Beside: TypeAlias = Callable[[Transaction, Sequence[Captured]], None]
"""What else is written in the transaction in which events are recorded."""


def make_event(step: str, at_ms: int, *, offset: str = "+00:00", **members: Any) -> dict[str, Any]:
    """An event for one of the ``STEPS``, with the members given (``None`` is left out)."""
    kind = STEPS[step]
    fixed = {
        "@context": CONTEXT,
        "type": kind.type,
        "action": kind.action,
        "bizStep": kind.biz_step,
        "disposition": kind.disposition,
        "ft:cte": kind.cte,
        "eventTime": format_event_time(at_ms, offset),
        "eventTimeZoneOffset": offset,
    }
    return {name: value for name, value in (fixed | members).items() if value is not None}


def record_event(
    store: Store,
    node: Node,
    party: str,
    event: Mapping[str, Any],
    beside: Beside | None = None,
    *,
    arrives: bool = False,
) -> Captured:
    """Record one event for a party; open, leave and install as it says.

    Args:
        arrives: what is received may be a lot of which nothing is recorded here: so the party says.

    Raises:
        EventError: not an event of EPCIS 2.0.
        UnknownSignerError: the party has no key in this node's custody.
        UnknownSubjectError: a batch, asset or device that it names is not known here.
        ConflictError: it contradicts what is recorded; the message says how.
        ClockAheadError: it lies in the future.
    """
    (captured,) = record_all(
        store, node, party, [check_made(event)], typed=True, arrives=arrives, beside=beside
    )
    return captured


def rehearse_event(
    store: Store, node: Node, party: str, event: Mapping[str, Any], *, arrives: bool = False
) -> None:
    """Raise what ``record_event`` would raise now, and record nothing."""
    rehearse_all(store, node, party, [check_made(event)], typed=True, arrives=arrives)


def record_all(
    store: Store,
    node: Node,
    party: str,
    given: Sequence[Given],
    *,
    typed: bool,
    arrives: bool = False,
    beside: Beside | None = None,
) -> tuple[Captured, ...]:
    """Record events for a party in one transaction, all or none.

    Args:
        typed, arrives: as of ``capture.record_drafts``.
        beside: writes what belongs to them into the same transaction, who did it among that; without
            one it was the command line.

    Raises:
        as ``record_event``, for the first that is refused.
    """
    with store.reading() as connection:
        key = signing_key(connection, node, party)
    drafts = [draft_event(node.name, party, key, each, store.clock()) for each in given]
    with store.transaction() as tx:
        answers = tuple(record_drafts(tx, node, party, drafts, typed=typed, arrives=arrives))
        for answer in answers:
            if answer.refused is not None:
                raise answer.refused
        (beside or partial(note_recorded, COMMAND_LINE, party))(tx, answers)
    return answers


def rehearse_all(
    store: Store, node: Node, party: str, given: Sequence[Given], *, typed: bool, arrives: bool = False
) -> None:
    """Raise what ``record_all`` would raise now, and record nothing."""
    for answer in answers_to(store, node, party, given, typed=typed, arrives=arrives):
        if answer.refused is not None:
            raise answer.refused


def answers_to(
    store: Store, node: Node, party: str, given: Sequence[Given], *, typed: bool, arrives: bool = False
) -> tuple[Captured, ...]:
    """What would become of each event if those that can be were recorded now; nothing is.

    Raises:
        UnknownSignerError: the party has no key in this node's custody.
    """
    with store.reading() as connection:
        key = signing_key(connection, node, party)
    drafts: dict[int, Draft] = {}
    answers: dict[int, Captured] = {}
    for number, each in enumerate(given):
        try:
            drafts[number] = draft_event(node.name, party, key, each, store.clock())
        except TraceabilityError as error:
            answers[number] = Captured(str(each.event.get("eventID", "")), refused=error)
    with suppress(_PreviewedError), store.transaction() as tx:
        found = record_drafts(tx, node, party, list(drafts.values()), typed=typed, arrives=arrives)
        answers |= zip(drafts, found, strict=True)
        raise _PreviewedError
    return tuple(answers[number] for number in range(len(given)))


@contextmanager
def acting(store: Store, *, preview: bool) -> Iterator[Transaction]:
    """A transaction for an act that can be looked at first: a preview is the act itself, taken back."""
    with suppress(_PreviewedError), alone(store) as tx:
        yield tx
        if preview:
            raise _PreviewedError


class _PreviewedError(Exception):
    """Leaves the transaction of a preview, so that nothing of it stays."""


def record_made(tx: Transaction, node: Node, party: str, events: Iterable[Mapping[str, Any]]) -> None:
    """Record events as ``make_event`` makes them, all or none.

    Raises:
        What ``record_event`` does.
        ConflictError: also if one of these very events is recorded already.
    """
    key = signing_key(tx.connection, node, party)
    drafts = [draft_event(node.name, party, key, check_made(event), tx.now_ms) for event in events]
    for answer in record_drafts(tx, node, party, drafts, typed=True):
        if answer.refused is not None:
            raise answer.refused
        if answer.known:
            raise ConflictError(
                "this very event is recorded already, and may have been taken back since",
                remedy="Give another time: --at, a second later.",
            )


def check_made(event: Mapping[str, Any]) -> Given:
    """An event as ``make_event`` makes it, for capture.

    Raises:
        EventError: not an event of EPCIS 2.0.
    """
    context = read_context(event.get("@context"))
    if problems := [*check_event(event, context), *check_vocabulary(event)]:
        raise EventError(problems, remedy="Correct the option that this comes from; --help explains each.")
    return Given(event, context)
