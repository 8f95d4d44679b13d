"""Plays a journey: measures what is due, sends it, takes receipts, first the past and then live.

One thread decides; each device's network thread only reports what happened (see ``link``). A
backlog is measured as fast as receipts come, at most a window ahead of them; once a device is
within ten minutes of now it measures by the clock, whether anybody listens or not. Due times
come from the plan and the flash, so nothing drifts.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Final, Protocol

from firmware_sim.batching import Batch
from firmware_sim.device import Device, Pack, Told
from firmware_sim.link import Arrival, Happened
from firmware_sim.plan import Plan
from firmware_sim.sampling import BACKLOG, LIVE, Pace, Sensor

LONGEST_BACKLOG_MS: Final = 7 * 86_400_000
"""What a device that was switched off makes up for; it has no older readings."""
NEWS_S: Final = 5.0
LONGEST_WAIT_S: Final = 60.0
WAKING_S: Final = 10.0
"""Within so many seconds radios that wake at one time connect."""


class Radio(Protocol):
    """What a player needs of a link."""

    def open(self) -> None: ...
    def send(self, statement: bytes) -> None: ...
    def report(self, message: bytes) -> None: ...
    def rest(self) -> None: ...
    def wake(self, after_s: float) -> None: ...
    def close(self) -> None: ...


class Played(Protocol):
    """What a player needs of a device: what it measures by a time, and what it then has to send."""

    name: str
    device: Device
    radio: Radio

    @property
    def is_live(self) -> bool: ...
    @property
    def is_awake(self) -> bool: ...
    @property
    def connected(self) -> bool: ...
    @connected.setter
    def connected(self, is_up: bool) -> None: ...
    def due_ms(self, now_ms: int) -> int | None: ...
    def is_caught_up(self, now_ms: int) -> bool: ...
    def measure(self, now_ms: int) -> None: ...
    def outgoing(self, now_s: float) -> list[bytes]: ...


class Playing:
    """One device of the journey, with its sensor and its radio."""

    def __init__(self, plan: Plan, name: str, device: Device, radio: Radio, now_ms: int) -> None:
        self.name, self.device, self.radio = name, device, radio
        self.connected = False
        self._sensor, self._planned = Sensor(plan, name), plan.device(name)
        begun_ms = device.flash.memory.measured_ms or self._planned.from_ms
        missed = max(-(-(now_ms - LONGEST_BACKLOG_MS - begun_ms) // BACKLOG.frame_ms), 0)
        self._next_ms = begun_ms + missed * BACKLOG.frame_ms
        self._batch = Batch()

    @property
    def is_awake(self) -> bool:
        """Its radio is always on."""
        return True

    @property
    def is_live(self) -> bool:
        """Whether it goes on for ever."""
        return self._planned.until_ms is None

    def due_ms(self, now_ms: int) -> int | None:
        """When the next interval ends; None after the last one."""
        step = self._step(now_ms)
        return None if step is None else self._next_ms + step.frame_ms

    def is_caught_up(self, now_ms: int) -> bool:
        """Whether all of the past was measured and has its receipt."""
        return not self._is_behind(now_ms) and self.device.flash.waiting() == 0

    def measure(self, now_ms: int) -> None:
        """Measure every interval that has ended; of a backlog no more than the window has room for."""
        packs: list[Pack] = []
        room = max(self.device.window - self.device.flash.waiting(), 0)
        while (step := self._step(now_ms)) is not None and self._next_ms + step.frame_ms <= now_ms:
            if self._is_behind(now_ms) and len(packs) >= room:
                break
            from_ms, config = self._next_ms, self.device.config
            self._next_ms += step.frame_ms
            frame_ms = step.frame_ms if config is None else config.frame_s * 1000
            done = self._batch.add(from_ms, self._sensor.measure(from_ms, step), frame_ms, config)
            packs += [done] if done else []
        rest = self._batch.rest(self._next_ms) if self._step(now_ms) is None else None
        self.device.measure([*packs, rest] if rest else packs)

    def outgoing(self, now_s: float) -> list[bytes]:
        """What is to be sent now."""
        return self.device.due(now_s)

    def _is_behind(self, now_ms: int) -> bool:
        ends_ms = now_ms if self.is_live else self._planned.until_ms or 0
        return self._next_ms + BACKLOG.frame_ms <= ends_ms

    def _step(self, now_ms: int) -> Pace | None:
        """What is measured at once: a frame, or, by a configuration, one reading."""
        if not self.is_live and not self._is_behind(now_ms):
            return None
        if (config := self.device.config) is not None:
            return Pace(config.reading_s * 1000, config.reading_s * 1000)
        return BACKLOG if self._is_behind(now_ms) else LIVE


class Player:
    """Plays several devices until it is stopped.

    Args:
        clock_ms: Unix time in milliseconds.
        speed: how many of its seconds pass in one.
        ends: whether it ends by itself, once all is measured and has its receipt.
        say: takes a line for people.
    """

    def __init__(
        self,
        devices: Sequence[Played],
        arrivals: SimpleQueue[Arrival],
        *,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        say: Callable[[str], None] = lambda line: print(line, flush=True),
        speed: float = 1.0,
        ends: bool = False,
    ) -> None:
        self._devices = {device.name: device for device in devices}
        self._arrivals, self._clock_ms, self._say = arrivals, clock_ms, say
        self._begun_s = self._news_s = time.monotonic()
        self._sent, self._caught_up = 0, False
        self._speed, self._ends = speed, ends
        self._asleep = {device.name: not device.is_awake for device in devices}
        self._jitter = random.Random(" ".join(self._devices))

    def run(self) -> None:
        """Play until a STOP arrives, or its end; closes the links, and leaves the flashes to their owner."""
        try:
            for playing in self._devices.values():
                if not self._asleep[playing.name]:
                    playing.radio.open()
            while self.turn():
                pass
        finally:
            for playing in self._devices.values():
                playing.radio.close()

    def turn(self) -> bool:
        """Do all that is due, then wait for something to happen; False at the end, or once a STOP arrived."""
        now_ms, now_s = self._clock_ms(), time.monotonic()
        for playing in self._devices.values():
            playing.measure(now_ms)
            self._mind_radio(playing)
            if playing.connected:
                for statement in playing.outgoing(now_s):
                    playing.radio.send(statement)
                    self._sent += 1
        self._tell(now_ms, now_s)
        if self._ends and self._caught_up:
            return False
        wait_s = self._wait_s(now_ms, now_s)
        while True:
            try:
                arrival = self._arrivals.get(timeout=wait_s) if wait_s > 0 else self._arrivals.get_nowait()
            except Empty:
                return True
            if arrival.happened is Happened.STOP:
                return False
            if arrival.happened is Happened.ROTATE:
                self._rotate()
                continue
            self._take(self._devices[arrival.name], arrival)
            wait_s = 0.0  # whatever else has come is taken before the next round

    def _mind_radio(self, playing: Played) -> None:
        """Let a radio sleep, or wake up: at random, as a whole fleet may wake at one time."""
        asleep = not playing.is_awake
        if asleep == self._asleep[playing.name]:
            return
        self._asleep[playing.name] = asleep
        if asleep:
            playing.radio.rest()
        else:
            playing.radio.wake(self._jitter.uniform(0.0, WAKING_S) / self._speed)

    def _rotate(self) -> None:
        for playing in self._devices.values():
            playing.device.rotate()
        self._say(f"{len(self._devices)} devices go on with new keys")

    def _take(self, playing: Played, arrival: Arrival) -> None:
        now_s, was_cloned = time.monotonic(), playing.device.cloned
        if arrival.happened is Happened.CONNECTED:
            playing.connected = True
            playing.device.connected(now_s)
            playing.radio.report(playing.device.status)
        elif arrival.happened is Happened.DISCONNECTED:
            playing.connected = False
        elif arrival.happened is Happened.CONFIG:
            if playing.device.configure(arrival.payload) is Told.TAKEN:
                self._say(f"{playing.name} works by configuration {playing.device.flash.memory.config}")
        else:
            playing.device.receive(arrival.payload, now_s, self._clock_ms())
        if playing.device.cloned and not was_cloned:
            playing.radio.report(playing.device.status)
            self._say(f"{playing.name}: a receipt speaks of a statement that is not its own; it has a clone")

    def _wait_s(self, now_ms: int, now_s: float) -> float:
        """Until the next interval ends or a receipt is overdue."""
        waits = [LONGEST_WAIT_S]
        for playing in self._devices.values():
            due_ms = playing.due_ms(now_ms)
            if due_ms is not None and due_ms > now_ms:
                waits.append((due_ms - now_ms) / 1000 / self._speed)
            if playing.connected:
                waits.append(playing.device.next_due_s - now_s)
        return max(min(waits), 0.001)

    def _tell(self, now_ms: int, now_s: float) -> None:
        if self._caught_up:
            return
        took_s = now_s - self._begun_s
        if all(playing.is_caught_up(now_ms) for playing in self._devices.values()):
            self._caught_up = True
            self._say(f"caught up: {self._sent:,} frames in {took_s:.0f} s")
            for playing in self._devices.values():
                if playing.is_live:
                    self._say(f"{playing.name} goes on live: a frame every {LIVE.frame_ms // 1000} s")
        elif now_s - self._news_s >= NEWS_S:
            self._news_s = now_s
            waiting = sum(playing.device.flash.waiting() for playing in self._devices.values())
            self._say(f"catching up: {self._sent:,} frames in {took_s:.0f} s, {waiting:,} without receipt")
