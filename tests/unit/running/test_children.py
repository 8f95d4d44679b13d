"""A child of the supervisor: its output, its log, its restarts, its end."""

from __future__ import annotations

import os
import select
import sys

import pytest

from traceability.running import children, logfile
from traceability.running.children import Child, Program, worth_showing


@pytest.fixture
def start(tmp_path):
    """Start a Python program as a child; all are ended with the test."""
    started = []

    def run(source, *, ends=False, ready=""):
        child = Child(Program("child", (sys.executable, "-c", source), ends, ready), os.environ, tmp_path)
        started.append(child)
        child.start()
        return child

    yield run
    for child in started:
        child.kill()
        child.close()


def heard(child):
    """All lines worth showing until the child has ended."""
    shown = []
    while child.runs():
        select.select([child.process.stdout], [], [], 5)
        shown += child.listen()
    return shown + child.listen()


def test_output_is_logged_whole_and_shown_where_it_speaks_of_trouble(start, tmp_path):
    child = start(
        "import sys; print('all is well'); print('ValueError: no', file=sys.stderr); print('rest', end='')"
    )
    assert [*heard(child), *child.settle()][0] == "ValueError: no"
    assert (tmp_path / "child.log").read_text().splitlines() == ["all is well", "ValueError: no", "rest"]


def test_a_child_is_at_work_when_it_says_so(start):
    child = start("input(); print('doors open')", ready="open")
    assert not child.ready
    child = start("print('on my way'); print('doors open')", ready="open")
    heard(child)
    assert child.ready
    child.settle()
    child.start()
    assert not child.ready, "what it said in an earlier life counts no longer"


def test_a_log_stays_within_its_bound(start, tmp_path, monkeypatch):
    monkeypatch.setattr(logfile, "LOG_BYTES", 10_000)
    heard(start("for i in range(2000): print('line', i)"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["child.log", "child.log.1"]
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) <= 20_000


def test_a_line_without_end_does_not_fill_the_memory(start, tmp_path, monkeypatch):
    monkeypatch.setattr(logfile, "LOG_BYTES", 300_000)
    heard(start("print('x' * 1_000_000, end='')"))
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) <= 600_000


def test_restarts_come_later_and_later_up_to_a_bound(start):
    child = start("import sys; sys.exit(3)")
    said = []
    for _ in range(8):
        heard(child)
        said += child.settle()
        assert child.process is None
        assert not child.due
        child.start()
    delays = [float(line.split(" in ")[1].split(" s ")[0]) for line in said]
    assert delays == [0.5, 1, 2, 4, 8, 15, 15, 15]
    assert said[0].startswith("ended with exit code 3; starting it again in 0.5 s (log: ")


def test_a_child_that_lived_long_begins_with_the_first_delay_again(start, monkeypatch):
    monkeypatch.setattr(children, "SETTLED_S", 0.0)
    child = start("raise SystemExit(3)")
    for _ in range(3):
        heard(child)
        assert "again in 0.5 s" in child.settle()[-1]
        child.start()


def test_a_child_is_due_when_its_delay_is_over(start, monkeypatch):
    monkeypatch.setattr(children, "FIRST_DELAY_S", 0.0)
    child = start("raise SystemExit(3)")
    assert not child.due
    heard(child)
    child.settle()
    assert child.due


def test_work_that_is_done_is_not_begun_again(start):
    child = start("pass", ends=True)
    heard(child)
    assert child.settle() == []
    assert not child.due


def test_work_that_failed_is_begun_again(start):
    child = start("raise SystemExit(1)", ends=True)
    heard(child)
    assert "starting it again" in child.settle()[-1]


def test_a_child_that_does_not_end_by_itself_is_killed_with_what_it_started(start):
    source = (
        "import signal, subprocess, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], stdout=2);"
        "print('error: pid', p.pid, flush=True); p.wait()"
    )
    child = start(source)
    lines: list[str] = []
    while not lines:
        select.select([child.process.stdout], [], [], 5)
        lines = child.listen()
    grandchild = os.pidfd_open(int(lines[0].split()[-1]))
    try:
        child.end()
        assert not child.has_ended()
        child.kill()
        assert child.has_ended()
        assert select.select([grandchild], [], [], 5)[0] == [grandchild]
    finally:
        os.close(grandchild)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('{"level": "info", "message": "connected"}', None),
        ('{"level": "ERROR", "message": "no broker"}', "no broker"),
        ('{"level": "error", "message": "no broker", "remedy": "Start it."}', "no broker (Start it.)"),
        ('{"level": "warning"}', '{"level": "warning"}'),
        ("{not json", "{not json"),
        ("[1] 2026/11/24 15:01:57 [INF] Server Exiting..", None),
        ("[1] 2026/11/24 15:01:57 [ERR] no space left", "[1] 2026/11/24 15:01:57 [ERR] no space left"),
        ("[2026-11-24] [1] [CRITICAL] WORKER TIMEOUT", "[2026-11-24] [1] [CRITICAL] WORKER TIMEOUT"),
        ("Traceback (most recent call last):", None),
        ("sqlalchemy.exc.IntegrityError: no", "sqlalchemy.exc.IntegrityError: no"),
        ("error: no node [bad-setting]", "error: no node [bad-setting]"),
        ("caught up: 2,010 frames in 8 s", None),
    ],
)
def test_a_person_sees_trouble_and_nothing_else(line, shown):
    assert worth_showing(line) == shown
