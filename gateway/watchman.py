"""Threads of the gateway beside the one that takes frames: the watchman and the postman.

The watchman looks for trouble and tells people of it, the postman tells holders of recalls: each by
itself, so that a slow address of somebody else's keeps no alarm waiting.
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.outage import Outage
from traceability.errors import StoreUnavailableError, TraceabilityError
from traceability.operations.alarmletters import ALARMS
from traceability.operations.alarms import RAISED, look
from traceability.operations.node import Node
from traceability.operations.outbox import Sender, deliver
from traceability.operations.overdue import Overdue
from traceability.operations.recalling.letters import NOTICES, notice_senders
from traceability.operations.senders import senders_of
from traceability.operations.visitors.telling import REPORTS
from traceability.operations.watching import Watch
from traceability.settings import GatewaySettings
from traceability.store.engine import Store

LOOK_S: Final = 10.0
ENDING_S: Final = 3.0
NOBODY: Final[Mapping[str, Sender]] = MappingProxyType({})

log = logging.getLogger(__name__)


class Beside(ABC):
    """A thread that takes a turn every ten seconds, whatever happens in one.

    Args:
        senders: by which ways it tells that the database is away.
    """

    name: str

    def __init__(self, senders: Mapping[str, Sender] = NOBODY) -> None:
        self._outage = Outage(senders)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._hindered = False

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what was not told yet is told after the next start."""
        self._stop.set()
        self._thread.join(ENDING_S)

    def turn(self) -> None:
        """Take one turn."""
        try:
            try:
                self._work()
            except StoreUnavailableError as error:
                if not self._hindered:
                    log.error(str(error), extra={"data": {"code": error.code, "remedy": error.remedy()}})
                self._hindered = True
                hindered = self._outage.away(error)
            else:
                self._hindered = False
                hindered = self._outage.back()
            for each in hindered:
                _complain("an alarm", each)
        except Exception:
            log.exception("the %s stumbled", self.name)

    @abstractmethod
    def _work(self) -> None:
        """What is done in a turn."""

    def _run(self) -> None:
        self.turn()
        while not self._stop.wait(LOOK_S):
            self.turn()


class Watchman(Beside):
    """Looks for trouble, and tells the node's own people of it, and of what shoppers report."""

    name = "watchman"

    def __init__(self, store: Store, senders: Mapping[str, Sender], watch: Watch) -> None:
        super().__init__(senders)
        self._store, self._senders, self._watch = store, senders, watch

    def _work(self) -> None:
        for change in look(self._store, self._watch, tuple(self._senders)):
            say = log.warning if change.event == RAISED else log.info
            say(f"alarm {change.event}: {change.alarm.kind}", extra={"data": change.alarm.to_json()})
        for error in deliver(self._store, ALARMS, self._senders):
            _complain("an alarm", error)
        for error in deliver(self._store, REPORTS, self._senders):
            _complain("a report of a shopper", error)


class Postman(Beside):
    """Tells holders of recalls."""

    name = "postman"

    def __init__(self, store: Store, senders: Mapping[str, Sender]) -> None:
        super().__init__()
        self._store, self._senders = store, senders

    def _work(self) -> None:
        for error in deliver(self._store, NOTICES, self._senders):
            _complain("a holder of recalled goods", error)


def _complain(what: str, error: TraceabilityError) -> None:
    data = {"code": error.code, "remedy": error.remedy()}
    log.error("%s could not be told: %s", what, error, extra={"data": data})


def watchman_of(store: Store, node: Node, settings: GatewaySettings) -> Watchman:
    """The watchman that the settings describe."""
    return Watchman(store, senders_of(node.name, settings), Watch(also=(Overdue(node),)))


def postman_of(store: Store, node: Node, settings: GatewaySettings) -> Postman:
    """The postman that the settings describe."""
    return Postman(store, notice_senders(node, settings))
