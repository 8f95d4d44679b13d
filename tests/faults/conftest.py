"""What fault tests share: how many rounds, which dice, and where their figures go.

    @pytest.mark.fault("kill_gateway", short=8, long=500)
    def test_...(rounds: int, dice: random.Random, outcome: Outcome):
        outcome.held(Came("kill -9 of the gateway", rounds, sent=..., lost=..., doubled=..., forks=...))

    @pytest.mark.fault("kill_gateway")
    def test_...(outcome: Outcome):
        outcome.control(Came("acknowledged before the commit", 1, sent=..., lost=...))

In the suite ``rounds`` is ``short``; in ``make soak`` it is ``long``, and the two figures of a fault
become its row in docs/faults.json once all its tests have passed.
"""

from __future__ import annotations

import os
import random
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import faults
from bench.faults import Row
from tests.support.outcome import Outcome, Told
from tests.support.sensor import World, make_world

SOAK = "soak_faults"
"""The option of ``bench.soak``: present only where that is loaded as a plugin."""
TOLD = pytest.StashKey[dict[str, Told]]()
SEED = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    chosen = config.getoption("soak_seed", None)
    config.stash[TOLD] = {}
    config.stash[SEED] = (2 if os.environ.get("CI") else secrets.randbits(32)) if chosen is None else chosen


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A node on SQLite."""
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    yield made
    made.store.close()


@pytest.fixture
def seed(pytestconfig: pytest.Config) -> int:
    """Printed, so that it stands in the report of a test that fails; with CI set always the same."""
    chosen = pytestconfig.stash[SEED]
    print(f"seed {chosen}")
    return chosen


@pytest.fixture
def dice(seed: int) -> random.Random:
    """Chance that comes out the same for a seed."""
    return random.Random(seed)


def _marker(request: pytest.FixtureRequest) -> pytest.Mark:
    marker: pytest.Mark | None = request.node.get_closest_marker("fault")
    assert marker is not None, "a fault test is marked with its fault's name"
    return marker


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    """How many: the marker's ``short``, or in ``make soak`` its ``long``."""
    marker, config = _marker(request), request.config
    if not config.getoption(SOAK, False):
        return int(marker.kwargs["short"])
    return int(config.getoption("soak_rounds") or marker.kwargs["long"])


@pytest.fixture
def outcome(request: pytest.FixtureRequest) -> Iterator[Outcome]:
    """Where to say what came of the rounds."""
    told = request.config.stash[TOLD].setdefault(_marker(request).args[0], Told())
    began = time.monotonic()
    yield Outcome(told)
    told.took_s += time.monotonic() - began


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In ``make soak``, if all went well: the rows of the faults that were told of whole."""
    config = session.config
    if exitstatus or not config.getoption(SOAK, False):
        return
    rows: dict[str, Row] = {}
    for name, told in config.stash[TOLD].items():
        if told.came and told.control:
            around = faults.surroundings(config.stash[SEED], told.took_s)
            rows[name] = faults.row_of(told.came, told.control, around)
    faults.merge(rows)
