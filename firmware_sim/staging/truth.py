"""The ground truth: every reading that a device truly took, one JSON object a line.

name, device      the scenario's name of the device, and its ID
counter           of the frame that the reading is in
at_ms, said_ms    when it was taken, and when by the device's own clock (Unix time, or its uptime while
                  nothing has set it)
measured, true    what the device measured and what it was, by channel, in the channel's unit
air_c, product_c  the true temperatures around it; no product_c where there are no goods
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, Protocol

from firmware_sim.staging.actor import Interval
from traceability.errors import FileError

DIGITS: Final = 6


class Records(Protocol):
    """Whoever wants to know what a device took: ``device`` is its ID, ``counter`` that of the frame."""

    def write(self, interval: Interval, device: str, counter: int) -> None: ...


class Several:
    """Records to several."""

    def __init__(self, *records: Records) -> None:
        self._records = records

    def write(self, interval: Interval, device: str, counter: int) -> None:
        """Tell each of them."""
        for one in self._records:
            one.write(interval, device, counter)


class TruthFile:
    """A file of truth; made anew, or, with None, none at all.

    Args:
        goes_on: add to what is there: a process that goes on where another was killed may write the
            lines of one frame a second time, but leaves none out.

    Raises:
        FileError: it cannot be written.
    """

    def __init__(self, path: Path | None, *, goes_on: bool = False) -> None:
        self._file: IO[str] | None = None
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a" if goes_on else "w", encoding="utf-8")
        except OSError as error:
            raise FileError(f"{path} cannot be written: {error.strerror}") from error

    def write(self, interval: Interval, device: str, counter: int) -> None:
        """What a device took in a frame with this counter."""
        if self._file is not None:
            self._file.writelines(line + "\n" for line in lines(interval, device, counter))
            self._file.flush()

    def close(self) -> None:
        """End it."""
        if self._file is not None:
            self._file.close()


def lines(interval: Interval, device: str, counter: int) -> Iterator[str]:
    """The lines of one frame, without their ends."""
    for taken in interval.taken:
        row = {
            "name": interval.device,
            "device": device,
            "counter": counter,
            "at_ms": taken.at_ms,
            "said_ms": taken.said_ms,
            "measured": taken.measured,
            "true": {name: round(value, DIGITS) for name, value in taken.true.items()},
            "air_c": round(taken.air_c, DIGITS),
        }
        if taken.product_c is not None:
            row["product_c"] = round(taken.product_c, DIGITS)
        yield json.dumps(row)
