"""Whether this machine's clock can be believed that it is so much later than all that was signed.

One record or checkpoint of a wrong future cannot be taken back: times never decrease along a log, so
nothing could be signed until that future has come. A machine whose clock is broken is mostly years
off. So what is more than a year ahead of the newest checkpoint is written only if somebody who looked
at another clock has said that it is right (docs/adr/0044).
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from traceability.errors import ClockLeapError
from traceability.ledger.record import format_time
from traceability.secretfiles import write_whole

LONGEST_MS: Final = 366 * 86_400_000
"""So long a node may have stood still, unasked (assumed)."""
CONFIRMED: Final = "clock-confirmed"
"""A file in the node's folder: the time that was confirmed, Unix milliseconds."""


def require_plausible(folder: Path, now_ms: int, signed_ms: int | None) -> None:
    """Refuse a time that is too far ahead of what was signed and confirmed.

    Args:
        folder: the node's.
        signed_ms: the time of the newest checkpoint; None before the first.

    Raises:
        ClockLeapError: it is; nothing may be written by this clock.
    """
    if signed_ms is None or now_ms - signed_ms <= LONGEST_MS:
        return
    if now_ms - confirmed_ms(folder) > LONGEST_MS:
        raise ClockLeapError(
            f"it is {format_time(now_ms)} here, and the newest checkpoint is of {format_time(signed_ms)}"
        )


def confirmed_ms(folder: Path) -> int:
    """The time that was confirmed last; 0 if none was, or it cannot be read."""
    with suppress(OSError, ValueError):
        return int((folder / CONFIRMED).read_text("ascii"))
    return 0


def confirm_clock(folder: Path, now_ms: int) -> None:
    """Remember that somebody says that it is as late as that."""
    write_whole(folder / CONFIRMED, f"{now_ms}\n".encode("ascii"), 0o600)
