"""A whole node as a person starts it: ``traceability run``, its output line by line, its processes."""

from __future__ import annotations

import os
import queue
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.broker import HOST, free_port

DEADLINE_S = 60.0


class RunningNode:
    """One ``traceability run``."""

    def __init__(self, environ: Mapping[str, str], *options: str) -> None:
        self.data = Path(environ["FT_DATA"])
        self.said: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "traceability", "run", *options],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first line from here on that matches; fails at the deadline or the end of the output."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                line = self._lines.get(timeout=max(deadline - time.monotonic(), 0))
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"no line matched {pattern!r} in:\n" + "\n".join(self.said))
            if found := re.search(pattern, line):
                return found

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        return code

    def processes(self) -> dict[int, str]:
        """The command lines of all living processes that were started for this data folder."""
        marker = f"FT_DATA={self.data}\0".encode()
        found = {}
        for folder in Path("/proc").iterdir():
            try:
                if folder.name.isdecimal() and marker in (folder / "environ").read_bytes():
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue  # it ended while it was looked at, or is somebody else's
        return {pid: command for pid, command in found.items() if command}

    def pid_of(self, words: str) -> int:
        """The process whose command line holds these words."""
        (pid,) = [pid for pid, command in self.processes().items() if words in command]
        return pid

    def close(self) -> None:
        """Leave nothing behind, whatever a test did."""
        if self.process.poll() is None:
            self.end()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        if self.process.stdout is not None:
            self._reader.join(DEADLINE_S)
            self.process.stdout.close()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.said.append(line.rstrip("\n"))
            self._lines.put(self.said[-1])
        self._lines.put(None)


def node_environment(data: Path, **settings: str) -> dict[str, str]:
    """Settings for a node on free ports, and nothing else that begins with ``FT_``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FT_")}
    own = {"FT_DATA": str(data), "FT_PORT": str(free_port()), "FT_DEMO": "0"}
    return kept | own | {"FT_MQTT_URL": f"embedded://{HOST}:{free_port()}"} | settings


def cli(environ: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """One command, as a person gives it in another terminal."""
    command = [sys.executable, "-m", "traceability", *words]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


@contextmanager
def running_node(environ: Mapping[str, str], *options: str) -> Iterator[RunningNode]:
    """A node that ends with the block."""
    node = RunningNode(environ, *options)
    try:
        yield node
    finally:
        node.close()


@contextmanager
def watched(pids: Mapping[int, str]) -> Iterator[Mapping[int, str]]:
    """Handles on processes that are not our children, taken before they end: see ``wait_until_gone``."""
    with ExitStack() as stack:
        handles = {}
        for pid, command in pids.items():
            handle = os.pidfd_open(pid)
            stack.callback(os.close, handle)
            handles[handle] = command
        yield handles


def wait_until_gone(handles: Mapping[int, str], within_s: float) -> None:
    """Fail if one of the watched processes still lives after that time."""
    left, deadline = dict(handles), time.monotonic() + within_s
    while left:
        ended, _, _ = select.select(list(left), [], [], max(deadline - time.monotonic(), 0))
        if not ended:
            raise AssertionError(f"still running after {within_s} s: {sorted(left.values())}")
        for handle in ended:
            del left[handle]
