"""The walk of a trace, against going through every time-respecting path."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.links import Graph, brute_force
from traceability.supply.lineage import LinkKind
from traceability.supply.tracing.ahead import BEGIN, LEAST
from traceability.supply.tracing.trace import Direction, Mode, Options
from traceability.supply.tracing.walk import walk

INPUT, OUTPUT, PACK, UNPACK, SEEN, TAKE = LinkKind
THINGS, PROCESSES, TIMES = range(1, 7), range(11, 14), range(9)
FORWARD, BACKWARD = Options(), Options(Direction.BACKWARD)


def link(src, kind, at, dst, quantity=None, uom=None):
    return src, int(kind), at, dst, quantity, uom


@st.composite
def links(draw):
    thing, at = st.sampled_from(THINGS), st.integers(1, 7)
    process = st.sampled_from(PROCESSES)
    kind = draw(st.sampled_from(LinkKind))
    match kind:
        case LinkKind.INPUT:
            return link(draw(thing), kind, draw(at), draw(process))
        case LinkKind.OUTPUT:
            return link(draw(process), kind, draw(at), draw(thing))
        case _:
            child, parent = draw(thing), draw(thing)
            if child == parent:
                return link(child, UNPACK, draw(at), parent)
            return link(child, kind, draw(at), parent, str(draw(st.integers(1, 3))), "KGM")


GRAPHS = st.builds(
    Graph,
    st.lists(links(), max_size=22),
    ahead_of=st.sampled_from((0, 2, 5, 99)),
    few=st.sampled_from((0, 1, 99)),
)
OPTIONS = st.builds(
    Options,
    direction=st.sampled_from(Direction),
    contact=st.booleans(),
    from_ms=st.sampled_from((Options().from_ms, 2, 4)),
    to_ms=st.sampled_from((Options().to_ms, 6, 4)),
    depth=st.sampled_from((99, 1, 2)),
)
STARTS = st.dictionaries(st.sampled_from(THINGS), st.none() | st.integers(0, 8), min_size=1, max_size=2)


def reached(graph, starts, options=FORWARD):
    return {thing.id for thing in walk(graph, starts, options).things}


@settings(max_examples=150)
@given(GRAPHS, STARTS, OPTIONS, st.frozensets(st.sampled_from(THINGS), max_size=2))
def test_a_trace_finds_what_a_brute_force_walk_finds_and_nothing_else(graph, starts, options, stops):
    graph.stops = stops
    found = {thing.id: thing.depth for thing in walk(graph, starts, options).things}
    assert found == brute_force(graph, starts, options, TIMES)


@settings(max_examples=60)
@given(GRAPHS, st.booleans(), st.frozensets(st.sampled_from(THINGS), max_size=1))
def test_forward_and_backward_are_each_others_inverse(graph, contact, stops):
    graph.stops = stops
    ahead = {x: reached(graph, {x: None}, Options(contact=contact)) for x in THINGS}
    back = {y: reached(graph, {y: None}, replace(BACKWARD, contact=contact)) for y in THINGS}
    assert {(x, y) for x in THINGS for y in ahead[x]} == {(x, y) for y in THINGS for x in back[y]}


@settings(max_examples=60)
@given(GRAPHS, st.randoms(use_true_random=False), OPTIONS)
def test_the_answer_does_not_depend_on_the_order_of_the_links(graph, random, options):
    shuffled = replace(graph, rows=random.sample(graph.rows, len(graph.rows)))
    one, other = (walk(each, {1: None}, options) for each in (graph, shuffled))
    assert (one.things, one.processes, one.packed) == (other.things, other.processes, other.packed)
    assert sorted(one.links) == sorted(other.links)


def chain(length):
    """Thing 1 becomes 2, 2 becomes 3 and so on; the processes are 1001, 1002 and so on."""
    rows = []
    for number in range(1, length + 1):
        process = 1000 + number
        rows += [link(number, INPUT, number, process), link(process, OUTPUT, number, number + 1)]
    return Graph(rows)


def test_a_batch_packed_after_another_had_left_is_not_reached():
    left = [link(1, PACK, 1, 9), link(3, PACK, 3, 9), link(1, UNPACK, 4, 9), link(3, UNPACK, 4, 9)]
    graph = Graph([*left, link(2, PACK, 5, 9)])
    assert reached(graph, {1: None}) == {1, 9}, "neighbours do not reach one another unless that is asked for"
    assert reached(graph, {1: None}, Options(contact=True)) == {1, 3, 9}


def test_what_left_a_pallet_before_the_pallet_was_used_has_nothing_to_do_with_it():
    used = [link(9, INPUT, 6, 100), link(100, OUTPUT, 6, 4)]
    assert reached(Graph([link(1, PACK, 1, 9), link(1, UNPACK, 4, 9), *used]), {1: None}) == {1, 9}
    assert reached(Graph([link(1, PACK, 1, 9), link(1, UNPACK, 7, 9), *used]), {1: None}) == {1, 4, 9}


def test_what_was_in_a_pallet_when_it_was_emptied_has_left_it():
    packed, used = (
        [link(1, PACK, 1, 9), link(9, UNPACK, 4, 9)],
        [link(9, INPUT, 6, 100), link(100, OUTPUT, 6, 4)],
    )
    for few in (0, 9):
        graph = Graph(packed + used, few=few)
        assert reached(graph, {1: None}) == {1, 9}
        assert reached(graph, {4: None}, BACKWARD) == {4, 9}
        assert reached(Graph(packed[:1] + used, few=few), {4: None}, BACKWARD) == {1, 4, 9}


def test_an_input_comes_before_the_outputs_that_it_reaches():
    graph = Graph([link(100, OUTPUT, 4, 7), link(1, INPUT, 5, 100), link(100, OUTPUT, 6, 8)])
    assert reached(graph, {1: None}) == {1, 8}
    assert reached(graph, {7: None}, BACKWARD) == {7}


def test_a_state_carries_its_earliest_time_and_how_it_was_reached():
    graph = Graph([link(1, INPUT, 3, 100), link(100, OUTPUT, 5, 2), link(2, PACK, 7, 9)])
    walked = walk(graph, {1: None}, FORWARD)
    assert [(t.id, t.depth, t.mode, t.at_ms) for t in walked.things] == [
        (1, 0, Mode.AFFECTED, None),
        (2, 1, Mode.AFFECTED, 5),
        (9, 2, Mode.CARRYING, 7),
    ]
    assert [(p.id, p.depth, p.at_ms) for p in walked.processes] == [(100, 1, 3)]
    assert [t.at_ms for t in walk(graph, {9: 8}, BACKWARD).things] == [8, 8, 3]


def test_a_cycle_is_gone_through_once():
    graph = Graph([*chain(3).rows, link(4, INPUT, 4, 1004), link(1004, OUTPUT, 4, 1)])
    walked = walk(graph, {1: 2}, FORWARD)
    assert {thing.id for thing in walked.things} == {1}, "it was used before it was affected"
    walked = walk(graph, {1: None}, FORWARD)
    assert ({thing.id for thing in walked.things}, walked.cut) == ({1, 2, 3, 4}, None)


def test_links_are_fetched_once_a_thing_and_not_once_a_path():
    """A ladder of diamonds has two to the power of twenty paths."""
    rows = []
    for step in range(20):
        for side in (0, 1):
            process = 10_000 + 2 * step + side
            rows += [link(2 * step + other, INPUT, step, process) for other in (0, 1)]
            rows.append(link(process, OUTPUT, step, 2 * step + 2 + side))
    graph = Graph(rows)
    assert len(reached(graph, {0: None})) == 41
    assert graph.asked <= 4 * 21


def test_what_was_read_ahead_is_not_asked_for_again():
    slow, quick = chain(40), replace(chain(40), few=9)
    for options in (FORWARD, BACKWARD):
        start = {1: None} if options is FORWARD else {41: None}
        assert walk(slow, start, options) == walk(quick, start, options)
    assert slow.asked >= 4 * 40
    assert quick.asked <= 2 * 5


def test_reading_ahead_in_vain_gets_less_and_less():
    """Each lot went into a process that hundreds had left before; the store tells of them all."""
    steps, earlier = range(1, 6), range(2 * BEGIN)
    rows = [link(1000 + step, OUTPUT, 0, 1000 * step + 2000 + each) for step in steps for each in earlier]
    rows = [*chain(5).rows, *rows]
    graph = Graph(rows, few=9)
    assert len(reached(graph, {1: None})) == 6
    assert graph.limits[:5] == [1 + size for size in (BEGIN, BEGIN // 2, BEGIN // 4, LEAST, LEAST)]


def test_things_with_very_many_links_are_not_held():
    rows = [link(1, INPUT, 1, 100), *(link(100, OUTPUT, 1, thing) for thing in range(1000, 3000))]
    graph = Graph(rows, ahead_of=2, few=9)
    assert len(reached(graph, {1: None})) == 2001
    assert graph.asked == 9


def test_a_trace_that_meets_a_limit_says_so():
    assert walk(chain(5), {1: None}, FORWARD).cut is None
    assert walk(chain(5), {1: None}, Options(depth=3)).cut == "depth"
    long = chain(50)
    cut = walk(long, {1: None}, Options(max_things=4))
    assert (len(cut.things), cut.cut) == (4, "things")
    assert long.asked < 20, "it stops there, and does not only say less"
    assert {row[3] for row in cut.links if row[1] == OUTPUT} <= {thing.id for thing in cut.things}
    wide = Graph([link(1, INPUT, 1, 100), *(link(100, OUTPUT, 1, thing) for thing in range(1000, 3000))])
    assert walk(wide, {1: None}, Options(max_things=10)).cut == "links"
    used = [link(9, INPUT, 1, process) for process in range(1000, 3000)]
    emptied = Graph([link(1, PACK, 1, 9), *used, link(9, UNPACK, 2, 9)], frozenset({9}))
    assert walk(emptied, {1: None}, Options(max_things=10)).cut == "links"


def stuffed(names, *, leading):
    """Thing 1 became 2, 3 and 4; a liar says that it became a thousand times as much, event by event."""
    real = chain(3).rows
    rows = []
    for name in range(names):
        process = 10_000 + name // 50
        rows += [link(1, INPUT, 1, process), link(process, OUTPUT, 1, 100_000 + name)]
    if leading:
        rows += [link(100_000 + name, INPUT, 2, 9_999) for name in range(names)]
    return Graph([*rows, *real])


@pytest.mark.parametrize("options", [FORWARD, BACKWARD])
def test_names_that_lead_nowhere_do_not_end_a_trace_before_the_goods_behind_them(options):
    options = replace(options, max_things=300)
    graph = stuffed(900, leading=False)
    start = 1
    if options.direction is Direction.BACKWARD:
        turned = {INPUT: OUTPUT, OUTPUT: INPUT}
        graph = Graph([link(row[3], turned[LinkKind(row[1])], 9 - row[2], row[0]) for row in graph.rows])
    walked = walk(graph, {start: None}, options)
    assert {1, 2, 3, 4} <= {thing.id for thing in walked.things}
    assert (len(walked.things), walked.cut) == (300, "things")


def test_names_that_are_used_again_do_not_take_the_place_of_goods_in_the_answer():
    walked = walk(stuffed(250, leading=True), {1: None}, Options(max_things=253))
    assert {1, 2, 3, 4} <= {thing.id for thing in walked.things}
    assert (len(walked.things), walked.cut) == (253, "things")


def test_a_liar_who_names_goods_among_the_names_does_not_push_them_out():
    rows = stuffed(900, leading=False).rows
    last = 999_999  # in each of the liar's events behind all of its names
    mixed = [link(10_000 + event, OUTPUT, 1, last) for event in range(18)]
    real = [link(4, INPUT, 4, 1004), link(1004, OUTPUT, 4, last)]
    walked = walk(Graph([*rows, *mixed, *real]), {1: None}, Options(max_things=300))
    assert {1, 2, 3, 4, last} <= {thing.id for thing in walked.things}


def test_what_stops_a_trace_is_reached_and_not_left():
    graph = Graph(chain(5).rows, frozenset({1, 3}))
    walked = walk(graph, {1: None}, FORWARD)
    assert [t.id for t in walked.things] == [1, 2, 3]
    assert walked.stopped == frozenset({3})


def test_many_windows_on_many_steps_meet_the_limit_and_do_not_run_for_ever():
    lots = range(10, 1510)
    comings = [link(lot, PACK, 10 * lot, 1) for lot in lots] + [
        link(lot, UNPACK, 10 * lot + 5, 1) for lot in lots
    ]
    up = [link(1, PACK, 1, parent) for parent in range(5000, 6500)]
    assert walk(Graph(comings + up), dict.fromkeys(lots), Options(max_things=10_000)).cut == "links"
