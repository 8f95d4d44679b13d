"""Plays a fleet: frames as they fall due, storms, and receipts back to their devices.

It begins once every device has been let in or turned away; who was turned away goes on trying.

The schedule never waits for the node: a frame that is due is there, and what its device may not send yet
(no connection, or a window under way) waits with it, as in a real one. If this program itself cannot
keep up, it says by how much, and goes on trying to make up for it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from firmware_sim.enrolment import Enrolment
from firmware_sim.fleet.connections import Coming, Connections
from firmware_sim.fleet.folder import Fleet, Frames
from firmware_sim.fleet.member import Answered, Member, Signed
from firmware_sim.fleet.schedule import Pace, schedule
from firmware_sim.sender import Verdict

LONGEST_TURN_S: Final = 0.05
MOST_AT_ONCE: Final = 200
"""Frames taken in one turn, so that the network is looked after meanwhile."""
OVERDUE_S: Final = 1.0
"""So often devices that had no receipt in time are looked for."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a fleet is played.

    Attributes:
        storms_s: seconds after the first frame at which every connection is lost.
        patience_s: how long the end waits for another receipt.
    """

    coming: Coming
    pace: Pace
    storms_s: tuple[float, ...] = ()
    patience_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Now:
    """How a fleet is doing: frames, unless said otherwise; times in seconds and milliseconds.

    ``received`` have a receipt, ``refused`` too. ``dropped`` are lost connections, ``failed`` are attempts,
    ``trouble`` is why the last of those failed. ``behind_s`` is how late this program is itself.
    """

    seconds: float
    devices: int
    frames: int
    due: int
    sent: int
    acknowledged: int
    received: int
    refused: dict[str, int]
    waiting: int
    resends: int
    connected: int
    dropped: int
    failed: int
    trouble: str
    behind_s: float
    worst_behind_s: float
    p50_ms: float
    p99_ms: float
    clones: int
    forged: int
    forgotten: int

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


class Play:
    """One play of a fleet; ``turn`` until it is ``over``, then ``close``.

    Args:
        clock_s: a clock that only goes forward, that of ``time.monotonic``.
    """

    def __init__(
        self,
        fleet: Fleet,
        frames: Frames,
        enrolments: Sequence[Enrolment],
        shape: Shape,
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.fleet, self.shape, self._clock_s = fleet, shape, clock_s
        self._answered = Answered()
        self._members = [
            Member(Signed(frames, place, self._answered), told) for place, told in enumerate(enrolments)
        ]
        self._connections = Connections(
            shape.coming, enrolments, self._on_ready, self._on_receipt, clock_s=clock_s
        )
        self._schedule = schedule(shape.pace, fleet.devices, fleet.frames)
        self._next = next(self._schedule, None)
        self._storms = sorted(shape.storms_s)
        self._changed: set[int] = set()
        self._began_s: float | None = None
        self._due, self._behind_s, self._worst_s = 0, 0.0, 0.0
        self._overdue_s, self._last_s = 0.0, 0.0

    def turn(self) -> None:
        """Do what is due, then let the network work."""
        now_s = self._clock_s()
        if self._began_s is None and self._connections.traffic.tried == self.fleet.devices:
            self._began_s = self._last_s = now_s
        self._behind_s = self._connections.behind_s(now_s)
        if self._began_s is not None:
            self._storm(now_s - self._began_s)
            self._measure(now_s - self._began_s)
            self._look_for_overdue(now_s)
            self._send(now_s)
        self._worst_s = max(self._worst_s, self._behind_s)
        self._connections.turn(self._wait_s(now_s))

    @property
    def over(self) -> bool:
        """Whether every frame has its receipt, or has been waited for long enough."""
        if self._next is not None or self._began_s is None:
            return False
        return self._received() == self._due or self._clock_s() - self._last_s > self.shape.patience_s

    def now(self) -> Now:
        """How it is doing."""
        now_s, traffic, took = self._clock_s(), self._connections.traffic, self._answered.took_ms
        took.sort()
        counts = [member.counts for member in self._members]
        return Now(
            seconds=0.0 if self._began_s is None else now_s - self._began_s,
            devices=self.fleet.devices,
            frames=self.fleet.devices * self.fleet.frames,
            due=self._due,
            sent=traffic.sent,
            acknowledged=traffic.acknowledged,
            received=self._received(),
            refused=dict(self._answered.refused),
            waiting=self._due - self._received(),
            resends=sum(member.resends for member in self._members),
            connected=traffic.connected,
            dropped=traffic.lost,
            failed=traffic.failed,
            trouble=traffic.trouble,
            behind_s=self._behind_s,
            worst_behind_s=self._worst_s,
            p50_ms=statistics.median(took) if took else 0.0,
            p99_ms=float(took[len(took) * 99 // 100]) if took else 0.0,
            clones=sum(member.cloned for member in self._members),
            forged=sum(each[Verdict.FORGED] for each in counts),
            forgotten=self._answered.forgotten,
        )

    def close(self) -> None:
        """End all connections."""
        self._connections.close()

    def _on_ready(self, place: int) -> None:
        self._members[place].connected(self._clock_s())
        self._changed.add(place)

    def _on_receipt(self, place: int, payload: bytes) -> None:
        now_s = self._clock_s()
        if self._members[place].receive(payload, now_s, self._ms(now_s)) is Verdict.SETTLED:
            self._last_s = now_s
        self._changed.add(place)

    def _storm(self, at_s: float) -> None:
        if self._storms and at_s >= self._storms[0]:
            del self._storms[0]
            self._connections.cut()

    def _measure(self, at_s: float) -> None:
        """Take the frames that are due, and see how late that was."""
        for _ in range(MOST_AT_ONCE):
            if self._next is None or self._next[0] > at_s:
                break
            due_s, place = self._next
            self._behind_s = max(self._behind_s, at_s - due_s)
            self._members[place].flash.measure(int(1000 * due_s))
            self._changed.add(place)
            self._due += 1
            self._last_s = self._clock_s()
            self._next = next(self._schedule, None)

    def _look_for_overdue(self, now_s: float) -> None:
        if now_s >= self._overdue_s:
            self._overdue_s = now_s + OVERDUE_S
            self._changed.update(p for p, member in enumerate(self._members) if member.next_due_s <= now_s)

    def _send(self, now_s: float) -> None:
        for place in self._changed:
            connection = self._connections.all[place]
            for body in self._members[place].due(now_s) if connection.ready else ():
                connection.send(body)
        self._changed.clear()

    def _wait_s(self, now_s: float) -> float:
        if self._next is None or self._began_s is None:
            return LONGEST_TURN_S
        return min(max(self._began_s + self._next[0] - now_s, 0.0), LONGEST_TURN_S)

    def _received(self) -> int:
        return len(self._answered.took_ms) - self._answered.forgotten

    def _ms(self, now_s: float) -> int:
        return int(1000 * (now_s - (self._began_s or now_s)))
