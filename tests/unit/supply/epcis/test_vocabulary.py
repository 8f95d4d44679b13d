"""The project's own words: what the rules read is well formed, whatever else stands beside it."""

from __future__ import annotations

from typing import Any

import pytest

from traceability.supply.epcis.vocabulary import check_vocabulary

NAMES = {"en": "Strawberries", "zh": "草莓"}
LIMITS = {"lowMilliCelsius": 0, "highMilliCelsius": 5000, "maxGapSeconds": 1800}
RECALL = {
    "id": "R-1",
    "state": "issued",
    "recallClass": 1,
    "origin": ["https://id.gs1.org/01/09520000000011/10/L1"],
    "hazard": NAMES,
    "advice": NAMES,
}


def test_own_words_beside_others_are_taken():
    event = {
        "ft:region": NAMES,
        "ft:regionCentre": "geo:25.6,100.2",
        "ft:asset": NAMES,
        "ft:recall": RECALL,
        "ft:anything": [1],
        "ilmd": {"ft:product": NAMES, "ft:temperature": LIMITS, "cbvmda:lotNumber": "1", "ft:parents": ["x"]},
    }
    assert check_vocabulary(event) == []
    assert check_vocabulary({"type": "ObjectEvent"}) == []
    assert check_vocabulary({"ft:recall": RECALL | {"state": "closed", "outcome": "safe"}}) == []


@pytest.mark.parametrize(
    ("event", "pointer"),
    [
        ({"ft:region": {"en": "x"}}, "/ft:region/zh"),
        ({"ft:region": "x"}, "/ft:region"),
        ({"ft:regionCentre": "geo:25.61,100.2"}, "/ft:regionCentre"),
        ({"ft:regionCentre": "25.6,100.2"}, "/ft:regionCentre"),
        ({"ft:regionCentre": 25}, "/ft:regionCentre"),
        ({"ilmd": {"ft:product": {"en": "x" * 201, "zh": "x"}}}, "/ilmd/ft:product/en"),
        (
            {"ilmd": {"ft:temperature": LIMITS | {"lowMilliCelsius": 5000}}},
            "/ilmd/ft:temperature/lowMilliCelsius",
        ),
        (
            {"ilmd": {"ft:temperature": LIMITS | {"highMilliCelsius": "5"}}},
            "/ilmd/ft:temperature/highMilliCelsius",
        ),
        ({"ilmd": {"ft:temperature": LIMITS | {"maxGapSeconds": 0}}}, "/ilmd/ft:temperature/maxGapSeconds"),
        ({"ilmd": {"ft:temperature": LIMITS | {"profile": "Fish"}}}, "/ilmd/ft:temperature/profile"),
        ({"ilmd": {"ft:parents": []}}, "/ilmd/ft:parents"),
        ({"ft:recall": RECALL | {"state": "maybe"}}, "/ft:recall/state"),
        ({"ft:recall": RECALL | {"recallClass": 4}}, "/ft:recall/recallClass"),
        ({"ft:recall": RECALL | {"id": "a b"}}, "/ft:recall/id"),
        ({"ft:recall": RECALL | {"more": 1}}, "/ft:recall/more"),
        ({"ft:recall": RECALL | {"state": "closed"}}, "/ft:recall/outcome"),
        ({"ft:recall": RECALL | {"outcome": "safe"}}, "/ft:recall/outcome"),
    ],
)
def test_what_is_malformed_is_named_by_its_pointer(event: dict[str, Any], pointer: str):
    assert pointer in [problem.pointer for problem in check_vocabulary(event)]


def test_what_is_missing_or_of_another_kind_is_said_as_what_is_expected():
    found = check_vocabulary({"ilmd": {"ft:temperature": {"lowMilliCelsius": "0", "highMilliCelsius": 1}}})
    expected = {problem.pointer.rpartition("/")[2]: problem.expected for problem in found}
    assert expected == {
        "lowMilliCelsius": "a whole number",
        "maxGapSeconds": "a value: this member is required",
    }
