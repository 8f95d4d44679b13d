"""``publish``: the program that gives records their place in the log and signs checkpoints."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Final

from traceability.commands.cosigner import PATIENCE_S, Cosigner, cosigners
from traceability.commands.verb import Answer, Opened, Verbs, add_verb, opened
from traceability.errors import ClockError, StoreUnavailableError, TamperError, TraceabilityError
from traceability.holding import holding
from traceability.ledger.record import format_time
from traceability.operations.cosign import Cosigned
from traceability.operations.erase import newest_erasure
from traceability.operations.heartbeat import beat
from traceability.operations.node import Node
from traceability.operations.publish import Published, publish
from traceability.operations.recallextend import Extended, extend_recalls
from traceability.operations.recalling.follow import follow_recalls
from traceability.store.engine import system_clock

PROGRAM: Final = "publisher"
INTERVAL_S: Final = 1.0
BEAT_MS: Final = 5_000
"""A heartbeat this often, and at once when something begins or ends to hinder."""


def add(verbs: Verbs) -> None:
    """Add this verb to the command line."""
    verb = add_verb(
        verbs,
        "publish",
        _publish,
        does="Publish what is recorded: sign a checkpoint every second while there is something new",
        example="traceability publish --once",
    )
    verb.add_argument("--once", action="store_true", help="publish what is new now, and end")


def _publish(args: argparse.Namespace) -> Answer:
    with opened(checkpoints=True) as here, alone(here.node):
        neighbours = cosigners(here.store, here.node, _log, 0 if args.once else PATIENCE_S)
        if args.once:
            extended = extend_recalls(here.store, here.node)
            done = publish(here.store, here.node)
            follow_recalls(here.store, here.node)
            signed = [each for each in (neighbour.turn() for neighbour in neighbours) if each]
            return _answer(done, extended, signed)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        publisher = Publisher(here, neighbours)
        publisher.run(stop)
    return Answer({"published": publisher.published}, ())


def alone(node: Node) -> AbstractContextManager[None]:
    """Keep publishers away: two would sign one history too, but each would trip over what the other staged.

    Raises:
        SettingsError: one works here.
    """
    return holding(
        node.folder / "publisher.lock",
        f"another publisher works in {node.folder}",
        "It publishes what is recorded within a second; to publish by hand, end it first.",
    )


def _answer(done: Published | None, extended: Extended, signed: Sequence[Cosigned]) -> Answer:
    failed = {recall: error.code for recall, error in extended.failed.items()}
    lines = [f"{recall} could not be extended: {error}" for recall, error in extended.failed.items()]
    lines += [f"{each.witness} cosigned {each.size} entries" for each in signed]
    data: dict[str, Any] = {"published": 0, "recalls_not_extended": failed}
    data["cosigned"] = {each.witness: each.size for each in signed}
    if done is None:
        lines.insert(0, "nothing is new")
    else:
        data |= {"published": done.records, "size": done.size, "checkpoint": done.note.decode("utf-8")}
        lines.insert(0, f"published {done.records} records; the log has {done.size} entries")
    return Answer(data, tuple(lines), 1 if failed else 0)


@dataclass(slots=True)
class Publisher:
    """One publisher's life: a turn a second; what hinders it is said, kept in its heartbeat and retried."""

    here: Opened
    neighbours: Sequence[Cosigner] = ()
    published: int = 0
    size: int | None = None
    hindered: str | None = None
    _beat_ms: int = field(default=0)
    _scrubbed: int | None = field(default=None)
    _untold: frozenset[str] = field(default=frozenset())

    def run(self, stop: threading.Event) -> None:
        """A turn a second until it is to stop."""
        for neighbour in self.neighbours:
            neighbour.start()
        while not stop.is_set():
            self.turn()
            stop.wait(INTERVAL_S)
        for neighbour in self.neighbours:
            neighbour.end()

    def turn(self) -> None:
        """Publish what is new, and say so."""
        before = self.hindered
        try:
            left = self._extend()
            self._publish()
            self._follow()
        except (TamperError, ClockError, StoreUnavailableError) as error:
            left = error
        self.hindered = None if left is None else left.code
        if left is not None and left.code != before:
            self._say("error", left)
        if before is not None and self.hindered is None:
            _log("warning", "publishing goes on", code=before)
        self._beat(changed=self.hindered != before)

    def _publish(self) -> None:
        self._scrub()
        done = publish(self.here.store, self.here.node)
        if done is not None:
            self.published += done.records
            self.size = done.size
            _log("info", "published", records=done.records, size=done.size)
            for neighbour in self.neighbours:
                neighbour.wake()

    def _extend(self) -> TraceabilityError | None:
        """Let open recalls reach what was made since; whatever hinders one does not keep others from it."""
        extended = extend_recalls(self.here.store, self.here.node)
        for recall, things in extended.added.items():
            if things:
                _log("info", "recall extended", recall=recall, things=things)
        return next(iter(extended.failed.values()), None)

    def _follow(self) -> None:
        """Tell holders of what recalls say by now; the pages are red already."""
        followed = follow_recalls(self.here.store, self.here.node)
        for case in followed.cases:
            _log("info", "recall followed", recall=case)
        for case, error in followed.failed.items():
            if case not in self._untold:
                said = f"holders of {case} are not told: {error}"
                _log("error", said, code=error.code, remedy=error.remedy())
        self._untold = frozenset(followed.failed)

    def _scrub(self) -> None:
        """After an erasure, take the erased bytes out of the WAL; a second later if others are at work."""
        with self.here.store.reading() as connection:
            newest = newest_erasure(connection)
        if newest != self._scrubbed and self.here.store.scrub():
            self._scrubbed = newest

    def _beat(self, *, changed: bool) -> None:
        now_ms = self.here.store.clock()
        if not changed and 0 <= now_ms - self._beat_ms < BEAT_MS:
            return
        try:
            beat(self.here.store, PROGRAM, {"error": self.hindered, "size": self.size})
            self._beat_ms = now_ms
        except StoreUnavailableError as error:
            if self.hindered is None:
                self._say("error", error)
            self.hindered = error.code

    def _say(self, level: str, error: TraceabilityError) -> None:
        _log(level, f"publishing is hindered: {error}", code=error.code, remedy=error.remedy())


def _log(level: str, message: str, **more: Any) -> None:
    """One JSON line on stderr."""
    entry = {"time": format_time(system_clock()), "level": level, "program": PROGRAM, "message": message}
    print(json.dumps(entry | more), file=sys.stderr, flush=True)
