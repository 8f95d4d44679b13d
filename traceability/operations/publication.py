"""Waiting until what was recorded is in the published log."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from traceability.operations.proof import Place, covering, places
from traceability.store.engine import Store

PATIENCE_S: Final = 10.0
"""The publisher needs two seconds; after ten something hinders it."""
PAUSE_S: Final = 0.1


def wait_until_published(
    store: Store,
    statement: bytes,
    patience_s: float = PATIENCE_S,
    *,
    pause: Callable[[float], None] = time.sleep,
    timer: Callable[[], float] = time.monotonic,
) -> tuple[Place, ...] | None:
    """The places of a statement once all of them are published; None if that takes longer.

    Between two looks no transaction is open, so that nobody waits for this one.

    Args:
        statement: its SHA-256; it is recorded.
        patience_s: seconds after which it is not looked for again.
    """
    end = timer() + patience_s
    while True:
        with store.reading() as connection:
            found = places(connection, statement)
            indexes = [place.index for place in found if place.index is not None]
            if len(indexes) == len(found) and covering(connection, max(indexes)) is not None:
                return found
        if timer() >= end:
            return None
        pause(PAUSE_S)
