"""Published Merkle proofs, good and damaged: each file says which must be refused."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from traceability.errors import TraceabilityError
from traceability.ledger.merkle import verify_consistency, verify_inclusion

Case = dict[str, Any]


def check_inclusion(case: Case) -> None:
    proof = [b64decode(item) for item in case["proof"] or ()]
    leaf, root = b64decode(case["leafHash"]), b64decode(case["root"])
    verify_inclusion(case["leafIdx"], case["treeSize"], leaf, proof, root)


def check_consistency(case: Case) -> None:
    proof = [b64decode(item) for item in case["proof"] or ()]
    root1, root2 = b64decode(case["root1"]), b64decode(case["root2"])
    verify_consistency(case["size1"], case["size2"], root1, root2, proof)


def is_refused(check: Callable[[Case], None], case: Case) -> bool:
    try:
        check(case)
    except TraceabilityError:
        return True
    return False


@pytest.mark.parametrize(
    ("folder", "check", "good"),
    [("inclusion", check_inclusion, 6), ("consistency", check_consistency, 6)],
)
def test_published_proofs_are_accepted_or_refused_as_their_files_say(
    conformance: Path, folder: str, check: Callable[[Case], None], good: int
) -> None:
    files = sorted((conformance / "merkle" / folder).rglob("*.json"))
    cases = {str(file.relative_to(conformance)): json.loads(file.read_bytes()) for file in files}
    wanted = {name: case["wantErr"] for name, case in cases.items()}
    assert {name: is_refused(check, case) for name, case in cases.items()} == wanted
    assert len(cases) == 98
    assert list(wanted.values()).count(False) == good
