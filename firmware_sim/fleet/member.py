"""One device of a fleet: its frames are signed already, and taken one after the other as they fall due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import islice
from typing import TypeAlias

from firmware_sim.flash import Kept, Memory
from firmware_sim.fleet.folder import Frames
from firmware_sim.sender import Sender


@dataclass(slots=True)
class Answered:
    """What receipts of a whole fleet settled: frames, the refused of them by code, and how long each took.

    ``took_ms`` is from when a frame was due to its receipt. ``forgotten`` are frames that a node settled,
    and did not have later.
    """

    took_ms: list[int] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    forgotten: int = 0


class Signed:
    """A backlog (see ``device.Backlog``) of frames in a file. What is settled stays in the file.

    Args:
        place: of the device in the file.
        answered: of the whole fleet.
    """

    def __init__(self, frames: Frames, place: int, answered: Answered) -> None:
        self.memory = Memory(boot=1)
        self._frames, self._place, self._answered = frames, place, answered
        self._waiting: dict[int, tuple[bytes, int]] = {}

    def measure(self, due_ms: int) -> None:
        """Have the next frame, that was due at a time of the fleet's own clock."""
        counter = self.memory.counter
        digest = sha256(self._frames.body(self._place, counter)).digest()
        self._waiting[counter] = (digest, due_ms)
        self.memory = replace(self.memory, counter=counter + 1, prev=digest, measured_ms=due_ms)

    def next_to_send(self, window: int) -> list[Kept]:
        """The oldest without receipt."""
        return [Kept(c, self._frames.body(self._place, c)) for c in islice(self._waiting, window)]

    def sha256_at(self, counter: int) -> bytes | None:
        """The hash of a frame that waits, or of the one that was settled last."""
        if counter == self.memory.settled:
            return self.memory.settled_sha256
        return self._waiting[counter][0] if counter in self._waiting else None

    def settle(
        self,
        counter: int,
        sha256: bytes,
        refused: Sequence[tuple[int, str]],
        beacon: bytes | None = None,
        heard_ms: int = 0,
    ) -> None:
        """Forget all up to a counter."""
        for code in (code for at, code in refused if at in self._waiting):
            self._answered.refused[code] = self._answered.refused.get(code, 0) + 1
        for settled in [c for c in self._waiting if c <= counter]:
            self._answered.took_ms.append(heard_ms - self._waiting.pop(settled)[1])
        self.memory = replace(self.memory, settled=counter, settled_sha256=sha256)

    def report_forgotten(self, covered: int) -> None:
        """The node lost what it had settled; the file has it still, so it is sent again."""
        lost = range(covered + 1, self.memory.settled + 1)
        bodies = [self._frames.body(self._place, counter) for counter in (covered, *lost)]
        digest, *digests = (sha256(body).digest() for body in bodies)
        again = {c: (d, self.memory.measured_ms) for c, d in zip(lost, digests, strict=True)}
        self._waiting = again | self._waiting
        self._answered.forgotten += len(lost)
        self.memory = replace(self.memory, settled=covered, settled_sha256=digest)

    def report_clone(self) -> None:
        """Remember that somebody else speaks with this key."""
        self.memory = replace(self.memory, cloned=True)


Member: TypeAlias = Sender[Signed]
"""A device of a fleet: as every device, once its frames are there."""
