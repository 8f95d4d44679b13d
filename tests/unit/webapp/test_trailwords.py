"""Each thing that the audit trail says was done has its text, and no text is left over."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import traceability
from traceability.operations.accounts.signin import REFUSED, SIGNED_IN
from traceability.operations.corrective import REPORT, VERIFICATION
from traceability.operations.masterdata import Asset, Place, Product
from traceability.operations.visitors.reports import State as ReportState
from traceability.supply.inspection import Kind
from traceability.supply.recall import State
from webapp.accounts.trailwords import ACTIONS

NAMES: Mapping[str, tuple[str, ...]] = {"SIGNED_IN": (SIGNED_IN,), "REFUSED": (REFUSED,), "action": ()}
"""``action`` is what was handed on: see who calls."""
ITEMS = [item.WORD for item in (Product, Place, Asset)]
BUILT: Mapping[str, Sequence[str]] = {
    "recall-{}": list(State),
    "{}-begun": list(Kind),
    "{}-kept": ITEMS,
    "{}-forgotten": ITEMS,
    "report-{}": [ReportState.ANSWERED, ReportState.CLOSED],
    "corrective-{}": [REPORT, VERIFICATION],
}
"""What stands in the names that code puts together."""


def codes(node: ast.expr) -> Iterator[str]:
    """The codes that an expression can stand for."""
    if isinstance(node, ast.IfExp):
        yield from codes(node.body)
        yield from codes(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        parts = (str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        template = "".join(parts)
        yield from (template.format(value) for value in BUILT[template])
    elif isinstance(node, ast.Name):
        yield from NAMES[node.id]
    else:
        assert isinstance(node, ast.Constant), ast.unparse(node)
        yield str(node.value)


def used() -> set[str]:
    """Every code that an operation writes into the trail."""
    found: set[str] = set()
    for path in (Path(traceability.__file__).parent / "operations").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call) or not call.args:
                continue
            if getattr(call.func, "id", "") in {"note", "note_down"} and len(call.args) == 4:
                found |= set(codes(call.args[2]))
            elif getattr(call.func, "attr", "") == "note":
                found |= set(codes(call.args[1]))
    return found


def test_each_action_has_its_text_and_no_text_is_left_over():
    assert len(used()) > 80
    assert sorted(used() - ACTIONS.keys()) == []
    assert sorted(ACTIONS.keys() - used()) == []
