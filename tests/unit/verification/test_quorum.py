"""As of when a quorum is met, against trying every set of witnesses."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cosigned import Cosigner
from traceability.verification.quorum import Group, Quorum, Witness

NAMES = ("a", "b", "c", "d", "e", "f", "g")
WITNESSES = {name: Witness(name, Cosigner(name).verifier) for name in NAMES}


@st.composite
def quorums(draw: st.DrawFn) -> Quorum:
    """Some witnesses, some groups over what no group has yet, and any of the names as quorum."""
    names = list(NAMES[: draw(st.integers(1, len(NAMES)))])
    free, groups = list(names), []
    for number in range(draw(st.integers(0, 5))):
        if not free:
            break
        members = draw(st.lists(st.sampled_from(free), min_size=1, max_size=4, unique=True))
        free = [name for name in free if name not in members]
        groups.append(Group(f"group{number}", draw(st.integers(1, len(members))), tuple(members)))
        free.append(groups[-1].name)
    wanted = draw(st.sampled_from([*names, *(group.name for group in groups)]))
    return Quorum(tuple(WITNESSES[name] for name in names), tuple(groups), wanted)


TIMES = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 9))


def met_by(quorum: Quorum, present: frozenset[str], name: str) -> bool:
    """The definition of tlog-policy, word for word: at least k of its members have witnessed."""
    for group in quorum.groups:
        if group.name == name:
            return sum(met_by(quorum, present, member) for member in group.members) >= group.threshold
    return name in present


def meeting_sets(quorum: Quorum, times: Mapping[str, int]) -> list[frozenset[str]]:
    """Every set of witnesses with a cosignature that meets the quorum."""
    there = [w.name for w in quorum.witnesses if w.name in times]
    subsets = chain.from_iterable(combinations(there, size) for size in range(len(there) + 1))
    return [frozenset(s) for s in subsets if met_by(quorum, frozenset(s), quorum.wanted)]


@given(quorums(), TIMES)
def test_the_time_of_a_quorum_is_the_best_of_all_sets_that_meet_it(quorum: Quorum, times: dict[str, int]):
    best = [min(times[name] for name in subset) for subset in meeting_sets(quorum, times)]
    assert quorum.as_of(times) == (max(best) if best else None)


@given(quorums(), TIMES)
def test_the_time_of_a_quorum_is_the_largest_at_or_after_which_it_is_met(
    quorum: Quorum, times: dict[str, int]
):
    met = [
        at
        for at in range(11)
        if met_by(quorum, frozenset(name for name, made in times.items() if made >= at), quorum.wanted)
    ]
    assert quorum.as_of(times) == (met[-1] if met else None)


@given(quorums(), TIMES)
def test_the_missing_are_those_on_whom_it_can_still_depend(quorum: Quorum, times: dict[str, int]):
    absent = [w.name for w in quorum.witnesses if w.name not in times]
    subsets = chain.from_iterable(combinations(absent, size) for size in range(len(absent) + 1))
    cosigned = [frozenset(times) | frozenset(subset) for subset in subsets]
    decide = {
        name
        for name in absent
        for others in cosigned
        if met_by(quorum, others | {name}, quorum.wanted) and not met_by(quorum, others, quorum.wanted)
    }
    assert set(quorum.missing(times)) == decide
    assert bool(decide) == (quorum.as_of(times) is None)


@given(quorums(), TIMES)
def test_the_counted_meet_it_by_themselves_as_of_the_same_time(quorum: Quorum, times: dict[str, int]):
    counted = quorum.counted(times)
    assert bool(counted) == (quorum.as_of(times) is not None)
    assert quorum.as_of({name: times[name] for name in counted}) == quorum.as_of(times)


@given(quorums(), TIMES, st.sampled_from(NAMES), st.integers(0, 9))
def test_one_more_or_newer_cosignature_never_makes_it_older(
    quorum: Quorum, times: dict[str, int], name: str, at: int
):
    before, after = quorum.as_of(times), quorum.as_of(times | {name: max(at, times.get(name, 0))})
    assert before is None or (after is not None and after >= before)


def of(threshold: int, *members: str) -> Quorum:
    return Quorum(tuple(WITNESSES.values()), (Group("q", threshold, members),), "q")


@pytest.mark.parametrize(
    ("threshold", "times", "as_of"),
    [
        (3, {"a": 5, "b": 9, "c": 7}, 5),
        (1, {"a": 5, "b": 9, "c": 7}, 9),
        (2, {"a": 5, "b": 9, "c": 7}, 7),
        (2, {"a": 5, "b": 5}, 5),
        (2, {"a": 5, "d": 9}, None),
        (1, {}, None),
        (1, {"a": 0}, 0),
    ],
)
def test_all_is_the_oldest_any_the_newest_and_k_the_kth(
    threshold: int, times: dict[str, int], as_of: int | None
):
    assert of(threshold, "a", "b", "c").as_of(times) == as_of


def test_the_missing_are_those_of_groups_that_have_not_enough():
    quorum = Quorum(
        tuple(WITNESSES.values()),
        (Group("x", 2, ("a", "b", "c")), Group("y", 1, ("d", "e")), Group("both", 2, ("x", "y"))),
        "both",
    )
    assert quorum.missing({"a": 1, "d": 1}) == ("b", "c")
    assert quorum.missing({"a": 1, "b": 1}) == ("d", "e")
    assert quorum.missing({}) == ("a", "b", "c", "d", "e")
    assert quorum.missing({"a": 1, "b": 1, "e": 1}) == ()
    assert quorum.counted({"a": 1, "b": 3, "c": 2, "d": 9, "g": 9}) == ("b", "c", "d")


def test_no_quorum_has_no_time_and_misses_nobody():
    for quorum in (Quorum(), Quorum(tuple(WITNESSES.values()))):
        assert (quorum.asks, quorum.as_of({"a": 1})) == (False, None)
        assert quorum.missing({}) == quorum.counted({"a": 1}) == ()
