"""Whether a batch is recalled: only what could be checked is told, and a recall always."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.world import make_world
from traceability.operations.capture import capture
from traceability.operations.draft import Given
from traceability.supply.epcis.context import read_context
from traceability.supply.recall import Answer, Outcome, Recall, State, recall_events
from traceability.verification.standing import Standing, standing_of
from traceability.verification.verdict import check

WORDS = {"en": "Salmonella", "zh": "沙门氏菌"}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """The policy, and bundles of batches that are in each state."""
    folder = tmp_path_factory.mktemp("standing")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    farm = world.party("Farm")
    world.harvest(farm, *Answer, "both")
    safe = {"state": State.CLOSED, "outcome": Outcome.SAFE}
    for lot, members in (
        ("cleared", {"state": State.ISSUED}),
        ("cleared", safe),
        ("held", {"state": State.HOLD}),
        ("recalled", {"state": State.ISSUED}),
        ("both", {"state": State.ISSUED}),
        ("both", {"id": "R2", "state": State.HOLD}),
        ("both", {"id": "R2", **safe}),
    ):
        recall = replace(Recall("R1", State.HOLD, 1, (world.batch(lot),), WORDS, WORDS), **members)
        for event in recall_events(recall, [world.batch(lot)], world.now_ms):
            capture(world.store, world.node, farm, [Given(event, read_context(event["@context"]))])
        world.wait(ms=1)
    world.publish()
    yield world.node.policy, {lot: world.bundle(world.batch(lot)) for lot in (*Answer, "both")}
    world.store.close()


@pytest.mark.parametrize(
    ("lot", "word", "text"),
    [
        ("none", "none", "as of 2026"),
        ("cleared", "cleared", "by Farm: Salmonella; as of 2026"),
        ("held", "held", "by Farm: Salmonella; as of 2026"),
        ("recalled", "RECALLED", "by Farm: Salmonella; as of 2026"),
        ("both", "RECALLED", "by Farm: Salmonella; as of 2026"),
    ],
)
def test_the_verdict_has_a_line_for_recalls_that_changes_no_other_answer(bundles, lot, word, text):
    policy, made = bundles
    verdict = check(made[lot], policy)
    (line,) = [line for line in verdict.lines() if line.startswith("recall ")]
    assert line.startswith(f"recall      {word:<8} {text}")
    last = verdict.lines()[-1]
    assert (last == "Everything that was asked holds.") is (word in {"none", "cleared"})
    if word in {"held", "RECALLED"}:
        assert last.startswith("These records are genuine, and by them this lot is ")
        assert f"{word.upper()}: do not eat or sell it" in last
    assert verdict.to_json()["text"] == last
    told = verdict.to_json()["recall"]
    assert told["answer"] == word.lower()
    assert told["as_of"].startswith("2026-01-01T")
    assert [r["hazard"] for r in told["recalls"]] == [WORDS] * (lot != "none")
    assert verdict.exit_code == 0


def test_without_trust_or_with_a_statement_withheld_nobody_is_told_that_there_is_no_recall(bundles):
    policy, made = bundles
    for lot in ("none", "cleared"):
        assert check(made[lot], None).to_json()["recall"]["answer"] == "unknown"
        journey = check(made[lot], policy).journey
        assert journey is not None
        last = replace(journey.records[-1], shown=False)
        assert standing_of(replace(journey, records=(*journey.records[:-1], last))).answer is None
        elsewhere = replace(last, stream="https://id.gs1.org/8004/9520001ROOM")
        hidden = replace(journey, records=(*journey.records, elsewhere))
        assert standing_of(hidden).answer == Answer(lot), "an asset's stream holds no recalls"


def test_a_recall_is_told_whoever_vouches_and_whatever_is_withheld(bundles):
    _, made = bundles
    verdict = check(made["recalled"], None)
    assert verdict.to_json()["recall"]["answer"] == "recalled"
    assert any(line.startswith("recall      RECALLED by Farm") for line in verdict.lines())
    assert verdict.exit_code == 2
    assert "RECALLED" in verdict.lines()[-1]
    assert "not all could be checked" in verdict.lines()[-1]


def test_what_does_not_match_says_nothing_of_recalls(bundles):
    policy, made = bundles
    verdict = check(made["recalled"].replace(b'"version": 1', b'"version": 2').replace(b"e", b"f", 1), policy)
    assert verdict.exit_code == 1
    assert verdict.to_json()["recall"] == {"answer": "unknown", "as_of": None, "recalls": []}
    assert any(line.startswith("recall      unknown  ") for line in verdict.lines())


@pytest.mark.parametrize("answer", [Answer.NONE, Answer.CLEARED])
def test_what_was_made_of_other_lots_is_told_for_itself_alone(answer):
    alone = "of this lot alone: what it was made from has proofs of its own"
    assert alone not in Standing(answer, (), 0).words({})[1]
    assert Standing(answer, (), 0, made_of_others=True).words({})[1].endswith(alone)
    assert alone not in Standing(Answer.RECALLED, (), 0, made_of_others=True).words({})[1]


@pytest.mark.parametrize("exit_code", [0, 1, 2])
def test_the_last_line_of_a_recalled_lot_is_a_whole_sentence(exit_code):
    line = Standing(Answer.RECALLED, (), 0).last_line(exit_code)
    assert line[0].isupper()
    assert line.endswith("by them this lot is RECALLED: do not eat or sell it.")
