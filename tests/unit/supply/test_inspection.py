"""Papers of inspections: one form, nothing missing, nothing else in them."""

from __future__ import annotations

from typing import Any

import pytest

from traceability.errors import EncodingError, MalformedError, StatementError
from traceability.signing.strictjson import json_decode, json_encode
from traceability.supply.inspection import Conformity, Kind, Outcome, Paper, parse_paper, problems

LOT = "https://id.gs1.org/01/09520000000011/10/A"
REPORT = {
    "inspector": "Wang Fang",
    "day": "2026-05-04",
    "reason": "A complaint",
    "findings": "Cold room 2 was at 9 °C.\nThe door did not close.",
    "verdict": Outcome.UNSATISFACTORY.value,
}
SAMPLE = {
    "inspection": "I-20260504-7Q2MXA",
    "mark": "S1",
    "what": "Strawberries, one tray",
    "quantity": "0.5",
    "unit": "KGM",
    "takenAt": "2026-05-04T08:30:00Z",
    "seal": "A-1182",
}
RESULT = {
    "sample": "S-20260504-7Q2MXB",
    "sampleDocument": "ab" * 32,
    "analyte": "Salmonella spp.",
    "method": "ISO 6579-1:2017",
    "value": "not detected in 25 g",
    "unit": "per 25 g",
    "limit": "not detected",
    "verdict": Conformity.CONFORMS.value,
    "accreditation": "CNAS L0001",
    "day": "2026-05-06",
}
SAID = {Kind.REPORT: REPORT, Kind.SAMPLE: SAMPLE, Kind.RESULT: RESULT}


def paper(kind: Kind, **changes: Any) -> Paper:
    return Paper(kind, "X-20260504-7Q2MXA", LOT, {**SAID[kind], **changes})


@pytest.mark.parametrize("kind", Kind)
def test_a_paper_is_read_back_and_has_one_form(kind: Kind):
    made = Paper(kind, "X-1", LOT, SAID[kind], corrects="cd" * 32)
    assert parse_paper(made.encode()) == made
    with pytest.raises(StatementError, match="another form"):
        parse_paper(b" " + made.encode())


@pytest.mark.parametrize("kind", Kind)
def test_each_member_is_needed_but_seal_and_limit(kind: Kind):
    for name in SAID[kind]:
        says = {key: value for key, value in SAID[kind].items() if key != name}
        assert bool(problems(kind, says)) == (name not in {"seal", "limit"}), name


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (Kind.REPORT, {"day": "4 May"}),
        (Kind.REPORT, {"verdict": "fine"}),
        (Kind.REPORT, {"findings": "x\x00"}),
        (Kind.REPORT, {"findings": " x"}),
        (Kind.REPORT, {"findings": "x" * 4001}),
        (Kind.REPORT, {"other": "x"}),
        (Kind.SAMPLE, {"quantity": "-1"}),
        (Kind.SAMPLE, {"quantity": "1e3"}),
        (Kind.SAMPLE, {"takenAt": "2026-05-04 08:30"}),
        (Kind.SAMPLE, {"mark": "\u202e"}),
        (Kind.RESULT, {"sampleDocument": "AB" * 32}),
        (Kind.RESULT, {"value": ""}),
    ],
)
def test_what_is_of_another_form_cannot_be_signed(kind: Kind, changes: dict[str, str]):
    with pytest.raises(StatementError, match=next(iter(changes))):
        paper(kind, **changes)


@pytest.mark.parametrize(
    "told",
    [
        b"[]",
        b"{}",
        b'{"kind":"report"}',
        json_encode({**REPORT, "kind": "report", "number": "", "about": LOT}),
        json_encode({**REPORT, "kind": "letter", "number": "I", "about": LOT}),
        json_encode({**REPORT, "kind": "report", "number": 1, "about": LOT}),
    ],
)
def test_other_json_is_no_paper(told: bytes):
    with pytest.raises(MalformedError):
        parse_paper(told)


def test_no_json_is_no_paper():
    with pytest.raises(EncodingError):
        parse_paper(b"%PDF")
    assert json_decode(paper(Kind.REPORT).encode())
