"""The gateway's life: take what waits, ingest it, and when it is committed answer and acknowledge.

Whatever happens, a message is either committed (accepted, or counted with its reason) or not
acknowledged, and then the broker sends it again.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from gateway.flood import Gate, Limits
from gateway.link import Delivery, Link
from gateway.log import PROGRAM
from traceability.errors import BrokerUnavailableError, StoreUnavailableError, SurroundingsError
from traceability.operations.heartbeat import beat
from traceability.operations.ingest import Ingest, Ingested, Message
from traceability.operations.tally import FLOODED, NOTHING, WORDS

HANDFUL: Final = 500
QUEUED: Final = 2 * HANDFUL
IDLE_S: Final = 0.2
PACE_S: Final = 0.1
"""So long at most until what waits for tokens is looked at again."""
NAMED: Final = 5
"""Of so many floods a heartbeat names the source."""
USUAL: Final = Limits(50, 500)
BEAT_S: Final = 2.0
FIRST_RETRY_S: Final = 0.25
LONGEST_RETRY_S: Final = 5.0

UNCOUNTED: Final = SurroundingsError("what is too much cannot be counted, and waits at the broker")

log = logging.getLogger(__name__)


class Gateway:
    """Takes handfuls from a link into a store. One thread; see ``Link``."""

    def __init__(self, ingest: Ingest, link: Link, limits: Limits = USUAL) -> None:
        self.ingest, self.link, self.gate = ingest, link, Gate(limits)
        self._left: list[Delivery] = []
        self._soon = False
        self._flooding: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._newest_ms: int | None = None
        self._hindered: str | None = None
        self._retry_s, self._retry_at_s, self._beat_at_s = FIRST_RETRY_S, 0.0, 0.0

    def run(self, stopping: Callable[[], bool]) -> None:
        """Work until told to stop; the handful under way is finished first."""
        while not stopping():
            self.turn()
        self.link.close()
        log.info("stopped", extra={"data": dict(self._counts)})

    def turn(self) -> None:
        """Listen, take one handful, and give a heartbeat when it is due."""
        ready = (self.link.waiting or self._soon) and time.monotonic() >= self._retry_at_s
        self.link.turn(0.0 if ready else PACE_S if self._left else IDLE_S, QUEUED)
        if (self.link.waiting or self._left) and time.monotonic() >= self._retry_at_s:
            self._take()
        if time.monotonic() >= self._beat_at_s:
            self._beat()

    def _take(self) -> None:
        old = [d for d in self._left if d.generation == self.link.generation]
        new = list(islice(self.link.waiting, QUEUED - len(old)))
        queue = old + new
        try:
            claims = self.ingest.claims([d.message for d in queue])
            parted = self.gate.part(claims, HANDFUL)
            flooded = Counter(claims[place].source for place in parted.refused)
            done, counted = self._handle([queue[place].message for place in parted.taken], flooded)
        except SurroundingsError as error:
            self._hinder(error)
            return
        if counted:
            self._resume()
        else:
            self._hinder(UNCOUNTED)
        had = parted.refused if counted else ()
        self.gate.charge((o.source, o.word, o.rows) for ingested in done for o in ingested.outcomes)
        again = sorted({*parted.left, *parted.refused} - {*had})
        self._left, self._soon = [queue[place] for place in again], parted.soon
        for _ in new:
            self.link.waiting.popleft()
        receipts = {answer.topic: answer.payload for ingested in done for answer in ingested.answers}
        for topic, payload in receipts.items():
            self.link.publish(topic, payload)
        self.link.acknowledge(queue[place] for place in sorted(parted.taken + had))
        self._count(done, flooded if counted else NOTHING)

    def _handle(self, messages: Sequence[Message], flooded: Mapping[str, int]) -> tuple[list[Ingested], bool]:
        """Ingest a handful; if that fails in a way nobody foresaw, one by one, to find the culprit.

        Args:
            flooded: by source, what of the queue is only counted.

        Returns:
            What became of the messages, and whether the others are counted.

        Raises:
            SurroundingsError: this machine is at fault and no message (its database, its clock, a key that
                cannot be read); nothing of it may be acknowledged, and the same handful comes again.
        """
        if not messages and not flooded:
            return [], True
        try:
            return [self.ingest.ingest(messages, flooded)], True
        except SurroundingsError:
            raise
        except (OSError, MemoryError) as error:
            raise SurroundingsError(f"this machine failed the gateway: {error}") from error
        except Exception as error:
            if len(messages) == 1 and not flooded:
                log.exception("a message could not be handled", extra={"data": {"topic": messages[0].topic}})
                return [self._set_aside(messages[0], error)], True
            log.exception("a handful could not be handled: taking it one by one")
        done = [ingested for message in messages for ingested in self._handle([message], NOTHING)[0]]
        return done, self._tally(flooded)

    def _tally(self, flooded: Mapping[str, int]) -> bool:
        """Count what nobody looks at; False if that fails in a way nobody foresaw.

        Then it stays with the broker, and comes again: the messages that were looked at are committed,
        and are answered all the same. Ending the process would save nothing, and cost them their receipts.
        """
        try:
            if flooded:
                self.ingest.ingest((), flooded)
        except SurroundingsError:
            raise
        except (OSError, MemoryError) as error:
            raise SurroundingsError(f"this machine failed the gateway: {error}") from error
        except Exception:
            log.exception("what is too much could not be counted")
            return False
        return True

    def _set_aside(self, message: Message, error: Exception) -> Ingested:
        try:
            return self.ingest.set_aside(message, error)
        except Exception as worse:
            # The message cannot be at fault: what is kept of it fits every database.
            raise StoreUnavailableError(f"the database refuses even a note of a message: {worse}") from worse

    def _count(self, done: Sequence[Ingested], flooded: Mapping[str, int]) -> None:
        self._counts["handfuls"] += bool(done)
        self._flooding.update(flooded)
        for word in ("received", FLOODED):
            self._counts[word] += sum(flooded.values())
        for ingested in done:
            self._counts["received"] += len(ingested.outcomes)
            self._counts.update(outcome.word for outcome in ingested.outcomes)
            if ingested.newest_ms is not None:
                self._newest_ms = max(self._newest_ms or 0, ingested.newest_ms)

    def _beat(self) -> None:
        self._beat_at_s = time.monotonic() + BEAT_S
        try:
            beat(self.ingest.store, PROGRAM, self._detail())
            self._flooding.clear()
            if not self.link.waiting:
                self._resume()
        except SurroundingsError as error:
            self._hinder(error)
        except Exception:
            log.exception("no heartbeat could be written")

    def _detail(self) -> dict[str, Any]:
        counts = {name: self._counts[name] for name in ("received", *WORDS, "handfuls")}
        error = self._hindered or (None if self.link.subscribed else BrokerUnavailableError.code)
        return {
            **counts,
            "connected": self.link.subscribed,
            "error": error,
            "flooding": dict(self._flooding.most_common(NAMED)),
            "newest_frame_ms": self._newest_ms,
            "waiting": len(self.link.waiting) + len(self._left),
        }

    def _hinder(self, error: SurroundingsError) -> None:
        """Take nothing for a while, and say so once."""
        self._retry_at_s = time.monotonic() + self._retry_s
        self._retry_s = min(2 * self._retry_s, LONGEST_RETRY_S)
        if self._hindered is None:
            log.error(str(error), extra={"data": {"code": error.code, "remedy": error.remedy()}})
        self._hindered = error.code

    def _resume(self) -> None:
        if self._hindered is not None:
            log.warning("nothing hinders any more", extra={"data": {"code": self._hindered}})
        self._hindered, self._retry_s, self._retry_at_s = None, FIRST_RETRY_S, 0.0
