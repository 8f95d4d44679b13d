"""A device: packs of readings become signed statements, receipts let it forget them.

Everything that decides is here and needs no broker: what is signed next, what is to be sent
now, what a receipt allows. ``link`` carries the bytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar

from firmware_sim.flash import Flash, Kept, Memory
from traceability.errors import ForeignTopicError, MalformedError, SettingsError, SignatureMismatchError
from traceability.identifiers import device_keys, device_uri, parse_device_id, parse_node_name
from traceability.sensing import frame, topics
from traceability.sensing.config import CHANNEL, UNIT, open_config
from traceability.sensing.receipt import Receipt, open_receipt
from traceability.sensing.rotation import encode_rotation
from traceability.sensing.senml import Reading
from traceability.signing.keys import KEY_BYTES, PrivateKey

WINDOW: Final = 32
"""How many statements a device has under way at once."""
FIRST_WAIT_S: Final = 10.0
LONGEST_WAIT_S: Final = 300.0
"""Without a receipt everything under way is sent again, after twice the time at each attempt."""
PATIENCE_S: Final = 4 * FIRST_WAIT_S
"""Waiting as long as this, it was all sent twice again: an older receipt is not one that came late."""


@dataclass(frozen=True, slots=True)
class Pack:
    """What was measured in one interval: n >= 0 readings, all before ``to_ms`` (Unix time).

    Of an unsynchronised ``clock`` the readings' times are uptimes, and ``uptime_ms`` is that of the end.
    """

    to_ms: int
    readings: tuple[Reading, ...]
    clock: frame.Clock = frame.Clock.NETWORK
    uptime_ms: int = 0


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a device is told when it is enrolled; ``receipt_key`` has 32 bytes.

    The broker knows it by ``username`` and ``password``; without, the broker lets everybody in.
    """

    device: str
    uri: str
    node: str
    site: str
    receipt_key: bytes
    username: str = ""
    password: str = ""


class Verdict(Enum):
    """What a device makes of a receipt."""

    SETTLED = "settled"
    STALE = "stale"
    FORGED = "forged"
    CLONE = "clone"


class Told(Enum):
    """What a device makes of a configuration."""

    TAKEN = "taken"
    STALE = "stale"
    FORGED = "forged"
    REFUSED = "refused"


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


def status(state: str, **more: Any) -> bytes:
    """A message for the status topic."""
    return json.dumps({"state": state} | more).encode()


def read_enrolment(path: Path) -> Enrolment:
    """The file that whoever enrolled the device put beside its request.

    JSON: ``{"device", "uri", "node", "site", "receipt_key"}``, the key in hexadecimal, and, if the
    broker asks for them, ``"username"`` and ``"password"``.

    Raises:
        SettingsError: not such a file.
    """
    try:
        return parse_enrolment(path.read_text("utf-8"))
    except ValueError as error:
        raise SettingsError(f"{path} is not the answer to an enrolment: {error}") from error


def parse_enrolment(text: str) -> Enrolment:
    """The answer to an enrolment; see ``read_enrolment``.

    Raises:
        ValueError: it is none.
    """
    try:
        told = json.loads(text)
        device, node = parse_device_id(told["device"]), parse_node_name(told["node"])
        secret = bytes.fromhex(told["receipt_key"])
        topics.frame_topic(told["site"], device)
        user = str(told.get("username", "")), str(told.get("password", ""))
        if told["uri"] != device_uri(node, device) or len(secret) != KEY_BYTES:
            raise ValueError("uri or receipt_key does not fit the device")
    except (KeyError, TypeError, MalformedError, ForeignTopicError) as error:
        raise ValueError(str(error)) from error
    return Enrolment(device, told["uri"], node, told["site"], secret, *user)


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
