"""A plan survives its JSON, and what is none is refused."""

from __future__ import annotations

import json

import pytest

from firmware_sim.plan import Plan
from tests.unit.firmware_sim.test_journey import planned
from traceability.errors import SettingsError, UnknownSubjectError


def test_plan_survives_json():
    journey = planned()
    assert Plan.from_json(journey.to_json()) == journey
    assert "草莓" in journey.to_json()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"seed": 1}'])
def test_text_that_is_no_plan_is_refused(text):
    with pytest.raises(SettingsError, match="not a journey's plan"):
        Plan.from_json(text)


def test_plan_with_an_unknown_member_is_refused():
    text = planned().to_json().replace('"lot": ', '"lots": ')
    with pytest.raises(SettingsError):
        Plan.from_json(text)


def test_plan_of_an_earlier_version_is_read():
    """Without recipes, hands and kinds of dates, as folders of last month hold it."""
    told = json.loads(planned().to_json())
    for entry in (*told["batches"], *told["steps"]):
        for name in ("dated", "inputs", "source", "destination"):
            entry.pop(name, None)
    read = Plan.from_json(json.dumps(told))
    assert {b.dated for b in read.batches} == {"harvestStartDate"}
    assert {s.inputs for s in read.steps} == {()}


def test_unknown_entry_is_named():
    with pytest.raises(UnknownSubjectError, match="truck-c"):
        planned().asset("truck-c")
