"""Sending what is signed until a receipt names it: what every device does, whoever signs.

Everything that decides is here and needs no broker: what is to be sent now, what a receipt allows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import Enum
from typing import Any, Final, Generic, Protocol, TypeVar

from firmware_sim.enrolment import Enrolment
from firmware_sim.flash import Kept, Memory
from traceability.errors import MalformedError, SignatureMismatchError
from traceability.sensing.receipt import Receipt, open_receipt

WINDOW: Final = 32
"""How many statements a device has under way at once."""
FIRST_WAIT_S: Final = 10.0
LONGEST_WAIT_S: Final = 300.0
"""Without a receipt everything under way is sent again, after twice the time at each attempt."""
PATIENCE_S: Final = 4 * FIRST_WAIT_S
"""Waiting as long as this, it was all sent twice again: an older receipt is not one that came late."""


class Verdict(Enum):
    """What a device makes of a receipt."""

    SETTLED = "settled"
    STALE = "stale"
    FORGED = "forged"
    CLONE = "clone"


class Backlog(Protocol):
    """What a device has no receipt for; see ``Flash``, which is one."""

    @property
    def memory(self) -> Memory: ...
    def next_to_send(self, window: int) -> list[Kept]: ...
    def sha256_at(self, counter: int) -> bytes | None: ...
    def settle(
        self,
        counter: int,
        sha256: bytes,
        refused: Sequence[tuple[int, str]],
        beacon: bytes | None = None,
        heard_ms: int = 0,
    ) -> None: ...
    def report_forgotten(self, covered: int) -> None: ...
    def report_clone(self) -> None: ...


BacklogT = TypeVar("BacklogT", bound=Backlog)


class Sender(Generic[BacklogT]):
    """What every device does with what it signed. Times ``now_s`` are of any clock that only goes forward.

    Args:
        flash: started for this boot.
        enrolment: what the node told this device.

    Attributes:
        counts: receipts by verdict.
        resends: how often all that was under way was sent again for want of a receipt.
    """

    def __init__(self, flash: BacklogT, enrolment: Enrolment, *, window: int = WINDOW) -> None:
        self.flash, self.enrolment, self.window = flash, enrolment, window
        self.counts = dict.fromkeys(Verdict, 0)
        self.resends = 0
        self._under_way: set[int] = set()
        self._since_s, self._wait_s = 0.0, FIRST_WAIT_S

    @property
    def cloned(self) -> bool:
        """Whether a receipt ever spoke of a statement that is not this device's own."""
        return self.flash.memory.cloned

    @property
    def status(self) -> bytes:
        """What the device says of itself on its status topic: JSON, never evidence."""
        return status("clone" if self.cloned else "online", boot=self.flash.memory.boot)

    def connected(self, now_s: float) -> None:
        """A new connection: nothing is known of what was under way, so it is sent again."""
        self._restart(now_s)
        self._wait_s = FIRST_WAIT_S

    def due(self, now_s: float) -> list[bytes]:
        """What is to be sent now: gaps first, then the oldest without receipt, within the window."""
        if self._under_way and now_s >= self.next_due_s:
            self.resends += 1
            self._restart(now_s)
            self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
        kept = [s for s in self.flash.next_to_send(self.window) if s.counter not in self._under_way]
        if kept and not self._under_way:
            self._since_s = now_s
        self._under_way.update(s.counter for s in kept)
        return [s.body for s in kept]

    @property
    def next_due_s(self) -> float:
        """When all that is under way will be sent again, if no receipt comes."""
        return self._since_s + self._wait_s if self._under_way else float("inf")

    def receive(self, data: bytes, now_s: float, now_ms: int | None = None) -> Verdict:
        """Judge a message on the receipt topic, and forget what it settles.

        Args:
            now_ms: Unix time; the end of what was measured if not given.
        """
        verdict = self._judge(data, now_s, self.flash.memory.measured_ms if now_ms is None else now_ms)
        self.counts[verdict] += 1
        return verdict

    def _judge(self, data: bytes, now_s: float, now_ms: int) -> Verdict:
        try:
            receipt = open_receipt(self.enrolment.receipt_key, data)
        except (SignatureMismatchError, MalformedError):
            return Verdict.FORGED
        if not self._is_own(receipt):
            self.flash.report_clone()
            return Verdict.CLONE
        if receipt.counter <= self.flash.memory.settled or self.flash.sha256_at(receipt.counter) is None:
            if receipt.counter < self.flash.memory.settled and self._wait_s >= PATIENCE_S:
                self.flash.report_forgotten(receipt.counter)
            return Verdict.STALE
        self.flash.settle(receipt.counter, receipt.sha256, receipt.refused, receipt.beacon, now_ms)
        self._under_way = {counter for counter in self._under_way if counter > receipt.counter}
        self._since_s, self._wait_s = now_s, FIRST_WAIT_S
        return Verdict.SETTLED

    def _is_own(self, receipt: Receipt) -> bool:
        """Whether a receipt can be about this device's own statement.

        At a counter that was settled or dropped before, the hash is no longer known.
        """
        if receipt.device != self.enrolment.device or receipt.counter >= self.flash.memory.counter:
            return False
        return self.flash.sha256_at(receipt.counter) in {None, receipt.sha256}

    def _restart(self, now_s: float) -> None:
        self._under_way.clear()
        self._since_s = now_s


def status(state: str, **more: Any) -> bytes:
    """A message for the status topic."""
    return json.dumps({"state": state} | more).encode()
