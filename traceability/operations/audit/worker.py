"""``python -m traceability.operations.audit.worker FD``: does parts of an audit for whoever began it.

Over the connection FD come, pickled, from a parent that is this very program: where the store is, the name
of a snapshot, whose keys are whose, and then one part after the other.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection

from traceability.errors import StoreUnavailableError
from traceability.operations.audit.report import Run
from traceability.operations.audit.tasks import Failed, perform
from traceability.operations.node import Node
from traceability.store.engine import Store, begin_snapshot


def main() -> None:
    """Work until the other end is closed; what nobody foresaw ends this process, and shows where."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with Connection(int(sys.argv[1])) as line, suppress(EOFError, BrokenPipeError):
        try:
            _serve(line)
        except StoreUnavailableError as error:
            line.send(Failed(str(error)))


def _serve(line: Connection) -> None:
    url, folder, name = line.recv()
    store = Store(url)
    try:
        line.send(None)
        with store.reading(line.recv()) as connection:
            begin_snapshot(connection)
            line.send(None)
            run = Run(connection, Node(folder, name), signers=line.recv())
            while True:
                line.send(perform(run, line.recv()))
    finally:
        store.close()


def _end_with_parent() -> None:
    """Wait for the end of standard input, which comes when the parent has ended, however it did."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


if __name__ == "__main__":
    main()
