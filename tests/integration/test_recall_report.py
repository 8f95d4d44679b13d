"""The report of a case: what it says, in both languages, and that nobody writes markup into it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.cases import Office
from tests.support.pdf import text_of
from tests.support.recalls import ITEM, NOTICE, PALLET, YOGHURT, A
from traceability.operations.recalling.answers import Fate, answer
from traceability.operations.recalling.closing import close_case, drop_case
from traceability.operations.recalling.notices import acknowledge
from traceability.operations.recalling.pdf import render_pdf
from traceability.operations.recalling.proposals import withdraw
from traceability.operations.recalling.report import report_of
from traceability.operations.recalling.timeline import Step, timeline
from traceability.operations.recalling.words import LOST, named_thing
from traceability.operations.recallscope import Lost
from traceability.supply.recall import Outcome


@pytest.fixture
def office(lone):
    return Office(lone)


def reported(office, case):
    with office.world.store.reading() as connection:
        return report_of(connection, office.world.node, office.now(case), office.world.now_ms)


def worked_through(office, **more):
    """A case in which everything happens."""
    world = office.world
    case = office.open(**more)
    world.wait(minutes=1)
    office.propose(case)
    withdraw(world.store, office.ada, case.id)
    world.wait(minutes=1)
    office.propose(case)
    world.wait(minutes=1)
    office.approve(case)
    world.publish()
    for person in (office.fay, office.pat, office.dan):
        world.wait(minutes=10)
        acknowledge(world.store, person, case.id)
    world.wait(minutes=1)
    answer(world.store, office.dan, case.id, YOGHURT, {Fate.DESTROYED: "9"}, note="burnt")
    world.wait(minutes=1)
    close_case(world.store, world.node, office.ada, case.id, Outcome.REMOVED, "all but 1 kg")
    return case


def test_the_timeline_says_who_did_what_and_what_of_it_is_signed(office):
    case = worked_through(office)
    with office.world.store.reading() as connection:
        entries = timeline(connection, office.now(case))
    assert [(entry.step, entry.user, entry.signed) for entry in entries] == [
        (Step.OPENED, "ada", False),
        (Step.FOUND, None, False),
        (Step.PROPOSED, "ada", False),
        (Step.WITHDRAWN, "ada", False),
        (Step.PROPOSED, "ada", False),
        (Step.APPROVED, "ben", False),
        (Step.ISSUED, None, True),
        *[(Step.NOTIFIED, None, False)] * 3,
        *((Step.ACKNOWLEDGED, name, False) for name in ("fay", "pat", "dan")),
        (Step.ANSWERED, "dan", False),
        (Step.CLOSED, None, True),
        (Step.CLOSED, "ada", False),
    ]


def test_a_report_has_scope_times_effectiveness_and_the_checkpoint(office):
    case = worked_through(office)
    office.world.publish()
    found = reported(office, case)
    minute = 60_000
    assert (found.timing.issued_ms, found.timing.closed_ms) == (3 * minute, 35 * minute + 1000)
    assert found.timing.acknowledged_ms == 33 * minute + 1000
    assert found.checkpoint is not None
    text = text_of(render_pdf(found)).replace("\n", "")
    lot_a = "GTIN 09520000000011 · lot 批次 A"
    assert A not in text, "people look for what stands on the label"
    for said in (
        *(
            case.id,
            "Report of",
            "召回报告",
            "Salmonella",
            "沙门氏菌",
            lot_a,
            "9 / 10 KGM",
            "ada",
            "ben",
            "Dairy",
        ),
        *(
            "3 of 3 holders acknowledged",
            "+0:33:01.0",
            found.checkpoint.root[:20],
            "Shipped, and never received · 已发出，但从未收到",
        ),
        *("all but 1 kg", "9 (90 %)"),
    ):
        assert said.replace(" ", "") in text.replace(" ", ""), said
    assert "DRILL" not in text


def test_a_drill_says_on_every_page_that_it_is_one(office):
    text = text_of(render_pdf(reported(office, worked_through(office, drill=True))))
    assert "演练：并非召回" in text.replace("\n", "")
    assert text.count("DRILL · ") == 2


def test_what_people_write_is_no_markup(office):
    """The library's paragraphs would take it for tags, and once evaluated what stood in a colour."""
    evil = '<font color="[[1].append(1)]">x</font> & <para>'
    case = office.open()
    office.propose(case, notice=replace(NOTICE, hazard={"en": evil, "zh": evil}))
    text = text_of(render_pdf(reported(office, case))).replace("\n", "")
    assert evil.replace(" ", "") in text.replace(" ", "")


def test_a_thing_is_named_as_on_its_label_in_both_languages(office):
    case = office.open(office.fay, office.world.harvest(office.farm, "N/1"))
    text = text_of(render_pdf(reported(office, case))).replace("\n", "").replace(" ", "")
    assert f"Strawberries草莓·GTIN{office.world.gtin}·lot批次N/1" in text
    named = [named_thing(uri, {}) for uri in (PALLET, ITEM, "urn:x:1")]
    assert named == [
        "SSCC 095200000000000011",
        "GTIN 09520000000011 · serial 序列号 7",
        "urn:x:1",
    ]
    assert LOST.keys() == set(Lost)


def test_a_firm_reads_which_authority_closed_its_case_and_no_name_of_its_people(office):
    case = office.open(office.fay)
    office.propose(case, office.fay)
    office.world.wait(minutes=1)
    drop_case(office.world.store, office.world.node, office.ada, case.id)
    with office.world.store.reading() as connection:
        for person, name in ((office.fay, None), (office.ben, "ada")):
            entries = timeline(connection, office.now(case), person)[-2:]
            assert [(e.step, e.party, e.user) for e in entries] == [
                (Step.WITHDRAWN, office.ada.party, name),
                (Step.CLOSED, office.ada.party, name),
            ]
