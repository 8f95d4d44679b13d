"""One child process of the supervisor: started, listened to, started again, ended."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from traceability.running.logfile import LogFile

CHUNK_BYTES: Final = 64 * 1024
"""Read at once; a longer line is logged in pieces."""

FIRST_DELAY_S: Final = 0.5
LONGEST_DELAY_S: Final = 15.0
SETTLED_S: Final = 30.0
"""A child that lived this long begins again with the first delay."""

_LIFELINE: Final = Path(__file__).with_name("lifeline.py")
_LOUD: Final = frozenset({"warning", "error", "critical", "fatal"})
_SPEAKS_OF_TROUBLE: Final = re.compile(
    r"\[(?:ERR|FTL|ERROR|CRITICAL)\]|\b(?:ERROR|CRITICAL|FATAL)\b|\berror:|^\w+(?:\.\w+)*(?:Error|Exception)\b"
)


@dataclass(frozen=True, slots=True)
class Program:
    """What a child runs.

    Attributes:
        ends: exit code 0 means that its work is done.
        ready: a line of its output that has this text says that it is at work.
        after: the name of the program that must be at work before this one is started.
        stuck: with these words in its log it says that it does nothing more until it is started again.
        believes: the authorities whose certificates it takes, instead of the machine's own.
    """

    name: str
    command: tuple[str, ...]
    ends: bool = False
    ready: str = ""
    after: str = ""
    stuck: str = ""
    believes: Path | None = None


class Child:
    """A program under supervision. Start it from the main thread only: its life hangs on that thread."""

    def __init__(self, program: Program, environ: Mapping[str, str], logs: Path) -> None:
        own = {} if program.believes is None else {"SSL_CERT_FILE": str(program.believes)}
        self.program, self.environ = program, {**environ, **own}
        self.log = logs / f"{program.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.done, self.ready = False, False
        self._failures, self._started, self._due, self._rest = 0, 0.0, 0.0, b""
        self._log = LogFile(self.log)

    @property
    def due(self) -> bool:
        """Whether it should be started now."""
        return self.process is None and not self.done and time.monotonic() >= self._due

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches the supervisor alone."""
        lifeline = [sys.executable, "-I", "-S", str(_LIFELINE), str(os.getpid())]
        self.process = subprocess.Popen(
            [*lifeline, *self.program.command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**self.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        self._started, self.ready = time.monotonic(), False
        if self.process.stdout is not None:
            os.set_blocking(self.process.stdout.fileno(), False)

    def listen(self) -> list[str]:
        """Log some of what it has written since; return the lines that a person should see."""
        return self._take(self._read())

    def settle(self) -> list[str]:
        """If it has ended, decide what is next; return what to tell a person."""
        if self.process is None or (code := self.process.poll()) is None:
            return []
        lived_s = time.monotonic() - self._started
        last = self._close()
        if code == 0 and self.program.ends:
            self.done = True
            return last
        self._failures = 1 if lived_s > SETTLED_S else self._failures + 1
        delay_s = min(FIRST_DELAY_S * 2 ** (self._failures - 1), LONGEST_DELAY_S)
        self._due = time.monotonic() + delay_s
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return [*last, f"{how}; starting it again in {delay_s:g} s (log: {self.log})"]

    def end(self) -> None:
        """Ask it to end."""
        if self.process is not None and self.runs():
            self.process.terminate()

    def kill(self) -> None:
        """End it and whatever it started."""
        if self.process is not None:
            with suppress(ProcessLookupError):  # the last of them ended just now
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self._close()

    def runs(self) -> bool:
        """Whether its process is alive."""
        return self.process is not None and self.process.poll() is None

    def has_ended(self) -> bool:
        """Whether no process of it is left."""
        if self.process is not None and self.process.poll() is not None:
            self._close()
        return self.process is None

    def close(self) -> None:
        """Close its log."""
        self._log.close()

    def _read(self) -> bytes:
        """At most one chunk of its output; nothing if there is none now, or none any more."""
        if self.process is None or self.process.stdout is None:
            return b""
        try:
            return os.read(self.process.stdout.fileno(), CHUNK_BYTES)
        except BlockingIOError:
            return b""

    def _take(self, data: bytes, *, last: bool = False) -> list[str]:
        """Log whole lines, and what is too long or the last to become one."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._rest and (last or len(self._rest) >= CHUNK_BYTES):
            lines.append(self._rest)
            self._rest = b""
        texts = [line.decode("utf-8", "replace").rstrip() for line in lines]
        for text in texts:
            self._log.write(text)
            self.ready = self.ready or self.program.ready in text
        if self.program.stuck and any(self.program.stuck in text for text in texts):
            self.end()
        said = [self._log.news() if texts else None, *map(worth_showing, texts)]
        return [each for each in said if each is not None]

    def _close(self) -> list[str]:
        """Take the last lines of a process that has ended, and forget it."""
        shown = []
        while data := self._read():
            shown += self._take(data)
        shown += self._take(b"", last=True)
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None
        return shown


def worth_showing(line: str) -> str | None:
    """What of a log line a person at the terminal needs: its message, if it speaks of trouble."""
    if line.startswith("{"):
        try:
            entry = json.loads(line)
        except ValueError:
            return line
        loud = str(entry.get("level", "")).lower() in _LOUD
        remedy = f" ({entry['remedy']})" if "remedy" in entry else ""
        return f"{entry.get('message', line)}{remedy}" if loud else None
    return line if _SPEAKS_OF_TROUBLE.search(line) else None
