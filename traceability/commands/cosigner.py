"""Asking witnesses while the publisher works: one thread each, so that none waits for another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from traceability.errors import TraceabilityError
from traceability.operations.cosign import Cosigned, asked, cosign
from traceability.operations.node import Node
from traceability.store.engine import Store
from traceability.verification.quorum import Witness

AGAIN_S: Final = 60.0
"""The same checkpoint is cosigned again this often: a newer time says that nothing newer is withheld."""

Log = Callable[..., None]
"""From level, message and further members to a line of the log."""


class Cosigner(threading.Thread):
    """Asks one witness whenever there is something new, and every minute; says what changes."""

    def __init__(self, store: Store, witness: Witness, log: Log) -> None:
        super().__init__(name=f"cosigner {witness.name}", daemon=True)
        self._store, self._witness, self._log = store, witness, log
        self._news = threading.Event()
        self._ended = False
        self.hindered: str | None = None

    def wake(self) -> None:
        """There is a new checkpoint."""
        self._news.set()

    def end(self) -> None:
        """Ask no more; a question that is under way is not waited for."""
        self._ended = True
        self._news.set()

    def run(self) -> None:
        """Until it is ended."""
        while not self._ended:
            self.turn()
            self._news.wait(AGAIN_S)
            self._news.clear()

    def turn(self) -> Cosigned | None:
        """Ask once."""
        before, done = self.hindered, None
        try:
            done = cosign(self._store, self._witness)
            self.hindered = None
        except TraceabilityError as error:
            self.hindered = error.code
            if error.code != before:
                self._say("error", f"not cosigned: {error}", code=error.code, remedy=error.remedy())
        if before is not None and self.hindered is None:
            self._say("warning", "cosigning goes on")
        return done

    def _say(self, level: str, message: str, **more: Any) -> None:
        self._log(level, message, witness=self._witness.name, **more)


def cosigners(store: Store, node: Node, log: Log) -> tuple[Cosigner, ...]:
    """One for each witness of the node's own policy that has an address."""
    return tuple(Cosigner(store, witness, log) for witness in asked(node))
