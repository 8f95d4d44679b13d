"""Processes that audit beside one another, each with a connection of its own to one snapshot.

Each is ``python -m traceability.operations.audit.worker``, in a session of its own, so that Ctrl-C reaches
this process alone. It ends when its standard input does, which this process holds and nobody writes to:
so it ends with this process, however that ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection as Line
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any, Final

from sqlalchemy import Connection

from traceability.errors import StoreUnavailableError, WorkerLostError
from traceability.operations.audit.report import Progress, Run
from traceability.operations.audit.tasks import Done, Failed, Shown, Task
from traceability.operations.node import Node
from traceability.store.engine import Store

PROGRAM: Final = "traceability.operations.audit.worker"
LONGEST: Final = "log"
"""The part that cannot be split, and is begun first."""
LEAVE_S: Final = 10.0
"""How long a process that has nothing left to do may take to end."""


def cores() -> int:
    """How many processes can work at the same time."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


class Workers:
    """Some processes, started at once; gone at the end of the block."""

    def __init__(self, store: Store, node: Node, number: int) -> None:
        self._store, self._node = store, node
        self._lines: list[Line] = []
        self.processes: list[subprocess.Popen[bytes]] = []
        for _ in range(number):
            self._start()

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for line in self._lines:
            line.close()
        for process in self.processes:
            if kind is not None:
                process.kill()
            if process.stdin is not None:
                process.stdin.close()
        for process in self.processes:
            try:
                process.wait(LEAVE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def share(self, connection: Connection) -> None:
        """Let all of them see what a connection sees that has read nothing yet.

        Raises:
            WorkerLostError, StoreUnavailableError: as ``perform``.
        """
        self._ask_all((self._store.url, self._node.folder, self._node.name))
        with self._store.sharing(connection) as snapshot:
            self._ask_all(snapshot)

    def _ask_all(self, message: object) -> None:
        for line in self._lines:
            self._ask(line, message)
        for line in self._lines:
            self._answer(line)

    def perform(self, run: Run, tasks: Sequence[Task], progress: Progress | None) -> list[Done]:
        """Do all parts, the log first: it is the longest. What came of each, in the order of the parts.

        Raises:
            WorkerLostError: a process ended before its work was done.
            StoreUnavailableError: the database did not answer one of them.
        """
        shown, done = Shown(tasks, progress), dict[int, Done]()
        waiting = iter(sorted(range(len(tasks)), key=lambda number: tasks[number].what != LONGEST))
        busy: dict[Line, int] = {}
        for line in self._lines:
            self._ask(line, run.signers)
            self._next(line, waiting, tasks, busy)
        while busy:
            ready = wait(list(busy))
            for line in [line for line in busy if line in ready]:
                number = busy.pop(line)
                done[number] = self._answer(line, tasks[number].what)
                shown.add(tasks[number])
                self._next(line, waiting, tasks, busy)
        return [done[number] for number in range(len(tasks))]

    def _start(self) -> None:
        ours, theirs = Pipe()
        command = [sys.executable, "-m", PROGRAM, str(theirs.fileno())]
        self.processes.append(
            subprocess.Popen(
                command, stdin=subprocess.PIPE, pass_fds=[theirs.fileno()], start_new_session=True
            )
        )
        theirs.close()
        self._lines.append(ours)

    def _next(self, line: Line, waiting: Iterator[int], tasks: Sequence[Task], busy: dict[Line, int]) -> None:
        """Give a process its next part, if there is one."""
        number = next(waiting, None)
        if number is not None:
            self._ask(line, tasks[number])
            busy[line] = number

    def _ask(self, line: Line, message: object) -> None:
        try:
            line.send(message)
        except OSError:
            raise self._lost(line, "the audit") from None

    def _answer(self, line: Line, what: str = "the audit") -> Any:
        try:
            answer = line.recv()
        except (EOFError, OSError):
            raise self._lost(line, what) from None
        if isinstance(answer, Failed):
            raise StoreUnavailableError(answer.text)
        return answer

    def _lost(self, line: Line, what: str) -> WorkerLostError:
        process = self.processes[self._lines.index(line)]
        try:
            code = process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            return WorkerLostError(f"a process of the audit does not answer while it reads {what}")
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return WorkerLostError(f"a process of the audit {how} while it read {what}")
