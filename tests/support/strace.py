"""A process whose n-th system call of a kind fails, as strace does it to it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.gateway import DEADLINE_S, wait_until

INJECTED = "(INJECTED)"


class Injection:
    """An injection under way: whether it came to it is known behind the block of ``failing``."""

    def __init__(self) -> None:
        self.fired = False


@contextmanager
def failing(pid: int, call: str, error: str, number: int, trace: Path) -> Iterator[Injection]:
    """From now on until it ends, a process's n-th call fails with an error; in each of its threads anew.

    Args:
        call: name of a system call, such as ``fdatasync``.
        error: name of an errno, such as ``EIO``.
        trace: file for what strace writes.
    """
    program = shutil.which("strace")
    if program is None:
        pytest.skip("strace is not on this machine: apt-get install strace")
    rule = f"inject={call}:error={error}:when={number}"
    command = (program, "-qq", "-f", "-p", str(pid), "-e", f"trace={call}", "-e", rule, "-o", str(trace))
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    injection = Injection()
    try:
        wait_until(lambda: tracer.poll() is not None or _is_traced(pid), "strace attaches")
        if tracer.poll() is not None:
            assert tracer.stderr is not None
            pytest.skip(f"strace may not trace here: {tracer.stderr.read().decode().strip()}")
        yield injection
        tracer.wait(DEADLINE_S)
        injection.fired = INJECTED in trace.read_text("utf-8")
    finally:
        tracer.kill()
        tracer.communicate()


def _is_traced(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    return "TracerPid:\t0\n" not in status
