"""Both verifiers on the same cases: one Node process answers line by line, Python answers beside it."""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from tests.verifier.cases import Case
from traceability.errors import TraceabilityError
from traceability.verification.policy import parse_policy
from traceability.verification.verdict import check

SCRIPT = Path(__file__).with_name("answer.mjs")


def disagreements(cases: Iterable[Case]) -> tuple[int, list[str]]:
    """How many cases were asked, and by name those in which the verifiers differ, and in what."""
    asked, differing = 0, []
    with tempfile.TemporaryFile("w+") as questions:
        given = [(case.name, ask(case, questions)) for case in cases]
        questions.seek(0)
        for (name, here), there in zip(given, answers(questions), strict=True):
            asked += 1
            if here != comparable(there):
                differing.append(f"{name}: Python {here}, JavaScript {there}")
    return asked, differing


def ask(case: Case, questions: IO[str]) -> Any:
    """Write a case down for the other verifier; what this one says."""
    bundle = case.bundle()
    policy = None if case.policy is None else base64.b64encode(case.policy).decode()
    said = {"bundle": base64.b64encode(bundle).decode(), "policy": policy, "nowMs": case.now_ms}
    questions.write(json.dumps(said) + "\n")
    try:
        pinned = None if case.policy is None else parse_policy(case.policy)
        verdict = check(bundle, pinned, case.now_ms)
    except TraceabilityError as error:
        return {"refused": error.code}
    return comparable({"verdict": verdict.to_json(), "lines": verdict.lines()})


def answers(questions: IO[str]) -> Iterator[Any]:
    """What the verifier in JavaScript says, one answer a line."""
    with subprocess.Popen(["node", SCRIPT], stdin=questions, stdout=subprocess.PIPE, text=True) as node:
        assert node.stdout is not None
        yield from map(json.loads, node.stdout)


def comparable(answer: Any) -> Any:
    """What must be the same: everything if nothing failed, else the answers and the reason's code.

    How a failure is worded is each language's own.
    """
    verdict = answer.get("verdict")
    if verdict is None or verdict["failure"] is None:
        return answer
    return {
        "exit_code": verdict["exit_code"],
        "parts": {name: part["status"] for name, part in verdict["parts"].items()},
        "recall": verdict["recall"],
        "failure": verdict["failure"]["code"],
    }
