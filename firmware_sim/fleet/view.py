"""What is seen of a fleet while it is played: a table at a terminal, otherwise lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from firmware_sim.fleet.play import Now

LINE_S: Final = 5.0
TABLE_S: Final = 0.5
RECENT: Final = 11
"""Rates are those of so many tables: of five seconds."""
BEHIND_S: Final = 0.5
"""What is later than this counts as overload of this program."""


class View(Protocol):
    """Where people look."""

    every_s: float

    def show(self, now: Now) -> None: ...


class Lines:
    """A line every few seconds."""

    every_s = LINE_S

    def __init__(self, console: Console) -> None:
        self._console = console

    def show(self, now: Now) -> None:
        """One more line."""
        self._console.print(line(now), soft_wrap=True)


class Board:
    """A table that stays where it is."""

    every_s = TABLE_S

    def __init__(self, live: Live) -> None:
        self._live, self._seen = live, deque[Now](maxlen=RECENT)

    def show(self, now: Now) -> None:
        """The same table with new figures."""
        self._seen.append(now)
        self._live.update(board(now, self._seen[0]), refresh=True)


@contextmanager
def viewing(console: Console) -> Iterator[View]:
    """The view that fits where the output goes."""
    if not console.is_terminal:
        yield Lines(console)
        return
    with Live(console=console, auto_refresh=False) as live:
        yield Board(live)


def line(now: Now) -> str:
    """How a fleet is doing, for a log."""
    return (
        f"{now.seconds:.0f} s: {now.due:,} due, {now.sent:,} sent, {now.acknowledged:,} acknowledged, "
        f"{now.received:,} received, {now.waiting:,} waiting, {sum(now.refused.values()):,} refused, "
        f"{now.connected:,} of {now.devices:,} connected, {now.dropped:,} dropped, {behind(now)}"
    )


def behind(now: Now) -> str:
    """How late this program is."""
    late = f"behind by {now.behind_s:.1f} s"
    return f"{late}: OVERLOADED" if now.behind_s > BEHIND_S else late


def board(now: Now, before: Now) -> Group:
    """How a fleet is doing, for a terminal of 80 columns or more; rates are since ``before``."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("", min_width=12)
    table.add_column("count", justify="right", min_width=10)
    table.add_column("a second", justify="right", min_width=9)
    table.add_column("", style="dim")
    codes = ", ".join(f"{code} {count:,}" for code, count in sorted(now.refused.items()))
    refused, seconds = sum(now.refused.values()), now.seconds - before.seconds
    for name, count, since, tells in (
        ("due", now.due, before.due, f"of {now.frames:,} frames from {now.devices:,} devices"),
        ("sent", now.sent, before.sent, f"{now.resends:,} times again for want of a receipt"),
        ("acknowledged", now.acknowledged, before.acknowledged, "by the broker"),
        ("received", now.received, before.received, f"{_took(now)} after they were due"),
        ("waiting", now.waiting, None, "for a receipt"),
        ("refused", refused, None, codes or "by the node"),
        ("dropped", now.dropped, None, f"connections; {now.connected:,} of {now.devices:,} are up"),
    ):
        rate = "" if since is None or seconds <= 0 else f"{(count - since) / seconds:,.1f}"
        table.add_row(name, f"{count:,}", rate, tells)
    done = Table.grid(expand=True)
    done.add_row(ProgressBar(total=max(now.frames, 1), completed=now.received))
    at = f"{now.seconds:,.0f} s" if now.seconds else "connecting"
    late = f"{at}; {behind(now)} (at most {now.worst_behind_s:.1f} s)"
    return Group(table, done, Text(late, style="bold red" if now.behind_s > BEHIND_S else ""))


def _took(now: Now) -> str:
    return f"half in {now.p50_ms:,.0f} ms, 99 % in {now.p99_ms:,.0f} ms"


def closing(now: Now) -> list[str]:
    """What is said at the end, below the last figures."""
    said = [f"received: {_took(now)} after they were due"] if now.received else []
    if now.worst_behind_s > BEHIND_S:
        said.append(
            f"this program was behind its schedule by up to {now.worst_behind_s:.1f} s: "
            "rates and times are its own, not the node's"
        )
    for count, what in (
        (now.clones, "devices had a receipt for what they never said"),
        (now.forged, "receipts were not the node's"),
        (now.forgotten, "frames had a receipt, and the node did not have them later"),
        (now.waiting, "frames have no receipt"),
        (now.frames - now.due, "frames were not due yet"),
    ):
        if count:
            said.append(f"{count:,} {what}")
    if now.failed:
        said.append(f"{now.failed:,} attempts to connect failed, the last of them: {now.trouble}")
    return said
