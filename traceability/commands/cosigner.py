"""Asking witnesses while the publisher works: one thread each, so that none waits for another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from traceability.errors import TraceabilityError, WitnessError
from traceability.operations.cosign import Cosigned, asked, cosign
from traceability.operations.node import Node
from traceability.store.engine import Store
from traceability.verification.quorum import Witness

AGAIN_S: Final = 60.0
"""The same checkpoint is cosigned again this often: a newer time says that nothing newer is withheld."""

RETRY_S: Final = 5.0
PATIENCE_S: Final = 10.0
"""A witness that is away for less is not worth a word: it may only be starting."""

Log = Callable[..., None]
"""From level, message and further members to a line of the log."""


class Cosigner(threading.Thread):
    """Asks one witness whenever there is something new, and every minute; says what changes."""

    def __init__(
        self,
        store: Store,
        witness: Witness,
        log: Log,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name=f"cosigner {witness.name}", daemon=True)
        self._store, self._witness, self._log = store, witness, log
        self._patience_s, self._clock = patience_s, clock
        self._news = threading.Event()
        self._ended = False
        self._failing_since: float | None = None
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
            self._news.wait(AGAIN_S if self._failing_since is None else RETRY_S)
            self._news.clear()

    def turn(self) -> Cosigned | None:
        """Ask once."""
        try:
            done = self._ask()
        except TraceabilityError as error:
            self._fail(error)
            return None
        if self.hindered is not None:
            self._say("warning", "cosigning goes on")
        self.hindered = self._failing_since = None
        return done

    def _ask(self) -> Cosigned | None:
        try:
            return cosign(self._store, self._witness)
        except TraceabilityError:
            raise
        except Exception as error:
            # Nobody foresaw it; the thread lives on, as this witness may be needed for the quorum.
            raise TraceabilityError(f"{type(error).__name__}: {error}") from error

    def _fail(self, error: TraceabilityError) -> None:
        now = self._clock()
        if self._failing_since is None:
            self._failing_since = now
        waits = isinstance(error, WitnessError) and now - self._failing_since < self._patience_s
        if not waits and error.code != self.hindered:
            self.hindered = error.code
            self._say("error", f"not cosigned: {error}", code=error.code, remedy=error.remedy())

    def _say(self, level: str, message: str, **more: Any) -> None:
        self._log(level, message, witness=self._witness.name, **more)


def cosigners(store: Store, node: Node, log: Log, patience_s: float = PATIENCE_S) -> tuple[Cosigner, ...]:
    """One for each witness of the node's own policy that has an address."""
    return tuple(Cosigner(store, witness, log, patience_s) for witness in asked(node))
