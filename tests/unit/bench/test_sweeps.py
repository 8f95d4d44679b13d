"""Of a test that goes through everything the suite takes a part, by a seed, and says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
TESTS = """
import pytest

@pytest.mark.sweep(part=2)
@pytest.mark.parametrize("n", range(50))
def test_everything(n): pass

@pytest.mark.sweep(part=1, of="two tests")
def test_here(): pass

@pytest.mark.sweep(part=1, of="two tests")
def test_there(): pass

def test_one_thing(): pass
"""


@pytest.fixture
def suite(tmp_path: Path):
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = sweep(part): everything\n")

    def run(*options: str, seed: str = "1") -> list[str]:
        command = [sys.executable, "-m", "pytest", "-p", "tests.support.sweeps", "-p", "no:cacheprovider"]
        environ = os.environ | {"PYTHONPATH": str(REPOSITORY), "SWEEP_SEED": seed}
        environ.pop("PYTEST_ADDOPTS", None)
        done = subprocess.run(
            [*command, "-v", *options], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()

    return run


def passed(lines: list[str]) -> set[str]:
    return {word for line in lines if "PASSED" in line for word in line.split() if "::" in word}


def test_a_part_is_drawn_by_the_seed_and_the_rest_is_counted(suite):
    lines = suite()
    names = passed(lines)
    assert len(names) == 4
    assert "test_it.py::test_one_thing" in names
    assert len(names & {"test_it.py::test_here", "test_it.py::test_there"}) == 1
    assert any("49 cases were left for `make sweep` (SWEEP_SEED=1)" in line for line in lines)
    assert passed(suite(seed="2")) != names


def test_processes_draw_alike_and_tell_the_one_that_prints(suite):
    lines = suite("-n", "2")
    assert passed(lines) == passed(suite())
    assert any("49 cases were left" in line for line in lines)


def test_the_whole_sweep_is_every_case_and_nothing_else(suite):
    lines = suite("--sweep")
    assert len(passed(lines)) == 52
    assert "test_it.py::test_one_thing" not in passed(lines)
    assert not any("were left" in line for line in lines)
