"""``python -m bench.soak``: every fault for long, then the suite's own tests, again and again.

First come all faults of ``tests/faults``, each so many times as its test says; what came of them goes
into docs/faults.json. Then, until time is up or one fails, each round asks both verifiers about every
bundle of the corpus instead of a sample and about those of the tests of attacks, and runs every property
test with many more examples than in the suite. Every round has a new seed, which is printed: ``--seed``
runs one again. ``--only`` runs one fault and nothing else; ``--table`` runs nothing, and writes the
table of docs/security.md from docs/faults.json.
"""

from __future__ import annotations

import argparse
import secrets
import subprocess
import sys
import time
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, settings

from bench import faults

EXAMPLES = 2_000
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "bench.soak", "-x")

# pytest imports this module as a plugin, before it looks for the profile by its name.
settings.register_profile(
    "soak", deadline=None, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow]
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """What ``tests/faults/conftest.py`` asks for; they are there only where this is a plugin."""
    group = parser.getgroup("soak")
    group.addoption("--soak-faults", action="store_true", help="for long, into the result file")
    group.addoption("--soak-only", metavar="FAULT", help="the tests of this fault alone")
    group.addoption("--soak-rounds", type=int, help="so many rounds of each fault")
    group.addoption("--soak-seed", type=int, help="what the dice of faults begin with")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests of one fault alone."""
    only = config.getoption("soak_only")
    if only is None:
        return
    markers = {item: item.get_closest_marker("fault") for item in items}
    kept = [item for item in items if (marker := markers[item]) and marker.args[0] == only]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def main() -> int:
    """Run the faults, then rounds. Returns the exit code: that of the first test run that failed."""
    chosen = _arguments()
    if chosen.table:
        faults.document()
        return 0
    seed = secrets.randbits(32) if chosen.seed is None else chosen.seed
    code = _faults(seed, chosen.only, chosen.rounds)
    return code if code or chosen.only else _rounds(chosen.minutes, chosen.seed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no round after this (60)")
    parser.add_argument("--seed", type=int, help="the faults and one round with this seed")
    parser.add_argument("--only", metavar="FAULT", help="this fault alone, such as kill_gateway")
    parser.add_argument("--rounds", type=int, help="so often instead of as often as the fault's test says")
    parser.add_argument("--table", action="store_true", help="write the table of docs/security.md")
    return parser.parse_args()


def _faults(seed: int, only: str | None, rounds: int | None) -> int:
    """All faults or one, from one seed; the exit code."""
    print(f"faults, seed {seed}", flush=True)
    chosen = [*(["--soak-only", only] if only else []), *([f"--soak-rounds={rounds}"] if rounds else [])]
    return _run((*PYTEST, "--soak-faults", f"--soak-seed={seed}", *chosen, "tests/faults"))


def _rounds(minutes: float, chosen: int | None) -> int:
    """Rounds of the verifiers and the properties until time is up; the exit code."""
    until = time.monotonic() + minutes * 60
    number = 0
    while number == 0 or (time.monotonic() < until and chosen is None):
        number += 1
        seed = secrets.randbits(32) if chosen is None else chosen
        print(f"round {number}, seed {seed}", flush=True)
        properties = ("-m", "hypothesis", "--hypothesis-profile=soak", f"--hypothesis-seed={seed}")
        whole = (*PYTEST, "tests/verifier/test_agreement.py")
        theirs = (*PYTEST, "-p", "tests.verifier.harvest", "tests/attacks", "tests/unit/verification")
        for command in (whole, theirs, (*PYTEST, *properties)):
            code = _run(command)
            if code:
                print(f"failed in round {number}: seed {seed}", flush=True)
                return code
    print(f"{number} rounds, nothing failed", flush=True)
    return 0


def _run(command: Sequence[str]) -> int:
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
