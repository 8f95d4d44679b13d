"""A pytest plugin: whatever bundle a test checks, the verifier in JavaScript is asked about it too.

    python -m pytest -p tests.verifier.harvest tests/attacks tests/unit/verification

The tests of attacks build their bundles one by one, each around one safeguard; ``make soak`` asks
both verifiers about all of them.
"""

from __future__ import annotations

import os
from functools import partial

import pytest

from tests.verifier.agreement import disagreements
from tests.verifier.cases import Case
from traceability.verification import verdict
from traceability.verification.policy import Policy, format_policy
from traceability.verification.verdict import Verdict, check

Key = tuple[bytes, bytes | None, int | None]
gathered: dict[Key, Case] = {}


def gather(data: bytes, policy: Policy | None, now_ms: int | None = None) -> Verdict:
    """Check a bundle as ever, and keep it."""
    pinned = None if policy is None else format_policy(policy).encode("utf-8", "surrogateescape")
    name = os.environ.get("PYTEST_CURRENT_TEST", "before any test")
    gathered.setdefault((data, pinned, now_ms), Case(name, partial(bytes, data), pinned, now_ms))
    return check(data, policy, now_ms)


# Tests take `check` by its name when they are imported, which is after the plugins.
vars(verdict)["check"] = gather


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Ask about everything that was gathered, and fail where the answers differ."""
    asked, differing = disagreements(gathered.values())
    print(f"\n{asked - len(differing)} of {asked} bundles of the tests agree", *differing, sep="\n")
    if differing:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
