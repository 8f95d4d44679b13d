"""What a shopper sees of a correction: the right step once, what it was folded under it, nothing left out."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.support.web import site_of
from tests.support.world import GTIN
from traceability.identifiers import Batch
from traceability.operations.accounts.trail import Actor
from traceability.operations.correct import Correction, correct, find_own
from traceability.operations.lotdata import lot_data
from traceability.operations.record import record_event
from traceability.operations.steps import Entered, Where, event_of
from traceability.supply.lineage import Amount
from traceability.verification.verdict import check
from webapp.consumer.corrected import corrections, creation, is_taken_back, standing

NAMES = {"en": "Strawberries", "zh": "草莓"}
BY = Actor("worker", None, "web")
NORTH, SOUTH = (
    Where(None, {"en": name, "zh": name}, centre)
    for centre, name in (("geo:60,10", "Northland"), ("geo:40,10", "Southland"))
)


@pytest.fixture
def farm(lone):
    return lone.party("Farm")


def entered(world, step, where=SOUTH, **members):
    amount = Amount(world.batch("L1"), Decimal(5), "KGM")
    if step == "harvest":
        members.setdefault("ilmd", lot_data(NAMES))
    return Entered(step, amount, members.pop("at_ms", world.now_ms), where=where, **members)


def record(world, farm, *given, **members):
    return record_event(world.store, world.node, farm, event_of(entered(world, *given, **members), farm))


def put_right(world, farm, wrong, instead=None):
    with world.store.reading() as connection:
        event, context = find_own(connection, farm, wrong.event_id)
    event_instead = None if instead is None else event_of(instead, farm)
    return correct(
        world.store, world.node, BY, farm, Correction(event, context, world.now_ms, instead=event_instead)
    )


def page_of(world, lang="en"):
    world.publish()
    with site_of(world) as app:
        answer = app.test_client().get(Batch(GTIN, "L1").path, query_string={"lang": lang})
    assert answer.status_code == 200
    return answer.text


def journey_of(world):
    world.publish()
    found = check(world.bundle(world.batch("L1")), world.node.policy).journey
    assert found is not None
    return found


def way(page):
    return page[page.index('<ol class="timeline">') : page.index("</ol>")]


def test_what_was_put_right_stands_once_with_what_it_was_folded_under_it(lone, farm):
    record(lone, farm, "harvest", SOUTH)
    lone.wait(minutes=1)
    wrong = record(lone, farm, "pack", NORTH)
    lone.wait(minutes=1)
    put_right(lone, farm, wrong, entered(lone, "pack", SOUTH))
    page = page_of(lone)
    assert way(page).count("<h3>") == 2
    packed = way(page)[way(page).index("<h3>Packed</h3>") :]
    shown, _, folded = packed.partition('<details class="before"><summary>Corrected on')
    assert "Southland" in shown
    assert "Northland" not in shown
    assert "Northland" in re.findall("<del>(.*?)</del>", folded, re.DOTALL)[0]
    assert "Northland" not in page.replace(way(page), ""), "the map and the list go by what is right"
    assert "km from place to place" not in page, "nothing went to the north"
    assert "已于" in page_of(lone, "zh")
    found = journey_of(lone)
    assert [h.seq for h in standing(found)] == [0, 3]
    assert len(found.records) == 4, "the proof holds the error and its declaration"


def test_a_correction_that_was_wrong_too_shows_both_that_it_was(lone, farm):
    record(lone, farm, "harvest", SOUTH)
    wrong = record(lone, farm, "pack", NORTH)
    lone.wait(minutes=1)
    second = put_right(lone, farm, wrong, entered(lone, "pack", NORTH))[1]
    lone.wait(minutes=1)
    put_right(lone, farm, second, entered(lone, "pack", SOUTH))
    page = way(page_of(lone))
    assert page.count("<h3>Packed</h3>") == 1
    assert page.count("Corrected on") == 2


def test_what_never_happened_is_struck_and_still_told(lone, farm):
    record(lone, farm, "harvest", SOUTH)
    wrong = record(lone, farm, "pack", NORTH)
    put_right(lone, farm, wrong)
    page = page_of(lone)
    assert '<li class="corrected"><h3>Packed</h3>' in way(page)
    assert way(page).count("Taken back on") == 1
    assert "km from place to place" not in page


def test_a_harvest_is_told_as_it_was_put_right(lone, farm):
    made = record(lone, farm, "harvest", NORTH)
    lone.wait(minutes=1)
    put_right(lone, farm, made, entered(lone, "harvest", SOUTH))
    page = page_of(lone)
    lead = re.findall('<p class="lead">(.*?)</p>', page, re.DOTALL)[0]
    assert "Southland" in lead
    assert "Northland" not in lead
    assert "Strawberries" in page
    assert creation(journey_of(lone)).seq == 2


def test_a_harvest_that_was_taken_back_is_no_beginning(lone, farm):
    put_right(lone, farm, record(lone, farm, "harvest", SOUTH))
    page = page_of(lone)
    assert "has taken that back" in page
    assert "Strawberries" in page, "the lot is still called what it was called"
    assert is_taken_back(journey_of(lone))


def test_nobody_s_declaration_strikes_the_record_of_another(lone, farm):
    record(lone, farm, "harvest", SOUTH)
    wrong = record(lone, farm, "pack", NORTH)
    put_right(lone, farm, wrong)
    found = journey_of(lone)
    other = replace(
        found,
        happenings=tuple(
            replace(h, party="https://id.gs1.org/417/9520000000011") if h.seq == 2 else h
            for h in found.happenings
        ),
    )
    assert [h.seq for h in standing(other)] == [0, 1]
    assert corrections(other)[0].was.seq == 2, "it stands for itself, as taken back"
