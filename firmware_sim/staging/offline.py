"""A scenario as a folder of signed frames, for whoever has no gateway at hand.

    frames.jsonl    one statement a line, in the order in which they leave: ``sends_ms``, ``name``,
                    ``device``, ``by`` (device, clone or thief), ``counter``, ``topic``, ``frame`` (base64)
    plan.json       who is who, with this plan's node name (see ``firmware_sim.plan``)

Keys follow from scenario and seed, so that everybody gets the same bytes: they protect nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from firmware_sim.device import following, sign_frame
from firmware_sim.flash import CORRUPT, FLASH_FULL, Memory
from firmware_sim.staging.actor import Forger, Interval, Said, play
from firmware_sim.staging.model import Scenario
from firmware_sim.staging.planned import asset_of, plan_of
from firmware_sim.staging.truth import Records
from traceability.errors import FileError
from traceability.identifiers import device_uri
from traceability.sensing.frame import Gap, Head, encode_gap, parse_statement
from traceability.sensing.topics import frame_topic
from traceability.signing.keys import PrivateKey

NODE: Final = "node.example"
SITE: Final = "demo"


@dataclass(slots=True)
class Written:
    """How many statements came out: of devices, and forged ones."""

    frames: int = 0
    forged: int = 0


def key_of(scenario: Scenario, device: str) -> PrivateKey:
    """A device's key offline: everybody can make it."""
    text = f"firmware_sim/{scenario.key}/{scenario.seed}/{device}"
    return PrivateKey.from_seed(hashlib.sha256(text.encode()).digest())


class Pen:
    """Signs what one device measures, in a memory that is lost with the program.

    What does not leave at once waits in a flash of the profile's size; if that is full the oldest frames
    are dropped, and their counters declared once somebody is reached again.
    """

    def __init__(self, scenario: Scenario, name: str, node: str) -> None:
        self.key = key_of(scenario, name)
        self.issuer = device_uri(node, self.key.public.device_id)
        self.stream = asset_of(scenario, scenario.devices[name].asset).uri
        booted_ms = scenario.at_ms(scenario.devices[name].from_s)
        self.memory = replace(Memory(), boot=1, booted_ms=booted_ms)
        self._forger = Forger(self.key, self.issuer, self.stream)
        self._room, self._block = scenario.profile(name).flash, scenario.profile(name).counter_block
        self._kept: deque[Said] = deque()
        self._lost: list[Gap] = []

    def sign(self, interval: Interval) -> Iterator[Said]:
        """The statements that leave by the end of an interval: its own, and the forged one."""
        copied = self.memory
        if interval.boots_ms is not None:
            self._boot(interval.boots_ms)
        self.memory = replace(self.memory, config=interval.version)
        if interval.pack.readings:
            body = sign_frame(self.key, self.issuer, self.stream, self.memory, interval.pack)
            self._keep(interval, body)
            yield from self.rest(interval.to_ms)
        if interval.forged is not None:
            yield self._forger.forge(interval, copied)

    def rest(self, at_ms: float = math.inf) -> Iterator[Said]:
        """What has left by a time, the declaration of what was dropped first."""
        if self._lost and self._kept and self._kept[0].sends_ms <= at_ms:
            yield self._declare(self._kept[0].sends_ms, self._kept[-1])
        while self._kept and self._kept[0].sends_ms <= at_ms:
            yield self._kept.popleft()

    def _boot(self, at_ms: int) -> None:
        self.memory = replace(self.memory, boot=self.memory.boot + 1, booted_ms=at_ms)
        used = self.memory.counter
        if self._block and used % self._block:
            ends = used // self._block * self._block + self._block
            self._lost.append(Gap(used, ends - 1, CORRUPT))
            self.memory = replace(self.memory, counter=ends)

    def _keep(self, interval: Interval, body: bytes) -> None:
        self._kept.append(Said(interval.device, "device", self.memory.counter, interval.sends_ms, body))
        self.memory = following(self.memory, body)
        if interval.sends_ms < self._kept[0].sends_ms:  # an alarm wakes the radio for all that waits
            self._kept = deque(replace(said, sends_ms=interval.sends_ms) for said in self._kept)
        while len(self._kept) > self._room:
            self._lose(self._kept.popleft().counter)

    def _lose(self, counter: int) -> None:
        newest = self._lost[-1] if self._lost else None
        if newest is not None and (newest.last, newest.reason) == (counter - 1, FLASH_FULL):
            self._lost[-1] = replace(newest, last=counter)
        else:
            self._lost.append(Gap(counter, counter, FLASH_FULL))

    def _declare(self, sends_ms: int, newest: Said) -> Said:
        counter = self.memory.counter
        parsed = parse_statement(newest.body)
        head = Head(
            issuer=self.issuer,
            stream=self.stream,
            counter=counter,
            boot=self.memory.boot,
            prev=self.memory.prev,
            uptime_s=parsed.uptime_s,
            clock=parsed.clock,
            issued_at=parsed.issued_at,
        )
        body = encode_gap(self.key, gaps=sorted(self._lost, key=lambda gap: gap.first), **head)
        self.memory, self._lost = following(self.memory, body), []
        return Said(newest.device, "device", counter, sends_ms, body)


def said(scenario: Scenario, records: Records, node: str = NODE) -> Iterator[Said]:
    """Every statement of a scenario, as signed, in the order of measuring."""
    pens = {name: Pen(scenario, name, node) for name in scenario.devices}
    for interval in play(scenario):
        pen = pens[interval.device]
        yield from pen.rest(interval.to_ms - 1)
        records.write(interval, pen.key.public.device_id, pen.memory.counter)
        yield from pen.sign(interval)
    for pen in pens.values():
        yield from pen.rest()


def write_folder(scenario: Scenario, folder: Path, records: Records) -> Written:
    """Play a scenario into a folder.

    Raises:
        FileError: it cannot be written.
    """
    done = Written()
    statements = sorted(said(scenario, records), key=lambda s: s.sends_ms)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        plan = plan_of(scenario, NODE)
        (folder / "plan.json").write_text(plan.to_json(), encoding="utf-8")
        with (folder / "frames.jsonl").open("w", encoding="utf-8") as file:
            for statement in statements:
                file.write(json.dumps(_row(scenario, statement)) + "\n")
                done.frames += statement.by == "device"
                done.forged += statement.by != "device"
    except OSError as error:
        raise FileError(f"{folder} cannot be written: {error.strerror}") from error
    return done


def _row(scenario: Scenario, statement: Said) -> dict[str, object]:
    device = key_of(scenario, statement.device).public.device_id
    return {
        "sends_ms": statement.sends_ms,
        "name": statement.device,
        "device": device,
        "by": statement.by,
        "counter": statement.counter,
        "topic": frame_topic(SITE, device),
        "frame": base64.b64encode(statement.body).decode(),
    }
