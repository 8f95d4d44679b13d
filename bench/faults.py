"""What the long rounds of every fault came to: ``docs/faults.json``, and its table in the documentation.

A fault is a name in a marker of ``tests/faults``; its row says what was done how often, what came of it,
and what comes of it with the safeguard taken out (the control). ``make soak`` writes the rows.
"""

from __future__ import annotations

import json
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from os import cpu_count
from pathlib import Path
from typing import Any, Final, TypeAlias

REPOSITORY: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = REPOSITORY / "docs" / "faults.json"
DOCUMENT: Final = REPOSITORY / "docs" / "security.md"
BEGIN, END = "<!-- faults: made by `make soak ARGS=--table` -->\n", "<!-- end of faults -->\n"
PRODUCT: Final = ("traceability", "gateway", "webapp")

HARMS: Final = ("lost", "doubled", "forks")

Row: TypeAlias = dict[str, Any]
Rows: TypeAlias = dict[str, Row]


@dataclass(frozen=True, slots=True)
class Came:
    """What came of some rounds.

    Attributes:
        what: what was done; of a control, what was taken out.
        rounds: how often.
        sent: statements, commits or messages that had to be kept, or whatever ``unit`` names.
        lost: of these, not there in the end.
        doubled: of these, there more than once.
        forks: places at which two histories were shown.
        unit: what ``sent`` counts.
        resident_mb: of the process, after each tenth of the rounds; empty if nobody looked.
    """

    what: str
    rounds: int
    sent: int
    lost: int = 0
    doubled: int = 0
    forks: int = 0
    unit: str = "frames"
    resident_mb: tuple[float, ...] = ()

    @property
    def harm(self) -> int:
        return self.lost + self.doubled + self.forks


def surroundings(seed: int, took_s: float) -> Row:
    """Where and when a row comes from; ``commit`` is the newest that changed the programs themselves."""
    return {
        "seed": seed,
        "commit": _git("rev-list", "-1", "--abbrev-commit", "HEAD", "--", *PRODUCT)
        + ("+" if _git("status", "--porcelain", "--", *PRODUCT) else ""),
        "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}",
        "took_s": round(took_s),
        "machine": f"{cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}",
    }


def row_of(came: Came, control: Came, around: Row) -> Row:
    """One fault's row of the result file."""
    return {**_told(came), "control": _told(control), **around}


def _told(came: Came) -> Row:
    return {name: value for name, value in asdict(came).items() if value != ()}


def read(path: Path = RESULTS) -> Rows:
    """The result file's rows by the fault's name; none if there is no file."""
    rows: Rows = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return rows


def merge(new: Rows, path: Path = RESULTS) -> None:
    """Put rows into the result file in the place of what it says of the same faults."""
    text = json.dumps(read(path) | new, indent=1, sort_keys=True, ensure_ascii=False)
    path.write_text(f"{text}\n", "utf-8")


def table(rows: Rows) -> str:
    """The rows in Markdown."""
    head = ("fault", "rounds", "sent", *HARMS, "control", "its harm", "seed, commit")
    lines = [head, ("---", *["--:"] * 5, "---", "---", "---"), *(_cells(rows[name]) for name in sorted(rows))]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def documented(text: str) -> str:
    """The table that stands in a document."""
    return text.partition(BEGIN)[2].partition(END)[0]


def document(path: Path = DOCUMENT, results: Path = RESULTS) -> None:
    """Write the table into a document, between its two marks."""
    text = path.read_text("utf-8")
    before, begin, rest = text.partition(BEGIN)
    path.write_text(before + begin + table(read(results)) + END + rest.partition(END)[2], "utf-8")


def _cells(row: Row) -> tuple[str, ...]:
    control = row["control"]
    harm = ", ".join(f"{control[word]:,} {word}" for word in HARMS if control[word])
    return (
        row["what"],
        f"{row['rounds']:,}",
        f"{row['sent']:,} {row['unit']}",
        *(f"{row[word]:,}" for word in HARMS),
        control["what"],
        f"{harm} of {control['sent']:,} in {control['rounds']:,}",
        f"{row['seed']}, {row['commit']} ({row['at'][:10]})",
    )


def _git(*words: str) -> str:
    command = ("git", "-C", str(REPOSITORY), *words)
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
