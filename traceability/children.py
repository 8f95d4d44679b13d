"""One child process of the supervisor: started, listened to, started again, ended."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

LOG_BYTES: Final = 5 * 1024**2
"""Size of a log; when it is reached the log becomes ``NAME.log.1`` and a new one begins."""

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
    """What a child runs; ``ends`` says that exit code 0 means its work is done."""

    name: str
    command: tuple[str, ...]
    ends: bool = False


class Child:
    """A program under supervision. Start it from the main thread only: its life hangs on that thread."""

    def __init__(self, program: Program, environ: Mapping[str, str], logs: Path) -> None:
        self.program, self._environ = program, environ
        self.log = logs / f"{program.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.done = False
        self._failures, self._started, self._due, self._rest = 0, 0.0, 0.0, b""
        self._log = RotatingFileHandler(self.log, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8")

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
            env={**self._environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        self._started = time.monotonic()
        if self.process.stdout is not None:
            os.set_blocking(self.process.stdout.fileno(), False)

    def listen(self) -> list[str]:
        """Log what it has written since; return the lines that a person should see."""
        if self.process is None or self.process.stdout is None:
            return []
        data = self._rest + (self.process.stdout.read() or b"")
        *lines, self._rest = data.split(b"\n")
        if len(self._rest) > LOG_BYTES:
            lines, self._rest = [self._rest], b""
        shown = []
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip()
            self._log.handle(logging.makeLogRecord({"msg": text}))
            if (said := worth_showing(text)) is not None:
                shown.append(said)
        return shown

    def settle(self) -> str | None:
        """If it has ended, decide what is next; return what to tell a person."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        lived_s = time.monotonic() - self._started
        self._close()
        if code == 0 and self.program.ends:
            self.done = True
            return None
        self._failures = 1 if lived_s > SETTLED_S else self._failures + 1
        delay_s = min(FIRST_DELAY_S * 2 ** (self._failures - 1), LONGEST_DELAY_S)
        self._due = time.monotonic() + delay_s
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"{how}; starting it again in {delay_s:g} s (log: {self.log})"

    def end(self) -> None:
        """Ask it to end."""
        if self.process is not None and self.runs():
            self.process.terminate()

    def kill(self) -> None:
        """End it and whatever it started."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return self._close()  # the last of them ended just now
            self.process.wait()
            self._close()
        return None

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

    def _close(self) -> None:
        if self.process is not None:
            self.listen()
            self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()
        self.process, self._rest = None, b""


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
