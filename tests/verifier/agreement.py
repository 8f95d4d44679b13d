"""Both verifiers on the same cases: while one Node process answers a line, Python answers beside it."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from tests.support.node import node_command
from tests.verifier.cases import Case
from traceability.errors import TraceabilityError
from traceability.ledger.tracecode import parse_trace_code
from traceability.verification.policy import parse_policy
from traceability.verification.verdict import check

SCRIPT: Final = Path(__file__).with_name("answer.mjs")


def disagreements(cases: Iterable[Case]) -> tuple[int, list[str]]:
    """How many cases were asked, and by name those in which the verifiers differ, and in what."""
    asked, differing = 0, []
    with subprocess.Popen(
        [*node_command(), str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as node:
        assert node.stdin is not None
        assert node.stdout is not None
        for case in cases:
            asked, bundle = asked + 1, case.bundle()
            print(question(bundle, case), file=node.stdin, flush=True)
            here = answer(bundle, case)
            there = comparable(json.loads(node.stdout.readline()))
            if here != there:
                differing.append(f"{case.name}: Python {here}, JavaScript {there}")
        node.stdin.close()
    return asked, differing


def question(bundle: bytes, case: Case) -> str:
    policy = None if case.policy is None else base64.b64encode(case.policy).decode()
    asked = {"bundle": base64.b64encode(bundle).decode(), "policy": policy, "nowMs": case.now_ms}
    return json.dumps(asked | {"code": case.code})


def answer(bundle: bytes, case: Case) -> Any:
    """What Python says."""
    try:
        policy = None if case.policy is None else parse_policy(case.policy)
        code = None if case.code is None else parse_trace_code(case.code)
    except TraceabilityError as error:
        return {"refused": error.code}
    verdict = check(bundle, policy, case.now_ms, code)
    return comparable({"verdict": verdict.to_json(), "lines": verdict.lines()})


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
        "label": verdict.get("label"),
    }
