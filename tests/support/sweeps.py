"""Tests that go through everything: `make test` takes a seeded part of their cases, `make sweep` all.

    @pytest.mark.sweep(part=2)
    @pytest.mark.parametrize("visitor", VISITORS)
    def test_...(visitor): ...

Tests that say ``of="a whole node"`` are the cases of one sweep together. The part is drawn anew every
day, and with ``CI`` set it is always the same; ``SWEEP_SEED`` draws one again. What was left out is
said in the last lines of a run. With ``--sweep`` the tests marked so run whole, and no others. A case
that is named by its address runs in any way.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pytest

SEED: Final = "SWEEP_SEED"
LEFT: Final = pytest.StashKey[int]()
"""In the session's configuration: how many cases were left for `make sweep`."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--sweep``."""
    parser.addoption("--sweep", action="store_true", help="the tests marked `sweep`, whole, and no others")


def pytest_configure() -> None:
    """Say in the environment what is drawn by, so that every process of a run draws alike."""
    os.environ.setdefault(SEED, "ci" if os.environ.get("CI") else datetime.now(UTC).date().isoformat())


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep of each sweep its part, or the sweeps alone."""
    sweeps = _sweeps(items)
    cases = {case for of_one in sweeps for case in of_one}
    if config.getoption("sweep"):
        kept = cases
    else:
        kept = set(items) - cases | {case for of_one in sweeps for case in draw(of_one)}
        config.stash[LEFT] = len(items) - len(kept)
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = [item for item in items if item in kept]


def draw(cases: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Some of a sweep's cases, as many as its marker says, by the seed."""
    name, part = _sweep(cases[0])
    chance = random.Random(f"{os.environ[SEED]} {name}")
    return chance.sample(list(cases), min(part, len(cases)))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Under xdist: tell the process that prints."""
    told: dict[str, int] | None = getattr(session.config, "workeroutput", None)
    if told is not None:
        told[SEED] = session.config.stash.get(LEFT, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Under xdist: what a process left out, which all did alike."""
    node.config.stash[LEFT] = getattr(node, "workeroutput", {}).get(SEED, 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what the run did not look at."""
    if left := config.stash.get(LEFT, 0):
        said = f"Of sweeps {left} cases were left for `make sweep` ({SEED}={os.environ[SEED]})."
        terminalreporter.write_line(said)


def _sweeps(items: Sequence[pytest.Item]) -> list[list[pytest.Item]]:
    """The cases of each sweep."""
    found: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("sweep") is not None:
            found[_sweep(item)[0]].append(item)
    return list(found.values())


def _sweep(item: pytest.Item) -> tuple[str, int]:
    """The name of a case's sweep, and how many of its cases are a part."""
    marker = item.get_closest_marker("sweep")
    assert marker is not None
    return marker.kwargs.get("of") or item.nodeid.partition("[")[0], int(marker.kwargs["part"])
