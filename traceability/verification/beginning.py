"""How a batch began, and the limits that it must keep, as its stream says up to a record."""

from __future__ import annotations

from traceability.errors import BundleError
from traceability.sensing.coldchain import Limits
from traceability.supply.epcis.events import begins
from traceability.verification.journey import Happening
from traceability.verification.statements import Checked
from traceability.verification.stays import NO_LIMITS, limits_of


def beginning(batch: Checked, end: int) -> Happening:
    """The first event by which the batch came to be; if there is none, the first that names it.

    Args:
        batch: its whole stream.
        end: records from this number on are not looked at.

    Raises:
        BundleError: no event is there, or the one that is sought may be among those withheld.
    """
    uri = batch.stretch.uri
    happenings = [c for c in batch.contents[:end] if isinstance(c, Happening)]
    begun = next((h for h in happenings if begins(h.event, uri, h.node)), None)
    if begun is not None:
        return begun
    if not happenings or None in batch.contents[:end]:
        raise BundleError(f"no record that is shown of {uri} says how it began")
    return happenings[0]


def limits_before(batch: Checked, end: int) -> Limits:
    """The limits that were known before record ``end``: those of the event by which the batch began.

    Raises:
        BundleError: as ``beginning``.
    """
    first = beginning(batch, end)
    return limits_of(first.event) if begins(first.event, batch.stretch.uri, first.node) else NO_LIMITS
