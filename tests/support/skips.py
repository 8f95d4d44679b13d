"""The closing report: every skip by reason, as the very last lines of a run.

With ``CI`` set a skip fails the run, because a part that is missing there means that
something went untested in silence. Only the conformance files may be absent: they are
kept beside the repository, not in it. And where nobody is root, no disk can be mounted to fail.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

import pytest

CONFORMANCE_ABSENT = "conformance files are absent"
NEEDS_ROOT = "needs root"
MAY_BE = (CONFORMANCE_ABSENT, NEEDS_ROOT)


def skip_reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """The reason a test gave, without pytest's prefix."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return str(report.longrepr)


def count_skips(reports: Sequence[pytest.TestReport | pytest.CollectReport]) -> Counter[str]:
    """How often each reason was given."""
    return Counter(skip_reason(report) for report in reports)


def closing_lines(skips: Counter[str], refused: Sequence[str]) -> list[str]:
    """The lines that end a run."""
    if not skips:
        return ["No test was skipped."]
    lines = [f"Skipped {count}: {reason}" for reason, count in sorted(skips.items())]
    lines.extend(f"CI is set, so this skip fails the run: {reason}" for reason in refused)
    return lines


def refused_reasons(skips: Counter[str]) -> list[str]:
    """Reasons that may not occur where ``CI`` is set."""
    if not os.environ.get("CI"):
        return []
    return sorted(reason for reason in skips if not reason.startswith(MAY_BE))
