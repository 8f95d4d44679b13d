"""What nobody may withhold is named in the open part of an event statement.

A hidden member that is withheld looks like any other: a reader who is shown an event could not
tell that its limits, or a recall, were left out. So each statement names the kept members that its
event has; their names tell no secret, as whoever may see the batch's page is shown them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from traceability.signing.parts import hide_event, kept

KEPT_CLAIM: Final = "kept"
"""Where the names stand among the claims of a statement, in plain."""


def kept_members(event: Mapping[str, Any]) -> tuple[str, ...]:
    """The kept members of an event, and of its members: ``ilmd``, ``ilmd/ft:temperature``; sorted."""
    return tuple(sorted(_kept(event, ())))


def _kept(value: Mapping[str, Any], path: tuple[str | int, ...]) -> Iterator[str]:
    for name, item in value.items():
        place = (*path, name)
        if hide_event(place) and kept(place):
            yield "/".join(map(str, place))
            if isinstance(item, Mapping):
                yield from _kept(item, place)
