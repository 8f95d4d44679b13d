"""Recording what a person enters: one EPCIS event, by the step of the journey that it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from traceability.errors import EventError
from traceability.operations.capture import Captured, capture
from traceability.operations.draft import Given
from traceability.operations.node import Node
from traceability.store.engine import Store
from traceability.supply.epcis.context import read_context
from traceability.supply.epcis.events import CONTEXT, STEPS, format_event_time
from traceability.supply.epcis.model import check_event
from traceability.supply.epcis.vocabulary import check_vocabulary


def make_event(step: str, at_ms: int, *, offset: str = "+00:00", **members: Any) -> dict[str, Any]:
    """An event for one of the ``STEPS``, with the members given (``None`` is left out)."""
    kind = STEPS[step]
    fixed = {
        "@context": CONTEXT,
        "type": kind.type,
        "action": kind.action,
        "bizStep": kind.biz_step,
        "disposition": kind.disposition,
        "eventTime": format_event_time(at_ms, offset),
        "eventTimeZoneOffset": offset,
    }
    return {name: value for name, value in (fixed | members).items() if value is not None}


def record_event(store: Store, node: Node, party: str, event: Mapping[str, Any]) -> Captured:
    """Record one event for a party; open, leave and install as it says.

    Raises:
        EventError: not an event of EPCIS 2.0.
        UnknownSignerError: the party has no key in this node's custody.
        UnknownSubjectError: a batch, asset or device that it names is not known here.
        ConflictError: it contradicts what is recorded; the message says how.
        ClockAheadError: it lies in the future.
    """
    (captured,) = capture(store, node, party, [check_made(event)], typed=True)
    if captured.refused is not None:
        raise captured.refused
    return captured


def check_made(event: Mapping[str, Any]) -> Given:
    """An event as ``make_event`` makes it, for capture.

    Raises:
        EventError: not an event of EPCIS 2.0.
    """
    context = read_context(event.get("@context"))
    if problems := [*check_event(event, context), *check_vocabulary(event)]:
        raise EventError(problems, remedy="Correct the option that this comes from; --help explains each.")
    return Given(event, context)
