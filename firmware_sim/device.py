"""A device: packs of readings become signed statements, and it does as it is told.

What it does with them until a receipt lets it forget them is in ``sender``; ``link`` carries the bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from hashlib import sha256

from firmware_sim.enrolment import Enrolment
from firmware_sim.flash import Flash, Memory
from firmware_sim.sender import WINDOW, Sender
from traceability.errors import MalformedError, SignatureMismatchError
from traceability.identifiers import device_keys
from traceability.sensing import frame
from traceability.sensing.config import CHANNEL, UNIT, open_config
from traceability.sensing.rotation import encode_rotation
from traceability.sensing.senml import Reading
from traceability.signing.keys import PrivateKey


@dataclass(frozen=True, slots=True)
class Pack:
    """What was measured in one interval: n >= 0 readings, all before ``to_ms`` (Unix time).

    Of an unsynchronised ``clock`` the readings' times are uptimes, and ``uptime_ms`` is that of the end.
    """

    to_ms: int
    readings: tuple[Reading, ...]
    clock: frame.Clock = frame.Clock.NETWORK
    uptime_ms: int = 0


class Told(Enum):
    """What a device makes of a configuration."""

    TAKEN = "taken"
    STALE = "stale"
    FORGED = "forged"
    REFUSED = "refused"


class Device(Sender[Flash]):
    """One running device, which signs what it measures.

    Args:
        stream: URI of what it speaks about.

    Attributes:
        config: how it is to work; None as long as nobody told it.
        told: configurations by what it made of them.
    """

    def __init__(self, flash: Flash, enrolment: Enrolment, stream: str, *, window: int = WINDOW) -> None:
        super().__init__(flash, enrolment, window=window)
        self.stream, self.told = stream, dict.fromkeys(Told, 0)
        self._clock = frame.Clock.NETWORK
        kept = flash.config()
        self.config = None if kept is None else open_config(enrolment.receipt_key, kept)

    def measure(self, packs: Sequence[Pack]) -> None:
        """Sign packs as frames and keep them, all in one flush; empty ones only move the time on."""
        if not packs:
            return
        memory, statements = self.flash.memory, []
        for pack in packs:
            if pack.readings:
                signed = sign_frame(self.flash.key, self.enrolment.uri, self.stream, memory, pack)
                statements.append(signed)
                memory = following(memory, signed)
        self._clock = packs[-1].clock
        self.flash.append(statements, measured_ms=packs[-1].to_ms)

    def rotate(self) -> None:
        """Go on with a new key; the old one is gone once its last statement, the rotation, is kept."""
        following, memory = PrivateKey.generate(), self.flash.memory
        stream = device_keys(self.enrolment.node, self.enrolment.device)
        at_ms = max(memory.measured_ms, memory.booted_ms)
        head = _head(self.enrolment.uri, stream, memory, at_ms, self._clock)
        self.flash.rotate(following, encode_rotation(self.flash.key, following, **head))

    def configure(self, data: bytes) -> Told:
        """Judge a message on the configuration topic, and work by it from here on if it is newer."""
        told = self._judge_config(data)
        self.told[told] += 1
        return told

    def due(self, now_s: float) -> list[bytes]:
        """As every device, once gaps are declared."""
        self._declare_gaps()
        return super().due(now_s)

    def _judge_config(self, data: bytes) -> Told:
        try:
            config = open_config(self.enrolment.receipt_key, data)
        except SignatureMismatchError:
            return Told.FORGED
        except MalformedError:
            return Told.REFUSED
        if config.device != self.enrolment.device:
            return Told.FORGED
        if config.version <= self.flash.memory.config:
            return Told.STALE
        self.flash.configure(config.version, data)
        self.config = config
        return Told.TAKEN

    def _declare_gaps(self) -> None:
        if not self.flash.undeclared():
            return
        self.flash.make_room()
        memory = self.flash.memory
        at_ms = max(memory.measured_ms, memory.booted_ms)
        head = _head(self.enrolment.uri, self.stream, memory, at_ms, self._clock)
        self.flash.append_gap(frame.encode_gap(self.flash.key, gaps=self.flash.undeclared(), **head))


def sign_frame(key: PrivateKey, issuer: str, stream: str, memory: Memory, pack: Pack) -> bytes:
    """The frame that follows what ``memory`` says; raises what ``frame.encode_frame`` raises.

    Once the device was told how to work it says by which version it does.
    """
    readings = pack.readings
    if memory.config:
        readings = (*readings, Reading(CHANNEL, UNIT, readings[-1].at_ms, memory.config))
    head = _head(issuer, stream, memory, pack.to_ms, pack.clock)
    if pack.clock is frame.Clock.UNSYNCHRONISED:
        head["uptime_s"] = pack.uptime_ms // 1000
    return frame.encode_frame(key, readings=readings, **head)


def following(memory: Memory, statement: bytes) -> Memory:
    """The memory once ``statement`` was made, as far as the next one depends on it."""
    return replace(memory, counter=memory.counter + 1, prev=sha256(statement).digest())


def _head(issuer: str, stream: str, memory: Memory, at_ms: int, clock: frame.Clock) -> frame.Head:
    """The header of the next statement. What is made up for, as of a time before the beacon was
    heard, has none: a device that had been running then could not have known it."""
    return frame.Head(
        issuer=issuer,
        stream=stream,
        counter=memory.counter,
        boot=memory.boot,
        prev=memory.prev,
        uptime_s=max(at_ms - memory.booted_ms, 0) // 1000,
        clock=clock,
        issued_at=None if clock is frame.Clock.UNSYNCHRONISED else at_ms // 1000,
        beacon=memory.beacon if memory.heard_ms <= at_ms else None,
    )
