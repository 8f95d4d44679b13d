"""Recalls in events: written and read alike, the newest counts, and the worst is what is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from traceability.errors import StatementError
from traceability.supply.epcis.context import read_context
from traceability.supply.epcis.events import CONTEXT
from traceability.supply.epcis.model import check_event
from traceability.supply.epcis.vocabulary import check_vocabulary
from traceability.supply.recall import (
    PER_EVENT,
    Answer,
    Outcome,
    Recall,
    State,
    answer_of,
    recall_events,
    recall_of,
)

LOT = "https://id.gs1.org/01/09520000000011/10/L{}"
PALLET = "https://id.gs1.org/00/095200000000000011"
TEXT = {"en": "Salmonella", "zh": "沙门氏菌"}
HELD = Recall("R-1", State.HOLD, 1, (LOT.format(1),), TEXT, TEXT, "+86 871 000")
ISSUED = replace(HELD, state=State.ISSUED)
SAFE = replace(HELD, state=State.CLOSED, outcome=Outcome.SAFE)
REMOVED = replace(HELD, state=State.CLOSED, outcome=Outcome.REMOVED)


@pytest.mark.parametrize("recall", [HELD, ISSUED, SAFE, REMOVED])
def test_a_recall_is_an_epcis_event_and_reads_as_it_was_written(recall: Recall):
    (event,) = recall_events(recall, [LOT.format(1), PALLET], 1_767_225_600_000)
    assert [*check_event(event, read_context(CONTEXT)), *check_vocabulary(event)] == []
    assert (event["quantityList"], event["epcList"]) == ([{"epcClass": LOT.format(1)}], [PALLET])
    assert recall_of(event) == recall


def test_many_things_are_said_in_several_events():
    things = [LOT.format(n) for n in range(PER_EVENT + 1)]
    first, second = recall_events(ISSUED, things, 0)
    assert (len(first["quantityList"]), second["quantityList"]) == (PER_EVENT, [{"epcClass": things[-1]}])
    assert "epcList" not in first


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ([], Answer.NONE),
        ([HELD], Answer.HELD),
        ([HELD, ISSUED], Answer.RECALLED),
        ([HELD, SAFE], Answer.CLEARED),
        ([ISSUED, REMOVED], Answer.RECALLED),
        ([ISSUED, SAFE], Answer.CLEARED),
        ([ISSUED, SAFE, ISSUED], Answer.RECALLED),
        ([replace(ISSUED, id="R-2"), SAFE, HELD], Answer.RECALLED),
        ([SAFE, replace(HELD, id="R-2")], Answer.HELD),
    ],
)
def test_the_newest_word_on_each_recall_counts_and_the_worst_of_all(said: list[Recall], answer: Answer):
    assert answer_of(said) is answer


@pytest.mark.parametrize(
    "said",
    [
        5,
        {},
        ISSUED.member() | {"state": "maybe"},
        ISSUED.member() | {"hazard": "x"},
        ISSUED.member() | {"recallClass": None},
        ISSUED.member() | {"state": "closed"},
        ISSUED.member() | {"origin": 5},
        ISSUED.member() | {"origin": "a lot"},
        ISSUED.member() | {"origin": [5]},
        ISSUED.member() | {"id": 5},
        ISSUED.member() | {"recallClass": True},
        ISSUED.member() | {"recallClass": "1"},
        ISSUED.member() | {"advice": {"en": 1, "zh": "x"}},
        ISSUED.member() | {"contact": 5},
    ],
)
def test_what_does_not_read_as_a_recall_is_refused(said: Any):
    with pytest.raises(StatementError, match="not a recall"):
        recall_of({"ft:recall": said})


def test_any_other_event_is_no_recall():
    assert recall_of({"type": "ObjectEvent"}) is None
