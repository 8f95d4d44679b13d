"""``python -m bench.soak``: the suite's own tests, again and again, until time is up or one fails.

Each round kills the gateway in the middle of its work as its test does, twenty times, asks both
verifiers about every bundle of the corpus instead of a sample and about those of the tests of
attacks, and then runs every property test with many more examples than in the suite. Every round
has a new seed, which is printed: ``--seed`` runs a round again.
"""

from __future__ import annotations

import argparse
import secrets
import subprocess
import sys
import time

from hypothesis import HealthCheck, settings

EXAMPLES = 2_000
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "bench.soak", "-x")

# pytest imports this module as a plugin, before it looks for the profile by its name.
settings.register_profile(
    "soak", deadline=None, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow]
)


def main() -> int:
    """Run rounds. Returns the exit code: that of the first test run that failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no round after this (60)")
    parser.add_argument("--seed", type=int, help="one round with this seed")
    chosen = parser.parse_args()
    until = time.monotonic() + chosen.minutes * 60
    number = 0
    while number == 0 or (time.monotonic() < until and chosen.seed is None):
        number += 1
        seed = secrets.randbits(32) if chosen.seed is None else chosen.seed
        print(f"round {number}, seed {seed}", flush=True)
        properties = ("-m", "hypothesis", "--hypothesis-profile=soak", f"--hypothesis-seed={seed}")
        whole = (*PYTEST, "tests/verifier/test_agreement.py")
        theirs = (*PYTEST, "-p", "tests.verifier.harvest", "tests/attacks", "tests/unit/verification")
        for command in ((*PYTEST, "tests/faults"), whole, theirs, (*PYTEST, *properties)):
            code = subprocess.run(command, check=False).returncode
            if code:
                print(f"failed in round {number}: seed {seed}", flush=True)
                return code
    print(f"{number} rounds, nothing failed", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
