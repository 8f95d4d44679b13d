"""A history rewritten with the log's own key passes every check but one: the code printed on the label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support import forge
from tests.support.forgery import signed
from tests.support.world import MINUTE_MS, Story
from traceability.errors import LabelMismatchError, TraceCodeError
from traceability.ledger.tracecode import ALPHABET, TraceCode, parse_trace_code, trace_code
from traceability.verification.answers import PARTS, Status
from traceability.verification.bundle import Bundle, parse_bundle
from traceability.verification.label import LabelCode
from traceability.verification.policy import Policy
from traceability.verification.verdict import Verdict, check


def codes(bundle: Bundle) -> list[TraceCode]:
    """What a label could have been printed with, at every count."""
    return [trace_code(record.seq + 1, record.hash) for record in bundle.streams[0].records()]


def without_last(bundle: Bundle) -> Bundle:
    """The newest record of the batch was never there."""
    return forge.with_batch(bundle, bundle.streams[0].links[:-1])


def salted(bundle: Bundle) -> Bundle:
    """The first statement was recorded with another salt."""
    first, *rest = bundle.streams[0].links
    return forge.with_batch(bundle, [replace(first, salt=bytes([7]) * 16), *rest])


def back_dated(bundle: Bundle) -> Bundle:
    """The last record of the batch is said to be older, or of the same time as the one before."""
    *rest, last = bundle.streams[0].links
    earlier = max(rest[-1].time_ms, last.time_ms - MINUTE_MS)
    return forge.with_batch(bundle, [*rest, replace(last, time_ms=earlier)])


@pytest.fixture(scope="module")
def other(story: Story) -> Bundle:
    """Another lot: harvested, inspected, shipped; by one party, so that no event needs a key of its own."""
    lot = story.world.harvest(story.farm, "L3")
    for step in ("inspect", "ship"):
        story.world.wait(minutes=90)
        story.world.event(step, story.farm, lot)
    story.world.publish()
    return parse_bundle(story.world.bundle(lot))


def of_label(verdict: Verdict, code: LabelCode, exit_code: int) -> None:
    assert verdict.label is not None
    assert (verdict.label.code, verdict.exit_code) == (code, exit_code), verdict.lines()


def test_the_label_of_an_honest_chain_fits_at_every_count(data: bytes, bundle: Bundle, policy: Policy):
    plain = check(data, policy)
    for code in codes(bundle):
        verdict = check(data, policy, code=code)
        of_label(verdict, LabelCode.SAME, 0)
        assert (verdict.parts, verdict.failure) == (plain.parts, None)
        assert verdict.to_json()["label"]["status"] == "holds"
        assert verdict.standing == plain.standing
    assert "label" not in plain.to_json()
    assert not any(line.startswith("label") for line in plain.lines())


@pytest.mark.parametrize("rewrite", [salted, back_dated])
def test_a_rewritten_chain_passes_every_check_but_the_label(
    story: Story, other: Bundle, policy: Policy, rewrite: Callable[[Bundle], Bundle]
):
    forged = signed(story, rewrite(other))
    assert check(forged, policy).exit_code == 0, check(forged, policy).lines()
    printed = codes(other)[-1]
    verdict = check(forged, policy, code=printed)
    of_label(verdict, LabelCode.OTHER, 1)
    assert isinstance(verdict.failure, LabelMismatchError)
    assert printed.text in str(verdict.failure)
    assert {part.name: part.status for part in verdict.parts} == dict.fromkeys(PARTS, Status.HOLDS)
    said = verdict.to_json()
    assert (said["failure"]["code"], said["label"]["code"]) == ("label-mismatch", "label-mismatch")
    assert said["recall"]["answer"] == "unknown"
    assert verdict.lines()[-1] == "Something does not match: do not rely on this file."


def test_a_label_binds_what_was_there_when_it_was_printed_and_nothing_later(
    story: Story, other: Bundle, policy: Policy
):
    forged = signed(story, back_dated(other))
    of_label(check(forged, policy, code=codes(other)[-2]), LabelCode.SAME, 0)
    of_label(check(forged, policy, code=codes(other)[-1]), LabelCode.OTHER, 1)


def test_a_chain_that_lost_its_newest_records_does_not_reach_the_label(
    story: Story, other: Bundle, policy: Policy
):
    forged = signed(story, without_last(other))
    verdict = check(forged, policy, code=codes(other)[-1])
    of_label(verdict, LabelCode.NOT_REACHED, 2)
    assert "records are gone" in verdict.lines()[5]
    assert verdict.to_json()["recall"]["answer"] == "unknown"


def test_the_records_of_its_cold_rooms_do_not_lengthen_a_batch_s_chain(
    data: bytes, bundle: Bundle, policy: Policy
):
    beyond = trace_code(len(codes(bundle)) + 1, bytes(32))
    of_label(check(data, policy, code=beyond), LabelCode.NOT_REACHED, 2)


def test_the_label_of_another_lot_does_not_fit(data: bytes, bundle: Bundle, other: Bundle, policy: Policy):
    for code in codes(other)[: len(codes(bundle))]:
        of_label(check(data, policy, code=code), LabelCode.OTHER, 1)


def test_a_label_is_compared_without_a_policy_too(data: bytes, bundle: Bundle, other: Bundle):
    of_label(check(data, None, code=codes(bundle)[0]), LabelCode.SAME, 2)
    of_label(check(data, None, code=codes(other)[0]), LabelCode.OTHER, 1)


def test_of_a_bundle_that_fails_the_label_says_nothing(data: bytes, bundle: Bundle, policy: Policy):
    of_label(check(data[:-1], policy, code=codes(bundle)[0]), LabelCode.UNASKED, 1)


def test_one_character_changed_is_a_slip_of_the_pen_and_no_accusation(bundle: Bundle):
    text = codes(bundle)[-1].text
    for i, char in enumerate(text):
        if char != "-":
            with pytest.raises(TraceCodeError):
                parse_trace_code(text[:i] + ALPHABET[ALPHABET.index(char) - 1] + text[i + 1 :])
