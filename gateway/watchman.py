"""The watchman: a thread of the gateway that looks for trouble, and tells people of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Final

from traceability.errors import StoreUnavailableError
from traceability.operations.alarms import RAISED, look
from traceability.operations.node import Node
from traceability.operations.outbox import Sender, deliver
from traceability.operations.overdue import Overdue
from traceability.operations.senders import senders_of, writers_of
from traceability.operations.visitors.telling import Writer, tell_reports
from traceability.operations.watching import Watch
from traceability.settings import GatewaySettings
from traceability.store.engine import Store

LOOK_S: Final = 10.0
ENDING_S: Final = 3.0

log = logging.getLogger(__name__)


class Watchman:
    """Looks every ten seconds, beside the thread that takes frames."""

    def __init__(
        self,
        store: Store,
        senders: Mapping[str, Sender],
        watch: Watch,
        writers: Mapping[str, Writer] | None = None,
    ) -> None:
        self._store, self._senders, self._watch = store, senders, watch
        self._writers = writers or {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchman", daemon=True)
        self._hindered = False

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what was not told yet is told after the next start."""
        self._stop.set()
        self._thread.join(ENDING_S)

    def turn(self) -> None:
        """Look once, and tell what is due."""
        try:
            for change in look(self._store, self._watch, tuple(self._senders)):
                say = log.warning if change.event == RAISED else log.info
                say(f"alarm {change.event}: {change.alarm.kind}", extra={"data": change.alarm.to_json()})
            for error in deliver(self._store, self._senders):
                data = {"code": error.code, "remedy": error.remedy()}
                log.error("an alarm could not be told: %s", error, extra={"data": data})
            for error in tell_reports(self._store, self._writers):
                data = {"code": error.code, "remedy": error.remedy()}
                log.error("a report could not be told: %s", error, extra={"data": data})
            self._hindered = False
        except StoreUnavailableError as error:
            if not self._hindered:
                log.error(str(error), extra={"data": {"code": error.code, "remedy": error.remedy()}})
            self._hindered = True
        except Exception:
            log.exception("the watchman stumbled")

    def _run(self) -> None:
        self.turn()
        while not self._stop.wait(LOOK_S):
            self.turn()


def watchman_of(store: Store, node: Node, settings: GatewaySettings) -> Watchman:
    """The watchman that the settings describe."""
    senders, writers = senders_of(node.name, settings), writers_of(node.name, settings)
    return Watchman(store, senders, Watch(also=(Overdue(node),)), writers)
