"""Some processes at a fraction of their speed: they stand still for the rest of every few milliseconds.

Chromium's own slowing down reaches a page and none of its workers. This reaches every thread, and its
clock goes on meanwhile, as on a slower machine with as many cores.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from select import select
from typing import Final

PERIOD_S: Final = 0.008


@contextmanager
def slowed(pids: Sequence[int], times: int) -> Iterator[None]:
    """Slow processes down from another process, so that waiting here makes it no less even."""
    if times == 1:
        yield
        return
    command = [sys.executable, "-m", "bench.slower", str(times), *map(str, pids)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as slowing:
        assert slowing.stdin is not None
        assert slowing.stdout is not None
        slowing.stdout.readline()
        try:
            yield
        finally:
            slowing.stdin.close()


def _slow(pids: list[int], times: int) -> None:
    """Until nothing more can come from standard input. What comes late is made up for in the next period."""
    print("slowing", flush=True)
    owed_s = 0.0
    while not select([sys.stdin], [], [], 0)[0]:
        owed_s += _during(PERIOD_S / times) * (times - 1)
        _send(pids, signal.SIGSTOP)
        owed_s -= _during(max(0.0, owed_s))
        _send(pids, signal.SIGCONT)


def _during(wanted_s: float) -> float:
    """Wait; how long that took."""
    began = time.perf_counter()
    time.sleep(wanted_s)
    return time.perf_counter() - began


def _send(pids: list[int], sent: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, sent)


if __name__ == "__main__":
    _slow([int(pid) for pid in sys.argv[2:]], int(sys.argv[1]))
